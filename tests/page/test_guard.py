"""The script's text: safe to stand in a document, and the same each time."""

from dataclasses import replace

from rtcguard.page.guard import GuardSettings, script

SETTINGS = GuardSettings(
    mode="relay",
    servers=(
        {
            "urls": ["turn:turn.example.org"],
            "username": "</script><!-- ]]>ü\u2028",
            "credential": "\"'&\\",
        },
    ),
    site_servers="drop",
    report_path="/r",
    token="t",
)


def test_it_is_ascii_and_ends_no_element() -> None:
    text = script(SETTINGS)
    assert text.isascii()
    for ending in ("</script", "<!--", "]]>", "\r"):
        assert ending not in text.lower()


def test_equal_settings_make_equal_scripts() -> None:
    assert script(SETTINGS) == script(replace(SETTINGS))
    assert script(SETTINGS) != script(replace(SETTINGS, mode="block"))


def test_comments_and_indentation_are_left_out() -> None:
    lines = script(SETTINGS).splitlines()
    assert not [line for line in lines if line.startswith(("//", " "))]

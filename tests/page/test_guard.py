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


def test_it_is_small_with_one_server_and_says_no_more_than_it_must() -> None:
    server = {
        "urls": ["turn:turn.example.org:3478?transport=udp"],
        "username": "1790000000:10.0.0.7",
        "credential": "a" * 28,
    }
    path = "/.well-known/rtcguard/report"
    text = script(replace(SETTINGS, servers=(server,), report_path=path, token="0" * 32))
    assert len(text) < 10_752
    assert "//" not in text.replace("http://www.w3.org", "")


def test_the_minifier_looks_nothing_up_that_a_page_can_change() -> None:
    """It writes `undefined` as `0[0]`, which asks Number.prototype."""
    assert "0[0]" not in script(SETTINGS)

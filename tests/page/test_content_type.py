"""What browsers make of a Content-Type: each row as Chromium and Firefox were seen to read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.page.content_type import read


@pytest.mark.parametrize(
    ("value", "essence", "charset"),
    [
        (None, "", None),
        ("", "", None),
        ("nonsense", "", None),
        ("*/*", "", None),
        ("text/html", "text/html", None),
        ("TEXT/HTML; charset=UTF-8", "text/html", "utf-8"),
        ('text/html;x=y; Charset="windows-1252"', "text/html", "windows-1252"),
        ("text/html; charset=nonsense", "text/html", None),
        ("text/html x", "text/html", None),
        ("text/html(x)", "text/html", None),
        ("text/html,charset=utf-8", "text/html", None),
        ("text/html, */*", "text/html", None),
        ("application/json, text/html", "text/html", None),
        ("text/html, x/y", "x/y", None),
        ("/html", "/html", None),
        ('text/html; charset="utf-16le', "text/html", "utf-16le"),
        ('text/html; charset="utf\\-16le"', "text/html", "utf-16le"),
        ("text/html; charset='utf-16le'", "text/html", None),
        ("text/html; charset = utf-16le", "text/html", None),
        ("text/html; charset=utf-16le x", "text/html", None),
        ("text/html charset=utf-16le", "text/html", None),
        ("text/html; charset=utf-16le; charset=utf-8", "text/html", "utf-16le"),
        ("text/html; charset=x; charset=utf-16le", "text/html", None),
        ('text/html; x="; charset=utf-8"; charset=utf-16le', "text/html", "utf-16le"),
        ("text/html; charset=utf-8, text/html; charset=utf-16le", "text/html", "utf-16le"),
        ("text/html; charset=utf-16le, text/html", "text/html", "utf-16le"),
        ("text/html; charset=utf-16le, charset=utf-8", "text/html", "utf-16le"),
        ("text/html; charset=utf-16le, text/plain", "text/plain", None),
        ('text/html; x="a, text/plain"', "text/html", None),
    ],
)
def test_read(value: str | None, essence: str, charset: str | None) -> None:
    found = read(value)
    assert (found.essence, found.charset) == (essence, charset)


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("text/html", "text/html"),
        ("Text/HTML; charset=UTF-8", "Text/HTML; charset=UTF-8"),
        ("text/html,charset=utf-8", "text/html"),
        ("application/json, text/html; charset=utf-16le", "text/html; charset=utf-16le"),
        ("multipart/x-mixed-replace; boundary=b", "multipart/x-mixed-replace; boundary=b"),
        ("text/html, x/y", "x/y"),
    ],
)
def test_what_is_not_clear_is_said_clearly(value: str, header: str) -> None:
    assert read(value).header == header


@given(st.text("text/html, ;=\"'\\charset-utf816()*x", max_size=50))
def test_what_is_said_clearly_is_read_the_same_again(value: str) -> None:
    found = read(value)
    again = read(found.header)
    assert (again.essence, again.charset) == (found.essence, found.charset)


def test_kinds() -> None:
    assert read("application/xhtml+xml").is_html and read("application/xhtml+xml").is_xml
    assert read("image/svg+xml; charset=utf-8").is_xml and read("text/xml").is_xml
    assert not read("text/html").is_xml and not read("text/plain").is_html
    assert read("unknown/unknown").is_sniffed and read(None).is_sniffed
    assert not read("text/plain").is_sniffed

"""Views: what is read through them, and the way back to the bytes of the message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling.views import JsonString, Whole, views

HOST = "candidate:1 1 udp 2122260223 192.168.1.5 46154 typ host"
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
         "\t": "\\t"}  # fmt: skip


@st.composite
def pieces(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """The characters of a JSON string: each as it is meant, and as it is written."""
    made = []
    for character in draw(st.text(max_size=30)):
        escaped = "".join(
            f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le")).cast("H")
        )
        ways = [escaped, escaped.upper().replace("U", "u")]
        if character in SHORT:
            ways.append(SHORT[character])
        if character not in '"\\' and character >= " ":
            ways.append(character)
        made.append((character.encode(), draw(st.sampled_from(ways)).encode()))
    return made


def clear(written: bytes) -> bytes:
    """What the text of a view should be: a surrogate pair stays two characters of three bytes."""
    made = b""
    for character in json.loads(b'"' + written + b'"'):
        escaped = ord(character) > 0xFFFF and written.isascii()
        units = memoryview(character.encode("utf-16-le")).cast("H") if escaped else [ord(character)]
        made += b"".join(chr(unit).encode("utf-8", "surrogatepass") for unit in units)
    return made


@given(pieces(), st.binary(max_size=9), st.data())
def test_the_way_back(
    written: list[tuple[bytes, bytes]], before: bytes, data: st.DataObject
) -> None:
    source = b"".join(raw for _, raw in written)
    view = JsonString(Whole(before + source + b'"'), len(before), len(before) + len(source))
    assert view.text == b"".join(clear(raw) for _, raw in written)
    first = data.draw(st.integers(0, len(written)))
    last = data.draw(st.integers(first, len(written)))
    start = sum(len(clear(raw)) for _, raw in written[:first])
    end = start + sum(len(clear(raw)) for _, raw in written[first:last])
    raw_start, raw_end = view.raw(start, end)
    assert (before + source)[raw_start:raw_end] == b"".join(raw for _, raw in written[first:last])


@given(st.lists(pieces(), min_size=1, max_size=3))
def test_the_way_back_through_three(parts: list[list[tuple[bytes, bytes]]]) -> None:
    """A string in a string in a string: the mark in the innermost is found from the outermost."""
    text = "\x00mark\x00 " + "".join(one.decode() for part in parts for one, _ in part)
    levels = 3
    content = text
    for _ in range(levels):
        content = json.dumps(content)
    raw = content.encode()
    view = Whole(raw)
    for _ in range(levels):
        view = JsonString(view, 1, len(view.text) - 1)  # type: ignore[assignment]
    start = view.text.index(b"mark")
    assert raw[slice(*view.raw(start, start + 4))] == b"mark"
    if text.isascii():
        assert view.text == text.encode()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb"\u0063andidate", b"candidate"),
        (rb"\u0063\u0061n", b"can"),
        (rb"a\/b\\c\"d", b'a/b\\c"d'),
        (rb"\r\n\t\b\f", b"\r\n\t\b\f"),
        (rb"\x\q", b"xq"),  # no escapes of JSON
        (rb"\u12", b"u12"),
        (rb"\uD83D\uDE00", b"\xed\xa0\xbd\xed\xb8\x80"),
        (rb"\uD800", b"\xed\xa0\x80"),
        (b"end\\", b"end\\"),
        ("Zoë".encode(), "Zoë".encode()),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"", b""),
    ],
)
def test_escapes(source: bytes, text: bytes) -> None:
    view = JsonString(Whole(source), 0, len(source))
    assert view.text == text
    assert view.raw(0, len(text)) == (0, len(source))


@pytest.mark.parametrize("depth", range(7))
def test_found_at_any_depth(depth: int) -> None:
    content = HOST
    for _ in range(depth):
        content = json.dumps({"data": content})
    raw = content.encode()
    (view,) = [view for view in views(raw) if view.text == HOST.encode()]
    assert raw[slice(*view.raw(0, len(view.text)))] == HOST.encode()


@pytest.mark.parametrize(
    "content",
    [
        '{"candidate":"%s"}',
        '{"a":"b","candidate": "%s" ,"c":"d"}',
        '["\\"","%s"]',
        '["\\\\","%s"]',
        '["\\\\\\"","%s"]',
        '"%s"',
        '"%s',
        '%s"',
        'it"s\n{"candidate":"%s"}',
        'it"s\r{"candidate":"%s"}',
        '{"\\u0063andidate":"%s"}',
    ],
)
def test_the_string_around(content: str) -> None:
    raw = (content % HOST.replace("typ", "\\u0074yp")).encode()
    assert HOST.encode() in {view.text for view in views(raw)}


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"text":"hello"}', b"\x00\xff" * 50, '{"a":"Zoë\\u00e9"}'.encode(), b"typo"],
)
def test_nothing_to_look_at(content: bytes) -> None:
    assert not list(views(content))


@given(st.binary(max_size=200) | st.text('"\\u0063typ\n candidate:', max_size=200).map(str.encode))
def test_total_and_within(content: bytes) -> None:
    for view in views(content):
        start, end = view.raw(0, len(view.text))
        assert 0 <= start <= end <= len(content)
        # A text is never longer than what it was read from: no escape is shorter than its meaning.
        assert len(view.text) <= end - start

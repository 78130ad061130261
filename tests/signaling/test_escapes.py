"""Escaped text: JSON strings, percent-encoding, character references, each read by another reader.

What is replaced is what a reader of the whole then finds replaced, and nothing else.
"""

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, unquote_to_bytes
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling import edits, escapes
from rtcguard.signaling.views import Make, Slice, View, Whole, exactly

from .offers import HOST

SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
         "\t": "\\t"}  # fmt: skip
NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&apos;"}
Piece = tuple[str, str]  # a character as it is meant, and as it is written


# As text is written


def units(character: str) -> list[int]:
    return memoryview(character.encode("utf-16-le")).cast("H").tolist()


@st.composite
def json_pieces(draw: st.DrawFn) -> list[Piece]:
    made = []
    for character in draw(st.text(max_size=20)):
        escaped = "".join(f"\\u{unit:04x}" for unit in units(character))
        ways = [escaped, escaped.upper().replace("U", "u")]
        if character in SHORT:
            ways.append(SHORT[character])
        if character not in '"\\' and character >= " ":
            ways.append(character)
        made.append((character, draw(st.sampled_from(ways))))
    return made


@st.composite
def percent_pieces(draw: st.DrawFn) -> list[Piece]:
    """Characters below 256, of which each stands for one byte."""
    made = []
    for character in draw(st.text(st.characters(max_codepoint=255), max_size=20)):
        ways = [f"%{ord(character):02x}", f"%{ord(character):02X}"]
        if character == " ":
            ways.append("+")
        elif character.isascii() and (character.isalnum() or character in "-._~:"):
            ways.append(character)
        made.append((character, draw(st.sampled_from(ways))))
    return made


@st.composite
def reference_pieces(draw: st.DrawFn) -> list[Piece]:
    """Characters that XML 1.0 allows, those that mean something to it never bare."""
    letters = st.characters(min_codepoint=0x20, max_codepoint=0x2FFF) | st.sampled_from("\n<>&'\"")
    made = []
    for character in draw(st.text(letters, max_size=20)):
        code = ord(character)
        ways = [f"&#{code};", f"&#{code:05};", f"&#x{code:x};", f"&#x{code:04X};"]
        if character in NAMED:
            ways.append(NAMED[character])
        elif character != "\n":
            ways.append(character)
        made.append((character, draw(st.sampled_from(ways))))
    return made


def from_json(raw: bytes) -> str:
    return json.loads(b'"' + raw + b'"')  # type: ignore[no-any-return]


def from_percent(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("latin-1")


def from_references(raw: bytes) -> str:
    return ElementTree.fromstring(b"<a>" + raw + b"</a>").text or ""


SYNTAXES: dict[str, tuple[st.SearchStrategy[list[Piece]], Callable[[bytes], str], str, str]] = {
    # The pieces, the reader, how it shows them as bytes, and an escape that makes no slice of it.
    "json": (json_pieces(), from_json, "utf-8", "\\u0021"),
    "percent": (percent_pieces(), from_percent, "latin-1", "%21"),
    "references": (reference_pieces(), from_references, "utf-8", "&#33;"),
}
OPEN = {
    "json": escapes.json_string,
    "percent": escapes.percent,
    "references": escapes.references,
}


class Opened:
    """A view on something written, with what stands before and behind it."""

    def __init__(self, name: str, source: bytes, before: bytes = b"", after: bytes = b"") -> None:
        self.whole = Whole(before + source + after)
        self.unsettled = False
        start = len(before)
        self.view: View = OPEN[name](self.whole, start, start + len(source), self._unsettle)
        self._ends = start, len(self.whole.text) - len(after)

    def _unsettle(self) -> None:
        self.unsettled = True

    def made(self) -> bytes:
        """The source as it is now; nothing around it has changed, and its length has not."""
        made, (start, end) = self.whole.edits.apply(self.whole.text), self._ends
        assert len(made) == len(self.whole.text)
        assert (made[:start], made[end:]) == (self.whole.text[:start], self.whole.text[end:])
        return made[start:end]


def shown(character: str, raw: str, encoding: str) -> bytes:
    """A character in a view: a surrogate pair stays two characters of three bytes."""
    if ord(character) > 0xFFFF and raw.startswith("\\u"):
        return b"".join(chr(unit).encode("utf-8", "surrogatepass") for unit in units(character))
    return character.encode(encoding)


MAKES: dict[str, Make] = {
    "zeros": lambda length: b"0" * length,
    "a tombstone": lambda length: edits.tombstone("host", length),
    "a candidate": lambda length: edits.inert("candidate:", length),
}


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("what", MAKES)
@given(data=st.data(), before=st.binary(max_size=5))
def test_what_is_replaced(name: str, what: str, data: st.DataObject, before: bytes) -> None:
    strategy, read, encoding, last = SYNTAXES[name]
    pieces = [*data.draw(strategy), ("!", last)]
    first = data.draw(st.integers(0, len(pieces) - 1))
    stop = data.draw(st.integers(first + 1, len(pieces)))
    source = "".join(raw for _, raw in pieces).encode()
    opened = Opened(name, source, before, b'"')
    clear = [shown(character, raw, encoding) for character, raw in pieces]
    assert opened.view.text == b"".join(clear)

    start, end = len(b"".join(clear[:first])), len(b"".join(clear[:stop]))
    written: list[bytes] = []

    def make(length: int) -> bytes | None:
        made = MAKES[what](length)
        written.append(made or b"")
        assert made is None or len(made) == length
        return made

    done = opened.view.replace(start, end, make)
    if not done:
        assert what != "zeros"  # these fill any length in any of them
        assert not opened.whole.edits
        return
    wanted = ["".join(c for c, _ in pieces[:first]), "".join(c for c, _ in pieces[stop:])]
    now = read(opened.made())
    assert [now[: len(wanted[0])], now[len(now) - len(wanted[1]) :]] == wanted
    middle = now[len(wanted[0]) : len(now) - len(wanted[1])].encode()
    assert middle in written
    # What got longer than it was has changed how what is around it reads, perhaps.
    assert opened.unsettled or len(middle) == end - start
    assert opened.view.covers(start)
    assert not first or not opened.view.covers(start - len(clear[first - 1]))
    assert stop == len(pieces) or not opened.view.covers(end)


# JSON


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
def test_json_escapes(source: bytes, text: bytes) -> None:
    opened = Opened("json", source)
    assert opened.view.text == text
    assert opened.view.replace(0, len(text), lambda length: b"0" * length)
    assert re.fullmatch(rb"(?:0|\\u0030)*", opened.made())


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@given(st.lists(st.text("abc =:/", min_size=1), min_size=1), st.data())
def test_line_ends_alone_are_a_slice(end: str, lines: list[str], data: st.DataObject) -> None:
    """Nearly every description is one. Two line ends for one keep the length."""
    at = data.draw(st.integers(0, len(lines) - 1))
    source = json.dumps(end.join(lines))[1:-1].encode()
    opened = Opened("json", source, b'{"sdp":"', b'"}')
    view = opened.view
    assert isinstance(view, Slice) and len(view.text) == len(source)
    assert [line.decode() for line in re.split(rb"[\r\n]+", view.text)] == lines
    start = sum(len(line) + 2 * len(end) for line in lines[:at])
    assert view.replace(start, start + len(lines[at]), lambda length: b"0" * length)
    lines[at] = "0" * len(lines[at])
    assert from_json(opened.made()) == end.join(lines)
    assert not opened.unsettled


def test_mixed_line_ends_are_no_slice() -> None:
    opened = Opened("json", rb"one\r\ntwo\nthree")
    assert not isinstance(opened.view, Slice)
    assert opened.view.text == b"one\r\ntwo\nthree"


def test_an_escaped_backslash_is_no_line_end() -> None:
    assert Opened("json", rb"C:\\new\n").view.text == b"C:\\new\n"


# Percent-encoding


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"a%3Dcandidate%3a1", b"a=candidate:1"),
        (b"1+udp%201", b"1 udp 1"),
        (b"100%", b"100%"),
        (b"%zz%4", b"%zz%4"),
        (b"%2541", b"%41"),  # not twice
        (b"%C3%AB", "ë".encode()),
    ],
)
def test_percent_escapes(source: bytes, text: bytes) -> None:
    assert Opened("percent", source).view.text == text


@pytest.mark.parametrize("encode", [lambda text: quote(text), lambda text: quote(text, safe="")])
def test_percent_stays_one_value(encode: Callable[[str], str]) -> None:
    """Nothing is written that would end a value of a form, or a URL."""
    sdp = f"v=0\r\na={HOST}\r\n"
    source = encode(sdp).encode()
    opened = Opened("percent", source, b"sdp=", b"&x=1")
    start = opened.view.text.index(b"a=candidate")
    end = start + len(HOST) + 2
    assert opened.view.replace(start, end, lambda length: edits.tombstone("host", length))
    ((_, value), other) = parse_qsl((b"sdp=" + opened.made() + b"&x=1").decode())
    assert other == ("x", "1")
    assert value.startswith("v=0\r\na=x-rtcguard:host 0") and value.endswith("0\r\n")
    assert b" " not in opened.made()


def test_a_space_in_a_form_stays_a_plus() -> None:
    """A bare space would end a URL, and a line of HTTP with it."""
    text = HOST.replace(" ", "+")
    opened = Opened("percent", text.encode() + b"%0A")
    assert opened.view.replace(0, len(text), lambda length: edits.inert("candidate:", length))
    assert b" " not in opened.made()
    assert from_percent(opened.made()).startswith("candidate:0 1 udp 0 0.0.0.0 9 typ host")


# Character references


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"a&#10;b&#x0D;c&#X41;", b"a\nb\rcA"),
        (b"&lt;&gt;&amp;&quot;&apos;", b"<>&\"'"),
        (b"&amp;#10;", b"&#10;"),  # not twice
        (b"&nbsp;&#;&#x;&", b"&nbsp;&#;&#x;&"),
        (b"&#235;", "ë".encode()),
        (b"&#xD800;", b"\xed\xa0\x80"),
        (b"&#1114112;&#xffffff;", b"&#1114112;&#xffffff;"),  # beyond the last character
    ],
)
def test_references(source: bytes, text: bytes) -> None:
    assert Opened("references", source).view.text == text


# Any of them


@pytest.mark.parametrize("name", SYNTAXES)
@given(
    source=st.binary(max_size=60) | st.text("\\u006%&#x;+ 1a\n", max_size=60).map(str.encode),
    data=st.data(),
)
def test_total_and_within(name: str, source: bytes, data: st.DataObject) -> None:
    """Whatever it is, and wherever in a character a span begins."""
    opened = Opened(name, source, b"<", b">")
    length = len(opened.view.text)
    assert length <= len(source)  # so what is written has room
    start = data.draw(st.integers(0, length))
    opened.view.replace(start, data.draw(st.integers(start, length)), lambda count: b"0" * count)
    assert len(opened.made()) == len(source)


def test_what_does_not_fit_is_not_written() -> None:
    opened = Opened("json", rb"\u0031\u0039\u0032.1.1.1\t")
    assert not opened.view.replace(0, 9, lambda length: b"0" * 9 if length == 8 else None)
    assert not opened.whole.edits


def test_what_is_as_wide_keeps_each_width() -> None:
    opened = Opened("json", rb"\u0031\u0039\u0032.1.1.1")
    assert opened.view.replace(0, 9, exactly(b"000.0.1.1"))
    assert opened.made() == rb"\u0030\u0030\u0030.0.1.1"

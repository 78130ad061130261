"""Views: windows of clear text on a message's bytes, each with the way back to those bytes.

A view's `text` is what a person would read; `raw(start, end)` says which bytes of the message hold
a piece of it. Views nest: a JSON string in a JSON string is a view on a view.

Strategy: nothing is parsed from the front. A search over the raw bytes finds *points of interest*
(what candidates and SDP cannot do without, or an escape that may hide it), and only the string
around such a point is opened. So a stray quote cannot shift the reading of what follows it, and
a message without such points costs one search.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, Protocol

# What no candidate and no description is without, or the escape of a printable ASCII character.
_POINT: Final = re.compile(
    rb"candidate|\btyp\b|ice-ufrag|v=0|IN IP[46]|\\u00[2-7]", re.IGNORECASE | re.ASCII
)
_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
# A JSON string from any of its characters up to its closing quote; possessive: no backtracking.
_STRING_REST: Final = re.compile(rb'[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+')
_SHORT: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_MAX_DEPTH: Final = 8
_SHORTEST: Final = 20  # no shorter string holds a candidate or a line with an address


class View(Protocol):
    """A window of clear text on the message."""

    text: bytes

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """The span of the message's bytes that holds `text[start:end]`."""


class Whole:
    """The message as it is."""

    def __init__(self, content: bytes) -> None:
        self.text = content

    def raw(self, start: int, end: int) -> tuple[int, int]:
        return start, end


class JsonString:
    """The characters of a JSON string (RFC 8259 section 7), between its quotes, without escapes.

    Escapes that JSON does not know stand for the character behind the backslash.
    """

    def __init__(self, parent: View, start: int, end: int) -> None:
        self._parent, self._start = parent, start
        source = parent.text[start:end]
        pieces: list[bytes] = []
        # After each escape: where the text and the source go on, side by side.
        self._clear_marks, self._source_marks = [0], [0]
        position = clear = 0
        for escape in _ESCAPE.finditer(source) if b"\\" in source else ():
            plain, meant = source[position : escape.start()], _meant(escape.group())
            pieces += plain, meant
            position = escape.end()
            clear += len(plain)
            # The character itself maps to the start of its escape, what follows to its end.
            self._clear_marks += clear, clear + len(meant)
            self._source_marks += escape.start(), position
            clear += len(meant)
        pieces.append(source[position:])
        self.text = b"".join(pieces)

    def raw(self, start: int, end: int) -> tuple[int, int]:
        return self._parent.raw(self._source(start), self._source(end))

    def _source(self, offset: int) -> int:
        index = bisect_right(self._clear_marks, offset) - 1
        return self._start + self._source_marks[index] + offset - self._clear_marks[index]


def views(content: bytes) -> Iterator[View]:
    """Every view on the message that holds a point of interest, the message itself first."""
    if _POINT.search(content):
        yield from _nested(Whole(content), 0)


def _nested(view: View, depth: int) -> Iterator[View]:
    yield view
    text, position = view.text, 0
    if depth == _MAX_DEPTH or (b'"' not in text and b"\\" not in text):
        return
    while (point := _POINT.search(text, position)) is not None:
        start, end = _string_around(text, position, point.start())
        if end - start >= _SHORTEST and (start, end) != (0, len(text)):
            yield from _nested(JsonString(view, start, end), depth + 1)
        position = max(end, point.end())


def _string_around(text: bytes, floor: int, point: int) -> tuple[int, int]:
    """The span between the quotes around `point`; empty where it stands in no string.

    A JSON string holds no line end, so both quotes are on the point's line. A missing quote is the
    end of that line: a message may be one piece of a longer text.
    """
    floor = max(floor, text.rfind(b"\n", floor, point) + 1, text.rfind(b"\r", floor, point) + 1)
    quote = text.rfind(b'"', floor, point)
    while quote > floor and _backslashes(text, floor, quote) % 2:
        quote = text.rfind(b'"', floor, quote)
    start = max(floor, quote + 1)
    rest = _STRING_REST.match(text, start)
    end = rest.end() if rest else start
    if quote < 0 and b"\\" not in text[start:end]:
        return point, point
    return start, end


def _backslashes(text: bytes, floor: int, end: int) -> int:
    start = end
    while start > floor and text[start - 1] == 0x5C:
        start -= 1
    return end - start


def _meant(escape: bytes) -> bytes:
    if escape[1:2] == b"u" and len(escape) == 6:
        return chr(int(escape[2:], 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(escape[1:], escape[1:])

"""Views: windows of clear text on a message's bytes, each with the way back to those bytes.

A view's `text` is what a person would read; `raw(start, end)` says which bytes of the message hold
a piece of it, and `write(start, text)` what to write there for another text of equal length. Views
nest: a JSON string in a JSON string is a view on a view.

Strategy: nothing is parsed from the front. A search over the raw bytes finds *points of interest*
(what candidates and SDP cannot do without, or an escape that may hide it), and only the string
around such a point is opened. So a stray quote cannot shift the reading of what follows it, and
a message without such points costs one search.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, Protocol

# What no candidate and no description is without, or the escape of an ASCII letter or digit. (Many
# encoders escape `<`, `>`, `&` and quotes for HTML's sake: those hide nothing.)
_POINT: Final = re.compile(
    rb"candidate|\btyp[ \t]|ice-ufrag|IN IP[46]|\\u00(?:3[0-9]|[46][1-9a-f]|[57][0-9a])",
    re.IGNORECASE | re.ASCII,
)
# One of these is in every message with a point; looked for first, since it is many times as fast.
_WORDS: Final = (b"candidate", b"typ ", b"typ\t", b"ice-ufrag", b"in ip4", b"in ip6", b"\\u00")
_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BACKSLASH: Final = re.compile(rb"\\")
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

    def write(self, start: int, text: bytes) -> tuple[int, bytes] | None:
        """Where in the message, and what, is to be written so that `text` (ASCII) stands at `start`
        and nothing changes its length; None where the encoding has no way to."""


class Whole:
    """The message as it is."""

    def __init__(self, content: bytes) -> None:
        self.text = content

    def raw(self, start: int, end: int) -> tuple[int, int]:
        return start, end

    def write(self, start: int, text: bytes) -> tuple[int, bytes] | None:
        return start, text


class JsonString:
    """The characters of a JSON string (RFC 8259 section 7), between its quotes, without escapes.

    Escapes that JSON does not know stand for the character behind the backslash.
    """

    def __init__(self, parent: View, start: int, end: int) -> None:
        self._parent, self._start = parent, start
        self._source = parent.text[start:end]
        self.text = _unescaped(self._source)
        # Made when they are first asked for: most strings hold nothing to edit.
        self._marks: tuple[list[int], list[int]] | None = None

    def raw(self, start: int, end: int) -> tuple[int, int]:
        return self._parent.raw(self._start + self._at(start), self._start + self._at(end))

    def write(self, start: int, text: bytes) -> tuple[int, bytes] | None:
        at, end = self._at(start), self._at(start + len(text))
        if b"\\" not in self._source[at:end]:
            return self._parent.write(self._start + at, text)
        written: list[bytes] = []
        for offset, character in enumerate(text, start):
            source = self._source[self._at(offset) : self._at(offset + 1)]
            if _unescaped(source) == bytes((character,)):
                written.append(source)
            elif len(source) == 1:
                written.append(bytes((character,)))
            elif len(source) == 6:
                written.append(b"\\u%04x" % character)
            else:  # `\/` and the like stand for themselves alone
                return None
        return self._parent.write(self._start + at, b"".join(written))

    def _at(self, offset: int) -> int:
        """Where in the source the character at `offset` of the text begins."""
        if b"\\" not in self._source:
            return offset
        if self._marks is None:
            self._marks = _marks(self._source)
        clear, source = self._marks
        index = bisect_right(clear, offset) - 1
        return source[index] + offset - clear[index]


def views(content: bytes) -> Iterator[View]:
    """Every view on the message that holds a point of interest, the message itself first."""
    lower = content.lower()
    if any(word in lower for word in _WORDS) and _POINT.search(content):
        yield from _nested(Whole(content), 0)


def _nested(view: View, depth: int) -> Iterator[View]:
    yield view
    text, position = view.text, 0
    if depth == _MAX_DEPTH or (b'"' not in text and b"\\" not in text):
        return
    while (point := _POINT.search(text, position)) is not None:
        start, end = _string_around(text, position, point.start())
        whole = start == 0 and end == len(text) and b"\\" not in text
        if end - start >= _SHORTEST and not whole:
            yield from _nested(JsonString(view, start, end), depth + 1)
        position = max(end, point.end())


def _string_around(text: bytes, floor: int, point: int) -> tuple[int, int]:
    """The span between the quotes around `point`; empty, at the end of what was looked at, where
    it stands in no string.

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
        return end, end
    return start, end


def _backslashes(text: bytes, floor: int, end: int) -> int:
    start = end
    while start > floor and text[start - 1] == 0x5C:
        start -= 1
    return end - start


def _unescaped(source: bytes) -> bytes:
    if b"\\" not in source:
        return source
    if not _is_plain(source):
        return _ESCAPE.sub(lambda escape: _meant(escape.group()), source)
    for letter, meant in _SHORT.items():
        source = source.replace(b"\\" + letter, meant)
    return source.replace(b"\\", b"")


def _is_plain(source: bytes) -> bool:
    """Whether every backslash begins an escape of two bytes for a character of one: by far the most
    strings are so, and reading them is several times as fast."""
    return not (b"\\u" in source or b"\\\\" in source or source.endswith(b"\\"))


def _marks(source: bytes) -> tuple[list[int], list[int]]:
    """After each escape: where the text and the source go on, side by side."""
    if _is_plain(source) and source.isascii():
        escapes = [escape.start() for escape in _BACKSLASH.finditer(source)]
        return [0, *(at - i + 1 for i, at in enumerate(escapes))], [0, *(at + 2 for at in escapes)]
    clear_marks, source_marks = [0], [0]
    position = clear = 0
    for escape in _ESCAPE.finditer(source):
        start, end = escape.span()
        clear += start - position
        position = end
        length = len(_meant(escape.group()))
        # The character itself maps to the start of its escape, what follows to its end.
        clear_marks += clear, clear + length
        source_marks += start, end
        clear += length
    return clear_marks, source_marks


def _meant(escape: bytes) -> bytes:
    if len(escape) == 6:
        return chr(int(escape[2:], 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(escape[1:], escape[1:])

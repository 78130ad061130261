"""Which views are opened on a view: what could hide a candidate is looked through.

Nothing is parsed from the front. The points that `scan` found say where something may be hidden,
and only what stands around a point is opened: a stray quote cannot shift the reading of what
follows it. A view that holds no point in turn is not looked at.

To look through one more encoding: a view (see `views`), a point for it in `scan`, a row here.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from rtcguard.errors import PayloadBlocked
from rtcguard.signaling import deflate, escapes, radix
from rtcguard.signaling.scan import SHORTEST_RUN, WORDS, Kind, Points
from rtcguard.signaling.views import View

MAX_DEPTH: Final = 8
_SHORTEST: Final = 20  # no shorter string holds a candidate or a line with an address

_INSIDE_JSON: Final = WORDS | {Kind.JSON_ESCAPE, Kind.REFERENCE}
# A JSON string from any of its characters up to its closing quote; possessive: no backtracking.
_STRING_REST: Final = re.compile(rb'[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+')
# What ends a percent-encoded text, in which a careless encoder leaves spaces and brackets bare; in
# front, `=` does too, behind a form's name.
_PERCENT_ENDS: Final = bytes(
    0 if byte < 0x20 or byte in b'\x7f"&\\' else 2 if byte == 0x3D else 1 for byte in range(256)
)
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}|\+(?:typ|ip[46])\+", re.IGNORECASE)
_RUN_CLASS: Final = bytes(
    1 if byte < 128 and (chr(byte).isalnum() or byte in b"+/-_") else 0 for byte in range(256)
)
_RUN: Final = b"\x01" * SHORTEST_RUN
_RUNS: Final = (int(Kind.RUN), int(Kind.SLASHED))
# A run, and its further lines, as MIME wraps them (RFC 2045 section 6.8).
_LETTERS: Final = re.compile(rb"[A-Za-z0-9+/_-]++(?:[\r\n]{1,4}+(?:data: ?)*+[A-Za-z0-9+/_-]++)*+")
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}|&#?\w{2,6};")
_JSON_ESCAPE: Final = re.compile(rb"[\r\n]*\\")
# A run without capitals, as no digit, space or full stop of a text is in base64, behind which no
# escape goes on.
_DULL: Final = re.compile(rb"(?:[a-z0-9+/_-]++(?:[\r\n]{1,4}+(?:data: ?)*+)?+)++(?![A-Z\\%&])")
_BEHIND_ESCAPE: Final = re.compile(rb"(?:%[0-9A-Fa-f]{2}|&#?\w{2,6};)[\r\n]*$")
_STANDARD: Final = re.compile(rb"(?:\n(?:data: ?)++|[A-Za-z0-9+/\r\n]){%d,}+" % SHORTEST_RUN)
_URL: Final = re.compile(rb"(?:\n(?:data: ?)++|[A-Za-z0-9_\-\r\n]){%d,}+" % SHORTEST_RUN)
# Characters of text, in UTF-16 too, and how many of them show that text goes on: not more than
# stand between the beginning of a candidate and where it may be cut.
_TEXT: Final = b"\0\t\r\n" + bytes(range(0x20, 0x7F))
_TEXT_BEFORE, _TEXT_BEHIND = 10, 4
_LEAST_HEX: Final = 2 * 28  # digits of the shortest candidate
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{%d,}+" % _LEAST_HEX)
_WIDE: Final = re.compile(rb"(?:[\x01-\xff]\x00){8,}+|(?:\x00[\x01-\xff]){8,}+")

Unsettle = Callable[[], None]
Span = tuple[int, int]


class Budget:
    """How much may be decoded for one message: bombs end here."""

    def __init__(self, length: int) -> None:
        self._left = 64 * length + (16 << 20)

    def spend(self, length: int) -> None:
        """Raises PayloadBlocked where it is used up."""
        self._left -= length
        if self._left < 0:
            raise PayloadBlocked("it unpacks to more than can be looked at")


def strings(view: View, points: Points) -> Iterator[Span]:
    """The JSON strings around points in words, each once."""
    text, position = view.text, 0
    if b'"' not in text and b"\\" not in text:
        return
    for point, kind in points:
        if point > position and kind in _INSIDE_JSON:
            start, end = string_around(text, position, point - 1)
            if end - start >= _SHORTEST and (start, end) != (0, len(text)):
                yield start, end
            position = max(end, point)


def opened(
    view: View, points: Points, inside: list[Span], budget: Budget, unsettle: Unsettle
) -> Iterator[View]:
    """The views on what `view` may hide outside of the JSON strings at `inside`."""
    seen = {kind for _, kind in points}
    if Kind.SLASHED in seen:
        seen.add(Kind.RUN)
    around = _Around(view, points, inside, budget, unsettle)
    for kind, opener in _OPENERS:
        if kind in seen:
            yield from opener(around)
    if view.is_binary:
        yield from _compressed(around)


@dataclass(frozen=True, slots=True)
class _Around:
    """What every opener is given."""

    view: View
    points: Points
    inside: list[Span]  # spans of `view.text` that another view looks at
    budget: Budget
    unsettle: Unsettle

    def outside(self, first: int) -> Iterator[Span]:
        """The stretches of `view.text` from `first` on that no other view looks at."""
        for start, end in self.inside:
            if start > first:
                yield first, start
            first = max(first, end)
        yield first, len(self.view.text)

    def end_of_inside(self, at: int) -> int:
        """Where the span ends that `at` is in, and 0 where it is in none."""
        index = bisect_right(self.inside, (at, len(self.view.text))) - 1
        end = self.inside[index][1] if index >= 0 else 0
        return end if at < end else 0


def string_around(text: bytes, floor: int, point: int) -> Span:
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
    end = _string_end(text, start)
    if quote < 0 and text.find(b"\\", start, end) < 0:
        return end, end
    return start, end


def _string_end(text: bytes, start: int) -> int:
    """Where the string that goes on at `start` ends."""
    end = text.find(b'"', start)
    breaks = (text.find(b"\n", start, end), text.find(b"\r", start, end)) if end >= 0 else ()
    if end >= 0 and text[end - 1] != 0x5C and max(breaks) < 0:
        return end
    rest = _STRING_REST.match(text, start)
    return rest.end() if rest else start


def _backslashes(text: bytes, floor: int, end: int) -> int:
    start = end
    while start > floor and text[start - 1] == 0x5C:
        start -= 1
    return end - start


def _percent(around: _Around) -> Iterator[View]:
    """Each text with a percent sign, up to what no such text holds."""
    view, text, position = around.view, around.view.text, 0
    ends = text.translate(_PERCENT_ENDS)
    while (found := _PERCENT.search(text, position)) is not None:
        position = found.start()
        start = max(ends.rfind(b"\0", 0, position), ends.rfind(b"\2", 0, position)) + 1
        end = ends.find(b"\0", position)
        end = len(text) if end < 0 else end
        if end - start >= _SHORTEST and not around.end_of_inside(position):
            around.budget.spend(end - start)
            yield escapes.percent(view, start, end, around.unsettle)
        position = max(end, position + 1)


def _runs(around: _Around) -> Iterator[View]:
    """Each run of letters of base64 or hex."""
    view, text = around.view, around.view.text
    point = next(end for end, kind in around.points if kind in _RUNS)
    for first, last in around.outside(max(0, point - 2 * SHORTEST_RUN)):
        if last - first < SHORTEST_RUN:
            continue
        classes = text[first:last].translate(_RUN_CLASS)
        position = 0
        while (at := classes.find(_RUN, position)) >= 0:
            start = first + at
            found = _DULL.match(text, start)
            if found is not None and b"\\" not in text[max(0, start - 2) : start]:
                end = found.end()
                if end - start < _LEAST_HEX or not _HEX.search(text, start, end):
                    position = end - first
                    continue
            before = text[max(0, start - 10) : start]
            found = _LETTERS.match(text, start)
            end = found.end() if found else start + SHORTEST_RUN
            position = end - first
            run = text[start:end]
            if _ESCAPE.match(text, end) or _BEHIND_ESCAPE.search(before):
                continue  # it goes on behind an escape, and is looked at without
            if _JSON_ESCAPE.match(text, end) or b"\\" in before[-2:]:
                string = string_around(text, 0, start)  # it goes on behind an escape
                if string[0] <= start < string[1] and string != (0, len(text)):
                    yield escapes.json_string(view, *string, around.unsettle)
                    position = max(end, string[1]) - first
                    continue
            if not run.islower() or _HEX.search(run):
                for reading in _readings(run):
                    yield from _letters(around, start, reading)


def _readings(run: bytes) -> Iterator[bytes]:
    """The run, and what of it may be all: encoders write lines of one length and a shorter last
    one, and what stands on the next line (a boundary of multipart) may only look like more."""
    yield run
    breaks = list(radix.LINE_END.finditer(run))
    ends = [found.start() for found in breaks]
    starts = [0, *(found.end() for found in breaks)]
    for index, end in enumerate(ends):
        following = ends[index + 1] if index + 1 < len(ends) else len(run)
        if following - starts[index + 1] != ends[0]:
            whole = radix.decoded(run)
            for last in (end, following) if following < len(run) else (end,):
                if not _goes_on(whole, len(radix.decoded(run[:last]))):
                    yield run[:last]
            return


def _goes_on(text: bytes, at: int) -> bool:
    """Whether what was decoded goes on as text at the end of a line of base64: what stands there is
    cut, not over, and read without the rest it would be none of the candidates that it is. Of bytes
    that are no text, and of what only looks like base64, so many in a row look like text once in a
    million."""
    seam = text[at - _TEXT_BEFORE : at + _TEXT_BEHIND]
    return at >= _TEXT_BEFORE and not seam.translate(None, _TEXT)


def _letters(around: _Around, start: int, run: bytes) -> Iterator[View]:
    standard, url = (b"+" in run or b"/" in run), (b"-" in run or b"_" in run)
    alphabets = (_STANDARD, _URL) if standard and url else (_STANDARD if standard else _URL,)
    for alphabet in alphabets:
        for piece in alphabet.finditer(run):
            # What stands in front may be of the alphabet too, so any of four letters may be first.
            for phase in range(4):
                source = piece.group()[phase:]
                around.budget.spend(len(source))
                at = start + piece.start() + phase
                yield radix.Base64(around.view, at, source, radix.decoded(source))
    for piece in _HEX.finditer(run):
        for phase in range(2):
            source = piece.group()[phase:]
            around.budget.spend(len(source))
            source = source[: len(source) // 2 * 2]
            yield radix.Hex(around.view, start + piece.start() + phase, source)


def _wide(around: _Around) -> Iterator[View]:
    text = around.view.text
    for run in _WIDE.finditer(text):
        start, end = run.span()
        around.budget.spend(2 * (end - start))
        yield radix.Wide(around.view, start, end, low=1 if text[start] == 0 else 0)
        if text[start] and text[end : end + 1] > b"\0":
            # A byte in front, of a length or of a byte order mark, may have been read as the first
            # letter: then high bytes come first, and one letter more is there.
            yield radix.Wide(around.view, start + 1, end + 1, low=1)


def _gzip(around: _Around) -> Iterator[View]:
    for point, kind in around.points:
        if kind == Kind.GZIP:
            yield from _inflated(around, point - 3, "gzip")


def _zlib(around: _Around) -> Iterator[View]:
    for point, kind in around.points:
        if kind == Kind.ZLIB and point > 2:  # one that begins the text is opened with it
            yield from _inflated(around, point - 2, "zlib")


def _references(around: _Around) -> Iterator[View]:
    text = around.view.text
    around.budget.spend(len(text))
    yield escapes.references(around.view, 0, len(text), around.unsettle)


def _compressed(around: _Around) -> Iterator[View]:
    """A whole text that is compressed without gzip's magic number."""
    text = around.view.text
    if len(text) >= _SHORTEST:
        if text[0] & 0x0F == 8 and int.from_bytes(text[:2], "big") % 31 == 0:  # RFC 1950, 2.2
            yield from _inflated(around, 0, "zlib")
        elif not any(kind in WORDS for _, kind in around.points):
            yield from _inflated(around, 0, "deflate")


def _inflated(around: _Around, start: int, form: deflate.Form) -> Iterator[View]:
    source = memoryview(around.view.text)[start : start + deflate.MOST]
    around.budget.spend(deflate.PROBE)
    found = deflate.inflate(source, form)
    if found is None:
        return
    around.budget.spend(len(source) + len(found.text))
    if form != "deflate" or (found.whole and found.length > len(source) - 3):
        payload = bytes(source[: found.length])
        yield deflate.Deflated(around.view, start, payload, found, form)


_OPENERS: Final[tuple[tuple[Kind, Callable[[_Around], Iterator[View]]], ...]] = (
    (Kind.PERCENT, _percent),
    (Kind.RUN, _runs),
    (Kind.WIDE, _wide),
    (Kind.GZIP, _gzip),
    (Kind.ZLIB, _zlib),
    (Kind.REFERENCE, _references),
)

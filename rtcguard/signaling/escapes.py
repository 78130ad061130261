r"""Views on text in which some characters are written as several: JSON, percent-encoding, XML.

JSON          \n  \/  \u0041     RFC 8259 section 7
percent       %0A  %2F  +        RFC 3986 section 2.1, and forms, where `+` is a space
references    &#10;  &amp;       XML 1.0 section 4.1
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rtcguard.signaling.views import Make, Slice, View, exactly


@dataclass(frozen=True, slots=True)
class Syntax:
    """How one kind of text escapes."""

    escape: re.Pattern[bytes]
    meant: Callable[[bytes], bytes]  # what one escape stands for
    write: Callable[[int, int], bytes | None]  # a character in so many bytes; None: no way
    quote: Callable[[bytes], bytes]  # ASCII text, with no more escapes than it needs
    widen: Callable[[bytes, int], bytes | None]  # what `quote` gave, so many bytes longer

    def clear(self, source: bytes) -> bytes:
        """What escaped text stands for."""
        return self.escape.sub(lambda escape: self.meant(escape.group()), source)


class Escaped(View):
    """The characters that escaped text stands for.

    Written is first what keeps the width of each character; where there is no way to, the shortest
    writing of a text that fills as many bytes. What is around may read otherwise then, so the
    message is looked at once more.
    """

    def __init__(
        self, parent: View, start: int, end: int, syntax: Syntax, unsettle: Callable[[], None]
    ) -> None:
        self._parent, self._start, self._syntax = parent, start, syntax
        self._source = parent.text[start:end]
        self._unsettle = unsettle
        self.text = syntax.clear(self._source)
        # Made when they are first asked for: most texts hold nothing to edit.
        self._marks: tuple[list[int], list[int]] | None = None

    def replace(self, start: int, end: int, make: Make) -> bool:
        at, to = self._at(start), self._at(end)
        raw = self._start + at, self._start + to
        if not self._syntax.escape.search(self._source, at, to):
            return self._parent.replace(*raw, make)
        self._unsettle()
        written = self._of_widths(start, end, make(end - start))
        if written is not None and self._parent.replace(*raw, exactly(written)):
            return True
        return self._parent.replace(*raw, lambda length: self._filling(make, length, end - start))

    def covers(self, start: int) -> bool:
        return self._parent.covers(self._start + self._at(start))

    def _of_widths(self, start: int, end: int, text: bytes | None) -> bytes | None:
        """`text` with each character as wide as the one that stands there."""
        if text is None:
            return None
        pieces: list[bytes] = []
        for offset, character in zip(range(start, end), text, strict=True):
            source = self._source[self._at(offset) : self._at(offset + 1)]
            if self._syntax.clear(source) == bytes((character,)):
                pieces.append(source)
                continue
            piece = self._syntax.write(character, len(source))
            if piece is None:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _filling(self, make: Make, length: int, before: int) -> bytes | None:
        """What `make` has to say in `length` bytes with its escapes: best as long as what stood
        there `before`, since what it stands in may count."""
        text = make(length)
        if text is None:
            return None
        longest = 2 * length - len(self._syntax.quote(text))
        for clear in (before, *range(min(length, longest + 8), max(0, longest - 16), -1)):
            text = make(clear)
            written = b"" if text is None else self._syntax.quote(text)
            if written and len(written) <= length:
                filled = self._syntax.widen(written, length - len(written))
                if filled is not None:
                    return filled
        return None

    def _at(self, offset: int) -> int:
        """Where in the source the character at `offset` of the text begins."""
        if self._marks is None:
            self._marks = self._made_marks()
        clear, source = self._marks
        index = bisect_right(clear, offset) - 1
        return source[index] + offset - clear[index]

    def _made_marks(self) -> tuple[list[int], list[int]]:
        """After each escape: where the text and the source go on, side by side."""
        clear_marks, source_marks = [0], [0]
        position = clear = 0
        for escape in self._syntax.escape.finditer(self._source):
            start, end = escape.span()
            clear += start - position
            position = end
            length = len(self._syntax.meant(escape.group()))
            # The character itself maps to the start of its escape, what follows to its end.
            clear_marks += clear, clear + length
            source_marks += start, end
            clear += length
        return clear_marks, source_marks


def _as_long(written: bytes, more: int) -> bytes | None:
    return None if more else written


# JSON ---------------------------------------------------------------------------------------

_SHORT: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _json_meant(escape: bytes) -> bytes:
    """Escapes that JSON does not know stand for the character behind the backslash."""
    if len(escape) == 6:
        return chr(int(escape[2:], 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(escape[1:], escape[1:])


def _json_write(character: int, width: int) -> bytes | None:
    if width == 6:
        return b"\\u%04x" % character
    return bytes((character,)) if width == 1 else None


_JSON: Final = Syntax(
    re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL),
    _json_meant,
    _json_write,
    lambda text: text,  # nothing that is written over anything needs an escape
    _as_long,
)


_LINE_ENDS: Final = ((b"\\r\\n", b"\r\n\r\n"), (b"\\n", b"\n\n"))


def json_string(parent: View, start: int, end: int, unsettle: Callable[[], None]) -> View:
    """What stands between the quotes of a JSON string, at `parent.text[start:end]`."""
    source = parent.text[start:end]
    if b"\\" not in source:
        return Slice(parent, start, source)
    # Nearly all strings with SDP have no other escapes than line ends. Two for one keep the
    # length, so such a text stands in its parent as it is; empty lines say nothing in SDP.
    for escape, line_ends in _LINE_ENDS:
        text = source.replace(escape, line_ends)
        if b"\\" not in text:
            return Slice(parent, start, text)
    return Escaped(parent, start, end, _JSON, unsettle)


# Percent-encoding ---------------------------------------------------------------------------


def _percent_meant(escape: bytes) -> bytes:
    return b" " if escape == b"+" else bytes((int(escape[1:], 16),))


def _percent_write(character: int, width: int) -> bytes | None:
    if width == 3:
        return b"%%%02X" % character
    return bytes((character,)) if _PLAIN.match(bytes((character,))) else None


def _percent_widen(written: bytes, more: int) -> bytes | None:
    """Padding is zeros: each that is written as an escape takes two bytes more."""
    pieces = _ZERO.split(written)
    if more % 2 or len(pieces) <= more // 2:
        return None
    kept = len(pieces) - more // 2
    return b"%30".join([b"0".join(pieces[:kept]), *pieces[kept:]])


_ZERO: Final = re.compile(rb"(?<!%)(?<!%.)0")
_PLAIN: Final = re.compile(rb"[A-Za-z0-9\-._~:]")


def _percent_syntax(space: bytes) -> Syntax:
    """Percent-encoding that writes spaces in that way."""
    not_plain = re.compile(rb"[^A-Za-z0-9\-._~: ]")

    def quote(text: bytes) -> bytes:
        escaped = not_plain.sub(lambda found: b"%%%02X" % found.group()[0], text)
        return escaped.replace(b" ", space)

    return Syntax(
        re.compile(rb"%[0-9a-fA-F]{2}|\+"), _percent_meant, _percent_write, quote, _percent_widen
    )


_SPACES: Final = {space: _percent_syntax(space) for space in (b"+", b" ", b"%20")}


def percent(parent: View, start: int, end: int, unsettle: Callable[[], None]) -> View:
    """Percent-encoded text. What is written has spaces as the text has: `+`, bare, or `%20`."""
    source = parent.text[start:end]
    space = next((one for one in _SPACES if one in source), b"%20")
    return Escaped(parent, start, end, _SPACES[space], unsettle)


# XML ----------------------------------------------------------------------------------------

_NAMED: Final = {b"&lt;": b"<", b"&gt;": b">", b"&amp;": b"&", b"&quot;": b'"', b"&apos;": b"'"}


def _reference_meant(escape: bytes) -> bytes:
    if escape in _NAMED:
        return _NAMED[escape]
    number = escape[2:-1].lower()
    code = int(number[1:], 16) if number.startswith(b"x") else int(number)
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else escape


def _reference_write(character: int, width: int) -> bytes | None:
    if width == 1:
        return bytes((character,))
    return b"&#%0*d;" % (width - 3, character) if width >= 6 else None


_REFERENCES: Final = Syntax(
    re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|lt|gt|amp|quot|apos);"),
    _reference_meant,
    _reference_write,
    lambda text: text,
    _as_long,
)


def references(parent: View, start: int, end: int, unsettle: Callable[[], None]) -> View:
    return Escaped(parent, start, end, _REFERENCES, unsettle)

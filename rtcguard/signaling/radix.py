"""Views on text whose bytes are written in another radix or width: base64, hex, UTF-16."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from rtcguard.signaling.edits import Edits
from rtcguard.signaling.views import Make, View, exactly

_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_URL: Final = bytes.maketrans(b"+/", b"-_")
LINE_END: Final = re.compile(rb"[\r\n]+(?:data: ?)*")  # that of server-sent events, too


def decoded(source: bytes) -> bytes:
    """What a run of base64 or base64url stands for, with or without padding, in lines or not.

    A last letter that stands for no whole byte is left out.
    """
    letters = _letters(source).translate(_STANDARD)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _letters(source: bytes) -> bytes:
    return LINE_END.sub(b"", source)


class Base64(View):
    """The bytes that a run of base64 (RFC 4648 sections 4 and 5) stands for.

    Three bytes share four letters, so edits are gathered here and written as whole groups.
    """

    is_binary = True

    def __init__(self, parent: View, start: int, source: bytes, text: bytes) -> None:
        self.text = text
        self._parent, self._start, self._source = parent, start, source
        self._edits = Edits()

    def replace(self, start: int, end: int, make: Make) -> bool:
        text = make(end - start)
        if text is None:
            return False
        self._edits.add(start, text)
        return True

    def covers(self, start: int) -> bool:
        return self._edits.covers(start)

    def flush(self) -> bool:
        if not self._edits:
            return True
        old = _letters(self._source)
        new = base64.b64encode(self._edits.apply(self.text))[: len(old)]
        if b"-" in old or b"_" in old:
            new = new.translate(_URL)
        lines = list(_lines(self._source))
        for first, last in _groups(self._edits.spans(), len(new)):
            for letters, at, length in lines:  # of a group in two lines, each gets its part
                start, end = max(first, letters), min(last, letters + length)
                if start < end:
                    raw = self._start + at + start - letters
                    piece = new[start:end]
                    if not self._parent.replace(raw, raw + len(piece), exactly(piece)):
                        return False
        return True


def _groups(spans: list[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """The letters that hold the bytes at `spans`; no letter twice."""
    first = last = 0
    for start, end in spans:
        if start // 3 * 4 > last:
            yield first, last
            first = start // 3 * 4
        last = min(-(-end // 3) * 4, length)
    yield first, last


def _lines(source: bytes) -> Iterator[tuple[int, int, int]]:
    """Each line of a run: how many letters are before it, where it begins, how long it is."""
    letters = position = 0
    for end in LINE_END.finditer(source):
        yield letters, position, end.start() - position
        letters, position = letters + end.start() - position, end.end()
    yield letters, position, len(source) - position


class Hex(View):
    """The bytes that pairs of hexadecimal digits stand for."""

    is_binary = True

    def __init__(self, parent: View, start: int, source: bytes) -> None:
        self.text = binascii.unhexlify(source)
        self._parent, self._start = parent, start
        self._upper = source.isupper()

    def replace(self, start: int, end: int, make: Make) -> bool:
        def digits(length: int) -> bytes | None:
            text = make(length // 2) if length % 2 == 0 else None
            if text is None:
                return None
            made = binascii.hexlify(text)
            return made.upper() if self._upper else made

        return self._parent.replace(self._start + 2 * start, self._start + 2 * end, digits)

    def covers(self, start: int) -> bool:
        return self._parent.covers(self._start + 2 * start)


_ASCII: Final = bytes(byte if byte < 128 else 0x3F for byte in range(256))


class Wide(View):
    """Text in UTF-16, one byte for each code unit; what is not ASCII shows as `?`."""

    def __init__(self, parent: View, start: int, end: int, low: int) -> None:
        """`low` is where in each pair the low byte stands: 0 or 1."""
        source = parent.text[start:end]
        self.text = source[low::2].translate(_ASCII)
        self._parent, self._start, self._low = parent, start, low

    def replace(self, start: int, end: int, make: Make) -> bool:
        def pairs(length: int) -> bytes | None:
            text = make(length // 2) if length % 2 == 0 else None
            if text is None:
                return None
            made = bytearray(length)
            made[self._low :: 2] = text
            return bytes(made)

        return self._parent.replace(self._start + 2 * start, self._start + 2 * end, pairs)

    def covers(self, start: int) -> bool:
        return self._parent.covers(self._start + 2 * start)

"""Views on compressed payloads: gzip (RFC 1952), zlib (RFC 1950), bare deflate (RFC 1951).

What was edited is compressed anew and padded to the very length that it had, so that whatever
stands around need not be touched. What rtcguard writes is mostly zeros and so gets shorter; where
it does not, the payload cannot go on.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from rtcguard.signaling.views import View, Whole, exactly

# One payload may hold this much; a description has some kilobytes. More is not looked at, and told.
MOST: Final = 4 << 20
Form = Literal["gzip", "zlib", "deflate"]
PROBE: Final = 1024  # bytes after which a payload has told something, or is none
_WBITS: Final[dict[Form, int]] = {"gzip": 31, "zlib": 15, "deflate": -15}
# FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT: RFC 1952 section 2.3.1.
_EXTRA, _NAME, _COMMENT, _HEADER_CHECK = 4, 8, 16, 2


@dataclass(frozen=True, slots=True)
class Inflated:
    """A payload as it was found: its text, its own bytes' length, and whether it was all of it."""

    text: bytes
    length: int
    whole: bool


def inflate(source: memoryview, form: Form) -> Inflated | None:
    """What a payload at the beginning of `source` holds; None where there is none."""
    try:
        if not zlib.decompressobj(_WBITS[form]).decompress(source[:PROBE], PROBE):
            return None
        stream = zlib.decompressobj(_WBITS[form])
        text = stream.decompress(source, MOST)
    except zlib.error:
        return None
    rest = len(stream.unused_data) + len(stream.unconsumed_tail)
    return Inflated(text, len(source) - rest, stream.eof)


class Deflated(Whole):
    """What a compressed payload at `parent.text[start:end]` holds."""

    def __init__(
        self, parent: View, start: int, source: bytes, found: Inflated, form: Form
    ) -> None:
        super().__init__(found.text)
        self._parent, self._start, self._source, self._form = parent, start, source, form
        self._whole = found.whole

    def flush(self) -> bool:
        if not self.edits:
            return True
        made = None
        if self._whole:
            made = deflate(self.edits.apply(self.text), self._source, self._form)
        if made is None:
            return False
        return self._parent.replace(self._start, self._start + len(made), exactly(made))


def deflate(text: bytes, source: bytes, form: Form) -> bytes | None:
    """`text` compressed in exactly as many bytes as `source`, whose header it keeps; None where
    it does not fit in."""
    if form == "gzip":
        header, tail = _gzip_header(source), zlib.crc32(text).to_bytes(4, "little")
        tail += (len(text) & 0xFFFFFFFF).to_bytes(4, "little")
    elif form == "zlib":
        header, tail = source[:2], zlib.adler32(text).to_bytes(4, "big")
    else:
        header, tail = b"", b""
    if header is None:
        return None
    room = len(source) - len(header) - len(tail)
    for body in _bodies(text):
        spare = room - len(body)
        if spare == 0:
            return header + body + tail
        padding = _empty_blocks(spare)
        if padding is not None:
            return header + padding + body + tail
        if spare > 0 and form == "gzip" and not header[3] & (_COMMENT | _HEADER_CHECK):
            # What no block can fill, a comment can: it comes last in the header.
            flags = bytes((header[3] | _COMMENT,))
            return header[:3] + flags + header[4:] + b"0" * (spare - 1) + b"\0" + body + tail
    return None


def _bodies(text: bytes) -> Iterator[bytes]:
    """Deflate streams for `text`: the shortest first, then others that differ a little in length,
    since not every difference can be padded."""
    for level in (9, 6, 4, 1):
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
            stream = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
            yield stream.compress(text) + stream.flush()
    for cut in range(1, min(len(text), 40)):
        stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
        body = stream.compress(text[:-cut]) + stream.flush(zlib.Z_BLOCK)
        yield body + stream.compress(text[-cut:]) + stream.flush()


def _empty_blocks(length: int) -> bytes | None:
    """Blocks of deflate that hold nothing, in exactly `length` bytes; None for 1 to 4 and 8.

    A stored block that begins a byte takes five. A block of fixed codes takes ten bits, so one, two
    or three before a stored one make it six, seven or nine (RFC 1951 sections 3.2.3 to 3.2.6).
    """
    for heads in ((), (1,), (2,), (1, 2), (3,)):
        made = b"".join(map(_fixed_and_stored, heads))
        rest = length - len(made)
        if rest >= 0 and rest % 5 == 0:
            return made + b"\x00\x00\x00\xff\xff" * (rest // 5)
    return None


def _fixed_and_stored(fixed: int) -> bytes:
    bits = sum(0b10 << (10 * index) for index in range(fixed))
    return bits.to_bytes((10 * fixed + 3 + 7) // 8, "little") + b"\x00\x00\xff\xff"


def _gzip_header(source: bytes) -> bytes | None:
    """The header of a gzip member, None where it is not whole."""
    flags, end = source[3], 10
    if flags & _EXTRA:
        end += 2 + int.from_bytes(source[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = source.find(b"\0", end) + 1
            if end == 0:
                return None
    if flags & _HEADER_CHECK:
        end += 2
    return source[:end] if end <= len(source) else None

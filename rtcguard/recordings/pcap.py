"""Captures in the older format of libpcap (pcap-savefile(5)): a header, then frames.

magic, version, zone, accuracy, snapshot length, link type        24 bytes, in either order
seconds, microseconds or nanoseconds, length, original length     16 bytes, then `length` bytes
"""

import struct
from collections.abc import Iterator
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.recordings.source import Source

# When it was captured (seconds since 1970), the link type, its bytes, its length on the link.
Frame = tuple[float, int, bytes, int]

# No link has frames as long; the kernel's offloads make packets of half a megabyte.
LONGEST: Final = 1 << 22

_HEADER: Final = 24
# Magic: byte order, parts of a second, bytes in front of each frame (Kuznetzov's has eight more).
MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1e-6, 24),
    b"\xa1\xb2\xcd\x34": (">", 1e-6, 24),
}


def frames(source: Source) -> Iterator[Frame]:
    """Every frame. Raises ParseError where the file is cut or lies."""
    header = source.read(_HEADER)
    if len(header) < _HEADER:
        raise ParseError("the capture's header is cut off")
    order, part, front = MAGICS[header[:4]]
    link = struct.unpack_from(order + "I", header, 20)[0] & 0xFFFF
    unpack = struct.Struct(order + "IIII").unpack_from
    buffer, at, base, number = b"", 0, _HEADER, 0
    while True:
        size = len(buffer)
        while at + front <= size:
            seconds, fraction, length, original = unpack(buffer, at)
            end = at + front + length
            if end > size:
                if length > LONGEST:
                    raise ParseError(
                        f"packet {number + 1} at byte {base + at} says that it has {length} bytes"
                    )
                break
            number += 1
            yield seconds + fraction * part, link, buffer[at + front : end], original
            at = end
        more = source.some()
        buffer, base, at = buffer[at:] + more, base + at, 0
        if not more:
            if buffer:
                raise ParseError(f"packet {number + 1} at byte {base} is cut off")
            return

"""Captures in the newer format, pcapng (draft-ietf-opsawg-pcapng): blocks, each with its length.

    type, length of the block, body, padding to four bytes, the length once more

A section tells the byte order, interfaces their link type and how finely time is told. Blocks of
other types are stepped over.
"""

import struct
from collections.abc import Iterator
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.recordings.pcap import LONGEST, Frame
from rtcguard.recordings.source import Source

SECTION: Final = b"\x0a\x0d\x0d\x0a"
_ORDERS: Final = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_RESOLUTION, _OFFSET = 9, 14  # options of an interface: if_tsresol, if_tsoffset
_MOST_INTERFACES: Final = 4096

# The link type, seconds in one unit of time, seconds that all times are later, snapshot length.
_Interface = tuple[int, float, int, int]


def frames(source: Source) -> Iterator[Frame]:
    """Every frame. Raises ParseError where the file is cut or lies."""
    order, number, base, at, buffer = "<", 0, source.offset, 0, b""
    interfaces: list[_Interface] = []
    unpack = struct.Struct("<II").unpack_from
    packet = struct.Struct("<IIIII").unpack_from
    while True:
        size = len(buffer)
        while at + 12 <= size:
            if buffer[at : at + 4] == SECTION:
                magic = buffer[at + 8 : at + 12]
                if magic not in _ORDERS:
                    raise ParseError(f"the section at byte {base + at} has no byte order")
                order, interfaces = _ORDERS[magic], []
                unpack = struct.Struct(order + "II").unpack_from
                packet = struct.Struct(order + "IIIII").unpack_from
            kind, length = unpack(buffer, at)
            if length < 12 or length % 4 or length > LONGEST + 4096:
                raise ParseError(
                    f"the block at byte {base + at}, behind packet {number}, says that it has "
                    f"{length} bytes"
                )
            end = at + length
            if end > size:
                break
            if buffer[end - 4 : end] != buffer[at + 4 : at + 8]:
                raise ParseError(
                    f"the block at byte {base + at}, behind packet {number}, tells two lengths"
                )
            if kind in (_ENHANCED, _OLD_PACKET) and length >= 32:
                number += 1
                which, high, low, captured, original = packet(buffer, at + 8)
                if kind == _OLD_PACKET:  # number of the interface, number of drops
                    which = which >> 16 if order == ">" else which & 0xFFFF
                if captured > length - 32 or which >= len(interfaces):
                    what = "interface" if captured <= length - 32 else "length"
                    raise ParseError(f"packet {number} at byte {base + at} has a wrong {what}")
                link, unit, offset, _ = interfaces[which]
                time = (high << 32 | low) * unit + offset
                yield time, link, buffer[at + 28 : at + 28 + captured], original
            elif kind == _SIMPLE and length >= 16 and interfaces:
                number += 1
                (original,) = struct.unpack_from(order + "I", buffer, at + 8)
                link, _, _, snapshot = interfaces[0]
                captured = min(original, snapshot or original, length - 16)
                yield 0.0, link, buffer[at + 12 : at + 12 + captured], original
            elif kind == _INTERFACE and length >= 20 and len(interfaces) < _MOST_INTERFACES:
                interfaces.append(_interface(buffer[at + 8 : end - 4], order))
            at = end
        more = source.some()
        buffer, base, at = buffer[at:] + more, base + at, 0
        if not more:
            if buffer:
                raise ParseError(f"the block at byte {base}, behind packet {number}, is cut off")
            return


def _interface(body: bytes, order: str) -> _Interface:
    link, _, snapshot = struct.unpack_from(order + "HHI", body)
    unit, offset, at = 1e-6, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if code == _RESOLUTION and len(value) == 1:
            exponent = value[0] & 0x7F
            unit = 2.0**-exponent if value[0] & 0x80 else 10.0**-exponent
        elif code == _OFFSET and len(value) == 8:
            (offset,) = struct.unpack(order + "q", value)
        elif code == 0:
            break
        at += 4 + length + -length % 4
    return link, unit, offset, snapshot

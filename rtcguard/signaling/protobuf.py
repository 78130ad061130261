"""The wire format of Protocol Buffers (protobuf.dev, "Encoding"), as much as rebuilding needs.

Looking needs none of it: strings stand in the clear. Only where something is put into a message of
a known schema are lengths made anew.
"""

from dataclasses import dataclass
from typing import Final

from rtcguard.errors import ParseError

VARINT: Final = 0
LENGTH: Final = 2
_FIXED: Final = {1: 8, 5: 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its number, its wire type, and its value's bytes (of a varint, those of it)."""

    number: int
    wire: int
    value: bytes


def read(content: bytes) -> list[Field]:
    """The fields of a message, in order. Raises ParseError for anything that is none."""
    fields: list[Field] = []
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            _, end = _varint(content, position)
        elif wire == LENGTH:
            length, position = _varint(content, position)
            end = position + length
        elif wire in _FIXED:
            end = position + _FIXED[wire]
        else:
            raise ParseError(f"wire type {wire} is not in use")
        if not number or end > len(content):
            raise ParseError("a field is cut off")
        fields.append(Field(number, wire, content[position:end]))
        position = end
    return fields


def write(fields: list[Field]) -> bytes:
    """The message of these fields; of what `read` gave, the same bytes if they were shortest."""
    made: list[bytes] = []
    for field in fields:
        made.append(_encoded(field.number << 3 | field.wire))
        if field.wire == LENGTH:
            made.append(_encoded(len(field.value)))
        made.append(field.value)
    return b"".join(made)


def text(number: int, value: str) -> Field:
    return Field(number, LENGTH, value.encode())


def number(number: int, value: int) -> Field:
    return Field(number, VARINT, _encoded(value))


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            break
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ParseError("a number is cut off")


def _encoded(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)

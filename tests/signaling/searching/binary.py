"""What is binary: compressed streams, protobuf without its schema, msgpack, CBOR.

The strings of a container are clear bytes in it already; they are read here for where they begin
and end, since a neighbour's tag may look like a digit. Random bytes read as a container too, so one
that does not fit to its end gives its legible strings only.
"""

import re
import zlib
from collections.abc import Callable, Iterator

_GZIP = re.compile(rb"\x1f\x8b\x08")
_ZLIB = re.compile(rb"[\x08\x18\x28\x38\x48\x58\x68\x78][\x00-\xff]")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PREFIXES = 9  # of how many bytes a frame's header may be before its body begins
_MOST_INFLATED = 1 << 20
_MOST_STREAMS = 64  # of each kind in one node: what looks like a stream's begin is mostly none
_STEP = 512
_HEADER = 40  # within so many bytes a raw deflate stream is looked for, or anywhere in the message
_MSGPACK_SIZES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_MSGPACK_FIXED = {
    **{0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8},
    **{0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4},
}


def is_text(data: bytes) -> bool:
    if _NOT_TEXT.search(data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def inflated(node: bytes, thorough: bool) -> Iterator[tuple[bytes, bool]]:
    """What decompresses in it, and whether it surely was compressed: noise rarely has a checksum
    that fits. With `thorough` a stream without a header may begin anywhere."""
    for found, _ in zip(_GZIP.finditer(node), range(_MOST_STREAMS), strict=False):
        yield from _inflate(node, found.start(), 31)
    headers = (at.start() for at in _ZLIB.finditer(node) if int.from_bytes(at[0]) % 31 == 0)
    for first, _ in zip(headers, range(_MOST_STREAMS), strict=False):
        yield from _inflate(node, first, 15)
    yield from _inflate(node, 0, -15)
    last = len(node) if thorough and len(node) <= 4096 else min(_HEADER, len(node))
    for first in range(1, last - 6):
        if node[first] & 6 in (2, 4):  # a block of fixed codes or of codes of its own
            yield from _inflate(node, first, -15, whole=True)


def _inflate(
    node: bytes, first: int, window: int, whole: bool = False
) -> Iterator[tuple[bytes, bool]]:
    """As far as the stream is sound; with `whole` only if it comes to its end."""
    stream, made, at = zlib.decompressobj(window), bytearray(), first
    try:
        while at < len(node) and not stream.eof and len(made) < _MOST_INFLATED:
            made += stream.decompress(node[at : at + _STEP])
            at += _STEP
    except zlib.error:
        pass
    if len(made) >= 7 and (stream.eof or not whole):
        yield bytes(made), stream.eof and (window > 0 or not (first or stream.unused_data))


def strings(node: bytes) -> Iterator[bytes]:
    """Those of the containers that `node` may be, from its first byte or after a short header."""
    text = is_text(node)
    for read in (_protobuf,) if text else (_protobuf, _msgpack, _cbor):
        visited: set[int] = set()
        for first in range(min(_PREFIXES, len(node))):
            found, end = read(node, first, visited)
            fits = end == len(node)
            yield from (string for string in found if fits or (not text and is_text(string)))


def _varint(node: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(node) and shift < 70:
        byte = node[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    return 0, -1


def _protobuf(node: bytes, position: int, visited: set[int]) -> tuple[list[bytes], int]:
    """The counted fields of a message of any schema, and where it ends; -1 for one that breaks."""
    found: list[bytes] = []
    while position < len(node) and position not in visited:
        visited.add(position)
        tag, position = _varint(node, position)
        if position < 0 or not 0 < tag >> 3 < 1 << 29:
            return found, -1
        kind = tag & 7
        if kind == 0:
            _, position = _varint(node, position)
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        elif kind == 2:
            size, position = _varint(node, position)
            if position >= 0:
                found.append(node[position : position + size])
                position += size
        elif kind not in (3, 4):  # the begin and end of a group stand alone
            return found, -1
        if position < 0:
            return found, -1
    return found, position


# A token of msgpack or CBOR: where its payload begins and ends, how many tokens are in it.
Token = tuple[int, int, int]


def _msgpack_token(node: bytes, at: int) -> Token:
    head = node[at]
    if 0xA0 <= head <= 0xBF:
        return at + 1, at + 1 + (head & 0x1F), 0
    if size := _MSGPACK_SIZES.get(head):
        begin = at + 1 + size
        length = int.from_bytes(node[at + 1 : begin])
        begin += 0xC7 <= head <= 0xC9  # the type of an extension
        return begin, begin + length, 0
    if 0xD4 <= head <= 0xD8:
        return at + 2, at + 2 + (1 << (head - 0xD4)), 0
    after = at + 1 + _MSGPACK_FIXED.get(head, 0)
    if 0x80 <= head <= 0x9F:
        return after, after, (head & 0x0F) << (head < 0x90)
    if 0xDC <= head <= 0xDF:
        return after, after, int.from_bytes(node[at + 1 : after]) << (head > 0xDD)
    return after, after, 0


def _cbor_token(node: bytes, at: int) -> Token:
    kind, short = node[at] >> 5, node[at] & 0x1F
    size = 1 << (short - 24) if 24 <= short <= 27 else 0
    begin = at + 1 + size
    value = int.from_bytes(node[at + 1 : begin]) if size else short
    if short == 31:  # chunks or values up to a break, which is a token of its own
        return begin, begin, 1 << 62 if 2 <= kind <= 5 else 0
    if kind in (2, 3):
        return begin, begin + value, 0
    return begin, begin, {4: value, 5: 2 * value, 6: 1}.get(kind, 0)


def _tokens(
    node: bytes, position: int, visited: set[int], token: Callable[[bytes, int], Token]
) -> tuple[list[bytes], int]:
    """The strings of the tokens from here on, and the end if it is one value, whole, and no more.

    The tokens are a flat stream: where a string begins does not hang on what it is nested in, so
    one that is cut off or garbled is read as far as it goes.
    """
    found: list[bytes] = []
    joined = bytearray()
    expected, ended = 1, -1
    while position < len(node) and position not in visited:
        visited.add(position)
        begin, end, within = token(node, position)
        if end > begin:
            found.append(node[begin : min(end, len(node))])
            joined += found[-1]
        expected += within - 1
        if token is _cbor_token and node[position] == 0xFF:
            expected %= 1 << 62  # what was open came to its break
        position = end
        if expected == 0:
            ended = position
    if token is _cbor_token and len(found) > 1:
        found.append(bytes(joined))  # a string in chunks
    return found, ended


def _msgpack(node: bytes, first: int, visited: set[int]) -> tuple[list[bytes], int]:
    return _tokens(node, first, visited, _msgpack_token)


def _cbor(node: bytes, first: int, visited: set[int]) -> tuple[list[bytes], int]:
    return _tokens(node, first, visited, _cbor_token)

"""Bodies out of their content encodings (RFC 9110 section 8.4), never to more than a limit."""

import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final

import brotli
import zstandard

from rtcguard.errors import ParseError

_MOST_CODINGS: Final = 4


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before it was encoded. Raises ParseError where that is not known, cannot
    be done, or is more than `limit` bytes."""
    codings = [one.strip().lower() for one in encoding.split(",")]
    if len(codings) > _MOST_CODINGS:
        raise ParseError("too many content encodings")
    for coding in reversed(codings):  # the last was put on last
        if coding not in _DECODERS:
            raise ParseError(f"a body in {coding!r} cannot be read")
        try:
            body = _DECODERS[coding](body, limit)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise ParseError(f"a body is no {coding}") from error
        if len(body) > limit:
            raise ParseError(f"a body in {coding!r} is longer than {limit} bytes")
    return body


def _gzip(body: bytes, limit: int) -> bytes:
    return zlib.decompressobj(wbits=47).decompress(body, limit + 1)


def _deflate(body: bytes, limit: int) -> bytes:
    """With its zlib wrapper, or without, as some servers send it."""
    try:
        return _gzip(body, limit)
    except zlib.error:
        return zlib.decompressobj(wbits=-15).decompress(body, limit + 1)


def _brotli(body: bytes, limit: int) -> bytes:
    decoder, made = brotli.Decompressor(), b""
    while len(made) <= limit:
        piece = decoder.process(body, output_buffer_limit=limit + 1 - len(made))
        body, made = b"", made + piece
        if not piece or decoder.is_finished():
            break
    return bytes(made)


def _zstd(body: bytes, limit: int) -> bytes:
    # Larger windows than 8 MB need not be taken (RFC 9659).
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 23)
    with decoder.stream_reader(BytesIO(body), read_across_frames=True) as reader:
        return bytes(reader.read(limit + 1))


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "": lambda body, _: body,
    "identity": lambda body, _: body,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}

"""Bodies that are edited while they pass: each class here is a `stream` callable of mitmproxy.

Such a callable gets each piece of the body, at last an empty one, and returns the pieces that go
on. An exception in it would leave the connection hanging, so each one ends closed: what it cannot
judge it withholds.
"""

import re
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli
import zstandard

from rtcguard.page.html import Inserter

# The content encodings that `Document` reads; documents are asked for in no other.
DECODABLE: Final = ("gzip", "deflate", "br", "zstd")

# A chunk of WebChannel's (closure-library's wirev8), and how much tells whether it is one.
_CHUNK: Final = re.compile(rb"([0-9]{1,9})\n[\[{]")
_TELLING_CHUNKS: Final = 11

Judge = Callable[[bytes], bytes | None]  # None: the body must not pass


class Gate:
    """Holds a body of unknown length up to `limit` bytes. One that ends before is judged; one that
    does not cannot be signaling and goes on. Where `too_large` is given it is nothing but
    signaling: that is called once then, and says whether the body goes on all the same."""

    def __init__(self, judge: Judge, limit: int, too_large: Callable[[], bool] | None) -> None:
        self._judge, self._limit, self._too_large = judge, limit, too_large
        self._held: bytearray | None = bytearray()  # None: the limit was reached
        self._shut = False
        self._chunks: bool | None = None  # whether they are WebChannel's; None: not known yet

    def __call__(self, data: bytes) -> list[bytes]:
        if self._held is None:
            return [data] if data and not self._shut else []
        if not data:
            judged = self._judge(bytes(self._held))
            return [judged] if judged else []
        self._held += data
        if self._chunks is None and len(self._held) >= _TELLING_CHUNKS:
            self._chunks = bool(_CHUNK.match(self._held))
        if self._chunks:
            return self._whole_chunks(self._held)
        if len(self._held) <= self._limit:
            return []
        held, self._held = bytes(self._held), None
        self._shut = self._too_large is not None and not self._too_large()
        return [] if self._shut else [held]

    def _whole_chunks(self, held: bytearray) -> list[bytes]:
        """WebChannel's chunks as they come, since its client waits for each: a count of UTF-16 code
        units, a line end, so many of JSON. What is no chunk is held to the end, as all else is."""
        made: list[bytes] = []
        while (head := _CHUNK.match(held)) is not None:
            end = _after_units(held, head.end() - 1, int(head[1]))
            if end < 0:
                break
            judged = self._judge(bytes(held[:end]))
            if judged is None:
                self._held, self._shut = None, True
                break
            made.append(judged)
            del held[:end]
        if len(held) > self._limit:
            self._chunks = False
        return made


def _after_units(text: bytearray, start: int, units: int) -> int:
    """Where so many UTF-16 code units of UTF-8 end, from `start` on; -1: they are not there."""
    end = start
    while units > 0 and end < len(text):
        ahead = text[end : end + units]  # at least as many bytes as units
        if len(ahead) < units:
            return -1
        continued = sum(byte & 0xC0 == 0x80 for byte in ahead)
        double = sum(byte >= 0xF0 for byte in ahead)
        units -= len(ahead) - continued + double
        end += len(ahead)
    while end < len(text) and text[end] & 0xC0 == 0x80:
        end += 1
    return end if units <= 0 else -1


class Lines:
    """An endless body of lines (server-sent events, NDJSON): each is judged when it is whole.

    After a line that must not pass, nothing does; nor after one beyond `limit` bytes, unless
    `too_large`, which is called then, says that it goes on all the same. While `is_free` says so,
    pieces go on as they come; the policy may change in between."""

    def __init__(
        self,
        judge: Judge,
        limit: int,
        too_large: Callable[[], bool],
        is_free: Callable[[], bool] = lambda: False,
    ) -> None:
        self._judge, self._limit, self._too_large, self._is_free = judge, limit, too_large, is_free
        self._rest = b""
        self._closed = False

    def __call__(self, data: bytes) -> list[bytes]:
        if self._closed:
            return []
        if not self._rest and self._is_free():
            return [data] if data else []
        whole, newline, rest = (self._rest + data).rpartition(b"\n")
        whole += newline
        if not data:
            whole, rest = whole + rest, b""
        self._rest = rest
        judged = self._judge(whole) if whole else b""
        self._closed = judged is None
        made = [judged] if judged else []
        if len(rest) > self._limit:
            if not self._closed and self._too_large():
                made.append(rest)
                self._rest = b""
            else:
                self._closed = True
        return made


class _Decompressor(Protocol):
    def feed(self, data: bytes) -> bytes: ...


class _Zlib:
    """gzip, or deflate with its zlib wrapper and without (RFC 9110 section 8.4.1.2)."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)
        self._begin: bytes | None = b""  # the wrapper's two bytes, while they are not there

    def feed(self, data: bytes) -> bytes:
        if self._begin is not None:
            data = self._begin + data
            self._begin = data if len(data) < 2 else None
            if self._begin is not None:
                return b""
            is_gzip = data[:2] == b"\x1f\x8b"
            is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0  # RFC 1950, 2.2
            if not (is_gzip or is_zlib):
                self._inner = zlib.decompressobj(wbits=-15)
        made = self._inner.decompress(data)
        while self._inner.eof and self._inner.unused_data:  # gzip members one after the other
            rest = self._inner.unused_data
            self._inner = zlib.decompressobj(wbits=47)
            made += self._inner.decompress(rest)
        return made


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def feed(self, data: bytes) -> bytes:
        return bytes(self._inner.process(data))


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)

    def feed(self, data: bytes) -> bytes:
        return self._inner.decompress(data)


class _Identity:
    def feed(self, data: bytes) -> bytes:
        return data


_DECOMPRESSORS: Final[dict[str, Callable[[], _Decompressor]]] = {
    "": _Identity,
    "identity": _Identity,
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Zlib,
    "br": _Brotli,
    "zstd": _Zstd,
}


_TELLING: Final = 1024  # bytes that tell whether it is a document


def _codings(encoding: str) -> list[str]:
    return [one.strip().lower() for one in encoding.split(",")]


def can_decode(encoding: str) -> bool:
    """Whether a Content-Encoding, in which several may be stacked, can be read."""
    return all(one in _DECOMPRESSORS for one in _codings(encoding))


class Document:
    """An HTML or XML document on its way: decoded piece by piece, the page guard put in."""

    def __init__(
        self,
        encoding: str,
        choose: Inserter | Callable[[bytes], Inserter | None],
        tell: Callable[[str], None],
    ) -> None:
        """`choose` tells by the first bytes what puts the guard in; None: it is no document, and
        stays as it is. `tell` is told, for people, of what did not go on."""
        codings = reversed(_codings(encoding))  # the last was put on last (RFC 9110, 8.4)
        self._decoders = [_DECOMPRESSORS[one]() for one in codings]
        self._inserter = choose if isinstance(choose, Inserter) else None
        self._choose = None if isinstance(choose, Inserter) else choose
        self._tell = tell
        self._unchosen = b""
        self._closed = False

    def __call__(self, data: bytes) -> list[bytes]:
        if self._closed:
            return []
        try:
            decoded = data
            for decoder in self._decoders:
                decoded = decoder.feed(decoded) if decoded else b""
            made = self._feed(decoded, last=not data)
        except Exception as error:
            # Mostly a broken content encoding, which the browser could not read either.
            self._closed = True
            self._tell(f"a document is cut off, it cannot be read: {error!r}")
            return []
        return [made] if made else []

    def _feed(self, data: bytes, *, last: bool) -> bytes:
        if self._choose is not None:
            data = self._unchosen + data
            self._unchosen = data
            if len(data) < _TELLING and not last:
                return b""
            self._inserter, self._choose = self._choose(data), None
        inserter = self._inserter
        if inserter is None:
            return data
        made = inserter.feed(data) if data else b""
        made += inserter.finish() if last else b""
        if inserter.transforms:
            inserter.transforms = 0
            self._tell(
                "the result of a transform (XSLT) could not get the guard; it is not applied"
            )
        return made

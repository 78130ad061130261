"""The HTTP load: keep-alive connections through a proxy, a closed loop of GETs, one download.

Closed loop: each connection sends its next request when it has the answer to the last. So the proxy
is always busy and never flooded, and the rate is what it can do.
"""

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.table import BenchError

_LIMIT = 60.0  # seconds that one round may take at most


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of load took; `answer` is the last one, head and body."""

    requests: int
    seconds: float
    answer: bytes

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def closed_loop(
    proxy: int, url: str, headers: Mapping[str, str], *, connections: int, requests: int
) -> Round:
    """Gets `url` through the proxy at this port, `requests` times. Raises BenchError."""
    host = url.split("/")[2]
    lines = [f"GET {url} HTTP/1.1", f"host: {host}", *(f"{k}: {v}" for k, v in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    return asyncio.run(_run(proxy, request, connections, requests))


async def _run(proxy: int, request: bytes, connections: int, requests: int) -> Round:
    loop = asyncio.get_running_loop()
    shared = _Shared(request, requests, loop.create_future())
    opened = [
        await loop.create_connection(lambda: _Connection(shared), "127.0.0.1", proxy)
        for _ in range(connections)
    ]
    started = time.perf_counter()
    for _, connection in opened:
        connection.ask()
    try:
        async with asyncio.timeout(_LIMIT):
            answer = await shared.finished
    except TimeoutError:
        raise BenchError(f"{shared.answered} of {requests} answers in {_LIMIT:g} s") from None
    finally:
        seconds = time.perf_counter() - started
        for transport, _ in opened:
            transport.abort()
    return Round(requests, seconds, answer)


class _Shared:
    """What the connections of one round count together."""

    def __init__(self, request: bytes, requests: int, finished: asyncio.Future[bytes]) -> None:
        self.request = request
        self.left = requests  # to be sent
        self.requests = requests
        self.answered = 0
        self.finished = finished

    def add(self, answer: bytes) -> None:
        self.answered += 1
        if self.answered == self.requests:
            self.finished.set_result(answer)

    def fail(self, reason: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(BenchError(reason))


class _Connection(asyncio.Protocol):
    """One keep-alive connection; reads just enough of HTTP to know where an answer ends."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._buffer = b""
        self._whole = -1  # the length of the answer, head included; 0: chunked, -1: not known yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        if self._shared.left:
            self._shared.left -= 1
            self._transport.write(self._shared.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._whole < 0:
            self._whole = _length(self._buffer)
        buffer = self._buffer
        if self._whole < 0 or len(buffer) < self._whole:
            return
        if self._whole == 0 and not buffer.endswith(b"\r\n0\r\n\r\n"):
            return
        self._buffer, self._whole = b"", -1
        if not buffer.startswith(b"HTTP/1.1 200 "):
            self._shared.fail(f"the proxy answered {buffer[:200]!r}")
            return
        self._shared.add(buffer)
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.fail(f"the proxy closed a connection: {exc}")


def _length(buffer: bytes) -> int:
    head, end, _ = buffer.partition(b"\r\n\r\n")
    if not end:
        return -1
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(head) + len(end) + int(value)
    return 0


@dataclass(frozen=True, slots=True)
class Download:
    first_byte: float  # seconds until the first byte of the body
    seconds: float


def download(proxy: int, url: str, size: int) -> Download:
    """Gets a large body and throws it away. Raises BenchError where it is not of this size."""
    request = f"GET {url} HTTP/1.1\r\nhost: {url.split('/')[2]}\r\nconnection: close\r\n\r\n"
    buffer = bytearray(1 << 18)
    with socket.create_connection(("127.0.0.1", proxy), timeout=_LIMIT) as connection:
        started = time.perf_counter()
        connection.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head or head.endswith(b"\r\n\r\n"):
            piece = connection.recv(1 << 16)
            if not piece:
                raise BenchError(f"the proxy ended a download with {head[:200]!r}")
            head += piece
        first_byte = time.perf_counter() - started
        got = len(head.partition(b"\r\n\r\n")[2])
        while got < size and (count := connection.recv_into(buffer)):
            got += count
            if time.perf_counter() - started > _LIMIT:
                raise BenchError(f"{got} bytes of {size} in {_LIMIT:g} s")
        seconds = time.perf_counter() - started
    if got != size:
        raise BenchError(f"a download of {got} bytes instead of {size}")
    return Download(first_byte, seconds)

"""The first byte of an HTML page through the proxy, for somebody who opens one page at a time.

From the request to the first byte of the body, on a kept connection: the guard may cost a tenth of
what mitmproxy takes, no more. A slow server sends its head and then the rest 50 ms later: what is
held until then would show.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Final

from tests.bench.process import LOAD_CORE, on_core
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, alternate, compare

_ROUNDS: Final = 300
_SLOW_ROUNDS: Final = 20
_BUDGET: Final = "at most 1.1"


def run(servers: Servers) -> Iterator[Line]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_core(LOAD_CORE))
        back = servers.origin()
        stack.enter_context(back.process)
        guarded, bare = servers.rtcguard(), servers.mitmdump()
        for server in (guarded, bare):
            stack.enter_context(server.process)
        origin = f"127.0.0.1:{back.port}"
        for what, path, rounds in (
            ("an HTML document of 4 KB", "html", _ROUNDS),
            ("an HTML document that a server sends slowly", "slow", _SLOW_ROUNDS),
        ):
            ours = stack.enter_context(_Reader(guarded.port, origin, path, guarded=True))
            theirs = stack.enter_context(_Reader(bare.port, origin, path, guarded=False))
            for reader in (ours, theirs):
                for _ in range(5):
                    reader.milliseconds()  # warms up
            first, second = alternate((ours.milliseconds, theirs.milliseconds), rounds)
            line = f"{what}, ms to the first byte"
            yield compare(line, first, second, "{:.2f}", _BUDGET, lambda ratio: ratio <= 1.1)


class _Reader(contextlib.AbstractContextManager["_Reader"]):
    """One connection through a proxy, on which a page is opened again and again."""

    def __init__(self, proxy: int, origin: str, path: str, *, guarded: bool) -> None:
        self._guarded = guarded
        self._request = (
            f"GET http://{origin}/{path} HTTP/1.1\r\nhost: {origin}\r\n"
            "accept: text/html,*/*;q=0.8\r\nsec-fetch-dest: document\r\n\r\n"
        ).encode()
        self._connection = socket.create_connection(("127.0.0.1", proxy), timeout=20)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def milliseconds(self) -> float:
        """From the request to the first byte of the body; the rest is read, and checked."""
        started = time.perf_counter()
        self._connection.sendall(self._request)
        got = b""
        while (head := got.find(b"\r\n\r\n")) < 0 or len(got) == head + 4:
            got += self._read()
        taken = time.perf_counter() - started
        while not got.endswith((b"</html>\n", b"\r\n0\r\n\r\n")):
            got += self._read()
        if (b"<script>" in got) is not self._guarded:
            raise BenchError(f"with the guard: {not self._guarded}: {got[:300]!r}")
        return 1000 * taken

    def _read(self) -> bytes:
        data = self._connection.recv(1 << 16)
        if not data:
            raise BenchError("the proxy closed a connection")
        return data

    def __exit__(self, *_: object) -> None:
        self._connection.close()

"""The HTTP server behind the proxies:  python -m tests.bench.origin PORT

Answers from ready-made bytes, so that it is never what limits a benchmark.
"""

import asyncio
import json
import os
import sys
from typing import Final

DOWNLOAD_SIZE: Final = 200 * 1000 * 1000

JSON_BODY: Final = json.dumps(
    {
        "items": [
            {"id": 7000 + n, "name": f"item {n}", "price": 4.5 * n, "tags": ["new", "blue"]}
            for n in range(14)
        ],
        "next": "/api/items?after=7013",
    }
).encode()
HTML_BODY: Final = (
    b"<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8><title>A page</title></head><body>\n"
    + b"".join(
        b"<p class=line id=p%d>A line of text, as pages have them.</p>\n" % n for n in range(60)
    )
    + b"</body></html>\n"
)
BINARY_BODY: Final = bytes(range(256)) * 4


def _response(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, size)
    return head + body


_RESPONSES: Final = {
    b"/json": _response(b"application/json", JSON_BODY),
    b"/html": _response(b"text/html; charset=utf-8", HTML_BODY),
    b"/binary": _response(b"application/octet-stream", BINARY_BODY),
}
_DOWNLOAD: Final = b"/download"
_SLOW: Final = b"/slow"
_SLOW_HEAD: Final = HTML_BODY.index(b"</title>")
_PAUSE: Final = 0.05  # seconds
_DOWNLOAD_HEAD: Final = _response(b"application/octet-stream", b"", DOWNLOAD_SIZE)
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class _Origin(asyncio.Protocol):
    """GET requests without a body, one after the other on each connection."""

    def __init__(self, zeros: int) -> None:
        self._zeros = zeros  # a file of DOWNLOAD_SIZE bytes
        self._buffer = b""
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1]
            if path == _DOWNLOAD:
                self._transport.write(_DOWNLOAD_HEAD)
                self._sending = asyncio.get_running_loop().create_task(self._download())
            elif path == _SLOW:
                response = _response(b"text/html", HTML_BODY)
                cut = len(response) - len(HTML_BODY) + _SLOW_HEAD
                self._transport.write(response[:cut])
                asyncio.get_running_loop().call_later(_PAUSE, self._transport.write, response[cut:])
            else:
                self._transport.write(_RESPONSES.get(path, _NOT_FOUND))

    async def _download(self) -> None:
        loop = asyncio.get_running_loop()
        with open(os.dup(self._zeros), "rb") as file:
            await loop.sendfile(self._transport, file, 0, DOWNLOAD_SIZE)


async def _serve(port: int) -> None:
    zeros = os.memfd_create("zeros")
    os.ftruncate(zeros, DOWNLOAD_SIZE)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Origin(zeros), "127.0.0.1", port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))

"""A web server on loopback for the time of a check: a page that uses WebRTC, and a place to send an
offer to. What reaches it is what a site would get."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

# Whose page sends the offer. Nobody has the name (RFC 6761); the ledger shows it as the site.
SITE: Final = "doctor.rtcguard.test"
PAGE: Final = (
    b"<!doctype html><html><head><title>doctor</title>"
    b"<script>new RTCPeerConnection()</script></head><body></body></html>"
)
_MOST: Final = 1 << 16  # bytes


@dataclass(slots=True)
class Origin:
    port: int = 0
    asked: dict[str, bytes] = field(default_factory=dict)  # the body by the path


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Origin]:
    own = Origin()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Python 3.12.1 logs what is cancelled at the end of the examination.
        ends = (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            await _answer(own, reader, writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=_MOST)
    own.port = server.sockets[0].getsockname()[1]
    try:
        yield own
    finally:
        server.close()


async def _answer(own: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request; what is no HTTP (a TLS client's first bytes) ends the connection."""
    if (first := await reader.readexactly(1)) not in (b"G", b"P"):
        return
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")
    length = next(
        (f.partition(":")[2] for f in fields if f.lower().startswith("content-length:")), "0"
    )
    own.asked[line.split()[1]] = await reader.readexactly(min(int(length), _MOST))
    body = PAGE if line.startswith("GET") else b"ok"
    kind = "text/html; charset=utf-8" if line.startswith("GET") else "text/plain"
    writer.write(
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()

"""An origin server on loopback that answers what the tests need, and remembers what reached it."""

import asyncio
import contextlib
import gzip
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import brotli
import zstandard
from aiohttp import WSMsgType, web

DOCUMENT = b"<!DOCTYPE html>\n<html lang=en><head><title>t</title></head><body>hello</body></html>"
CANDIDATE = "candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host"
ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
}


@dataclass
class Seen:
    """One request or WebSocket message as it reached the origin."""

    path: str
    headers: dict[str, str]
    body: bytes
    target: str = ""  # path and query, as they came


@dataclass
class Origin:
    port: int
    seen: list[Seen] = field(default_factory=list)
    responses: dict[str, web.Response] = field(default_factory=dict)  # by path, each for once
    finish: threading.Event = field(default_factory=threading.Event)  # lets /slow end

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self, path: str) -> list[bytes]:
        return [seen.body for seen in self.seen if seen.path == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.path, headers, body, request.raw_path))
        match request.path:
            case "/echo":
                kind = request.headers.get("content-type", "")
                return web.Response(body=body, headers={"content-type": kind} if kind else None)
            case "/document":
                encoding = request.query.get("encoding", "identity")
                encoded = ENCODERS.get(encoding, bytes)(DOCUMENT)
                sent = {"content-type": "text/html", "content-encoding": encoding}
                sent |= {name[1:]: value for name, value in request.query.items() if name[0] == "-"}
                return web.Response(body=encoded, headers=sent)
            case "/offer":
                return web.json_response({"candidate": CANDIDATE})
            case "/slow":
                return await self._slow(request)
            case "/ws":
                return await self._websocket(request)
        return self.responses.get(request.path) or web.Response(status=404)

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        """Sends the body's first half, and the second when the test has got the first."""
        response = web.StreamResponse(headers={"content-type": request.query["type"]})
        await response.prepare(request)
        await response.write(b"first" * 1000)
        await asyncio.to_thread(self.finish.wait, 20)
        await response.write(b"second")
        return response

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        """Sends each message back."""
        channel = web.WebSocketResponse()
        await channel.prepare(request)
        async for message in channel:
            if message.type == WSMsgType.TEXT:
                self.seen.append(Seen("message", {}, message.data.encode()))
                await channel.send_str(message.data)
            elif message.type == WSMsgType.BINARY:
                self.seen.append(Seen("message", {}, message.data))
                await channel.send_bytes(message.data)
        return channel


@contextlib.contextmanager
def serve() -> Iterator[Origin]:
    """The server in a thread with a loop of its own."""
    listening = socket.create_server(("127.0.0.1", 0))
    origin = Origin(listening.getsockname()[1])
    loop = asyncio.new_event_loop()

    async def main() -> web.AppRunner:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", origin.handle)
        runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner

    runner = loop.run_until_complete(main())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield origin
    finally:
        origin.finish.set()
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
        return port

"""The lab's web site: pages, signaling over WebSocket and over HTTP, and a peer to call.

Runs as a process of its own in the internet namespace (`python -m tests.lab.site`). It writes down
everything that reaches it, one JSON object a line, for the tests to search for the client's
addresses: request lines, headers, bodies, WebSocket messages, peer addresses, and what ICE saw.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TextIO

from aiohttp import WSMsgType, web

from .peer import Peer, bind_only_to

PAGES = Path(__file__).with_name("pages")
HTTP, HTTPS = 80, 443
# A browser stops gathering once it is connected. The lab has no distances, so without this pause a
# call would sometimes connect before the browser had found all that it would tell elsewhere.
THINKING_SECONDS = 0.4

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The handlers, and the file that they write to."""

    def __init__(self, record: TextIO, ice_servers: list[dict[str, Any]]) -> None:
        self._record = record
        self._ice_servers = ice_servers
        self._calls: dict[str, Peer] = {}

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._witness])
        app.router.add_get("/config.json", self._config)
        app.router.add_get("/ws", self._websocket)
        app.router.add_post("/whip", self._whip)
        app.router.add_delete("/whip/{call}", self._whip_end)
        app.router.add_static("/", PAGES)
        app.on_shutdown.append(self._hang_up)
        return app

    def _write(self, request: web.Request, entry: dict[str, Any]) -> None:
        peer = request.transport.get_extra_info("peername")[0] if request.transport else None
        line = {"time": time.time(), "peer": peer, "path": request.path_qs, **entry}
        self._record.write(json.dumps(line) + "\n")
        self._record.flush()

    @web.middleware
    async def _witness(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write the whole request down before anything answers it."""
        body = await request.read() if request.path != "/ws" else b""
        self._write(
            request,
            {
                "event": "http",
                "request": f"{request.method} {request.scheme}://{request.host}{request.path_qs}",
                "headers": [list(item) for item in request.headers.items()],
                "body": body.decode(errors="backslashreplace"),
            },
        )
        return await handler(request)

    async def _config(self, request: web.Request) -> web.Response:
        return web.json_response({"iceServers": self._ice_servers})

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        """{type, sdp} and {candidate, sdpMid, sdpMLineIndex}, as most tutorials do it."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        peer = Peer(lambda entry: self._write(request, entry))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                self._write(request, {"event": "message", "body": message.data})
                signal_ = json.loads(message.data)
                if signal_.get("type") == "offer":
                    answer = await peer.answer(signal_["sdp"])
                    await asyncio.sleep(THINKING_SECONDS)
                    await socket.send_json({"type": answer.type, "sdp": answer.sdp})
                    for candidate in peer.trickle():
                        await socket.send_json(candidate)
                elif "candidate" in signal_:
                    await peer.add_candidate(signal_)
        finally:
            await peer.close()
        return socket

    async def _whip(self, request: web.Request) -> web.Response:
        """As WHIP (RFC 9725): the offer is the body, the answer is the response."""
        if request.content_type != "application/sdp":
            raise web.HTTPUnsupportedMediaType
        call = str(len(self._calls))
        peer = self._calls[call] = Peer(lambda entry: self._write(request, entry))
        answer = await peer.answer(await request.text())
        return web.Response(
            status=201,
            text=answer.sdp,
            content_type="application/sdp",
            headers={"Location": f"/whip/{call}"},
        )

    async def _whip_end(self, request: web.Request) -> web.Response:
        await self._calls[request.match_info["call"]].close()
        return web.Response()

    async def _hang_up(self, _: web.Application) -> None:
        for peer in self._calls.values():
            await peer.close()


async def serve(arguments: argparse.Namespace) -> None:
    """Serve on every address until SIGTERM."""
    bind_only_to(arguments.peer_address)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.certificate, arguments.key)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with arguments.record.open("a") as record:
        site = Site(record, json.loads(arguments.ice_servers))
        runner = web.AppRunner(site.application(), shutdown_timeout=1)
        await runner.setup()
        for address in arguments.address:
            await web.TCPSite(runner, address, HTTP).start()
            await web.TCPSite(runner, address, HTTPS, ssl_context=tls).start()
        await stopped.wait()
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", action="append", required=True, help="where the site listens")
    parser.add_argument("--peer-address", action="append", required=True, help="the peer's hosts")
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True, help="JSON lines are appended here")
    parser.add_argument("--ice-servers", required=True, help="JSON, given to the pages")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

"""The lab's web site: pages, signaling over WebSocket and over HTTP, and a peer to call.

Runs as a process of its own in the internet namespace (`python -m tests.lab.site`). Everything that
reaches it is written down, one JSON object a line, for the tests to search for the client's
addresses: request lines, headers, bodies, WebSocket messages, peer addresses, and what ICE saw.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from .applications.table import APPLICATIONS
from .peer import THINKING_SECONDS, Peer, bind_only_to
from .witness import Witness

PAGES = Path(__file__).with_name("pages")
APPLICATION_PAGES = Path(__file__).with_name("applications") / "pages"
WAYS = Path(__file__).parents[1] / "page" / "ways.js"
PLAIN = "<!doctype html><title>plain</title><body>"
HTTP, HTTPS = 80, 443


class Site:
    """The handlers, and the witness that they tell everything."""

    def __init__(self, witness: Witness, ice_servers: list[dict[str, Any]]) -> None:
        self._witness = witness
        self._ice_servers = ice_servers
        self._calls: dict[str, Peer] = {}

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._witness.middleware])
        app.router.add_get("/config.json", self._config)
        app.router.add_get("/config.js", self._config_script)
        app.router.add_get("/page/ways.js", self._ways)
        app.router.add_get("/plain", self._plain)
        app.router.add_get("/ws", self._websocket)
        app.router.add_post("/whip", self._whip)
        app.router.add_delete("/whip/{call}", self._whip_end)
        app.on_shutdown.append(self._hang_up)
        return app

    async def _config(self, request: web.Request) -> web.Response:
        return web.json_response({"iceServers": self._ice_servers})

    async def _config_script(self, request: web.Request) -> web.Response:
        """The same for sites that have it in a script of theirs."""
        text = f"export default {json.dumps({'iceServers': self._ice_servers})};\n"
        return web.Response(text=text, content_type="text/javascript")

    async def _ways(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(WAYS)

    async def _plain(self, request: web.Request) -> web.Response:
        """A page for frames, which the ways around the guard ask for."""
        return web.Response(text=PLAIN, content_type="text/html")

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        """{type, sdp} and {candidate, sdpMid, sdpMLineIndex}, as most tutorials do it."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        peer = Peer(lambda entry: self._witness.record(request, entry))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                self._witness.message(request, message.data)
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
        peer = self._calls[call] = Peer(lambda entry: self._witness.record(request, entry))
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
    with arguments.record.open("a") as file:
        witness = Witness(file)
        app = Site(witness, json.loads(arguments.ice_servers)).application()
        if arguments.application is not None:
            APPLICATIONS[arguments.application].mount(app, witness)
            app.router.add_static("/npm", arguments.node_modules)
            app.router.add_static("/applications", APPLICATION_PAGES)
        app.router.add_static("/", PAGES)
        runner = web.AppRunner(app, shutdown_timeout=1)
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
    parser.add_argument("--application", choices=APPLICATIONS, help="what to serve besides")
    parser.add_argument("--node-modules", type=Path, help="where its scripts are")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()

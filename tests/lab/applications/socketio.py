"""Socket.IO: its client in the page, its server on the site, and a far party that speaks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from ..net import Lab
from ..peer import THINKING_SECONDS, Peer
from ..process import Process
from ..witness import Witness
from .front import Front

PORT = 9001
SERVER = Path(__file__).with_name("socketio-server.cjs")


def start(lab: Lab, modules: Path) -> Process:
    return lab.start(lab.internet, "socketio", ["node", str(SERVER), str(modules), str(PORT)])


def mount(app: web.Application, witness: Witness) -> None:
    Front(witness, PORT).mount(app, "/socket.io/{tail:.*}")
    app.cleanup_ctx.append(FarParty(witness).run)


class FarParty:
    """A Socket.IO client (protocol 5 in Engine.IO 4) made of the lab's peer."""

    def __init__(self, witness: Witness) -> None:
        self._call = Peer(witness.write)

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        url = f"http://127.0.0.1:{PORT}/socket.io/"
        query = {"EIO": "4", "transport": "websocket"}
        async with ClientSession() as client, client.ws_connect(url, params=query) as socket:
            self._socket = socket
            await socket.receive_str()  # Engine.IO: open
            await socket.send_str("40")
            await socket.receive_str()  # Socket.IO: connected
            listening = asyncio.ensure_future(self._listen())
            yield
            listening.cancel()
            await self._call.close()

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.data == "2":  # ping
                await self._socket.send_str("3")
            elif message.data.startswith("42"):  # not 43, an acknowledgement
                await self._hear(json.loads(message.data[2:])[1])

    async def _hear(self, said: dict[str, Any]) -> None:
        if said.get("type") != "offer":
            await self._call.add_candidate(said)
            return
        answer = await self._call.answer(said["sdp"])
        await asyncio.sleep(THINKING_SECONDS)
        await self._say({"type": answer.type, "sdp": answer.sdp})
        for candidate in self._call.trickle():
            await self._say(candidate)

    async def _say(self, message: dict[str, Any]) -> None:
        # 4 a message, 2 an event, 0 its number: it asks for an acknowledgement, and gets one.
        await self._socket.send_str("420" + json.dumps(["signal", message]))

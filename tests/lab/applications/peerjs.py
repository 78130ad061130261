"""PeerJS: its client in the page, its PeerServer on the site, and a far party that speaks it."""

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

PORT = 9000
NAME = "far"  # what the page calls


def start(lab: Lab, modules: Path) -> Process:
    """The server of the npm package `peer`."""
    server = modules / "peer" / "dist" / "bin" / "peerjs.js"
    argv = ["node", str(server), "--host", "127.0.0.1", "--port", str(PORT), "--path", "/peerjs"]
    return lab.start(lab.internet, "peerjs", argv)


def mount(app: web.Application, witness: Witness) -> None:
    Front(witness, PORT).mount(app, "/peerjs/{tail:.*}")
    app.cleanup_ctx.append(FarParty(witness).run)


class FarParty:
    """A PeerJS client made of the lab's peer: answers every call, and echoes."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._calls: dict[str, Peer] = {}  # by connection id

    async def run(self, _: web.Application) -> AsyncIterator[None]:
        url = f"http://127.0.0.1:{PORT}/peerjs/peerjs"
        query = {"key": "peerjs", "id": NAME, "token": NAME, "version": "1.5.5"}
        async with ClientSession() as client, client.ws_connect(url, params=query) as socket:
            self._socket = socket
            listening = asyncio.ensure_future(self._listen())
            yield
            listening.cancel()
            for call in self._calls.values():
                await call.close()

    async def _listen(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            payload = said.get("payload")
            if said["type"] == "OFFER":
                await self._answer(said["src"], payload)
            elif said["type"] == "CANDIDATE":
                await self._calls[payload["connectionId"]].add_candidate(payload["candidate"])

    async def _answer(self, caller: str, offer: dict[str, Any]) -> None:
        call = self._calls[offer["connectionId"]] = Peer(self._witness.write)
        answer = await call.answer(offer["sdp"]["sdp"])
        await asyncio.sleep(THINKING_SECONDS)
        place = {"type": offer["type"], "connectionId": offer["connectionId"]}
        sdp = {"type": answer.type, "sdp": answer.sdp}
        await self._send("ANSWER", caller, {"sdp": sdp, "browser": "lab", **place})
        for candidate in call.trickle():
            await self._send("CANDIDATE", caller, {"candidate": candidate, **place})

    async def _send(self, kind: str, caller: str, payload: dict[str, Any]) -> None:
        await self._socket.send_json({"type": kind, "dst": caller, "payload": payload})

"""SIP over WebSocket (RFC 7118): JsSIP in the page, and a registrar that answers calls itself."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from ..peer import THINKING_SECONDS, Peer
from ..witness import Witness

# What a response takes over from its request (RFC 3261, 8.2.6.2); To gets a tag besides.
COPIED = ("Via", "From", "Call-ID", "CSeq")
SDP = "Content-Type: application/sdp"


class Malformed(Exception):
    """A SIP message that no server would take."""


@dataclass(frozen=True)
class Request:
    """One SIP request, its headers in order and by their names as JsSIP writes them."""

    method: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def all(self, name: str) -> list[str]:
        return [item for key, item in self.headers if key.lower() == name.lower()]

    def first(self, name: str) -> str:
        found = self.all(name)
        if not found:
            raise Malformed(f"{self.method} without {name}")
        return found[0]


def parse(text: str) -> Request:
    """Read one message; the length of its body must be the one that it says (RFC 3261, 18.3)."""
    head, separator, body = text.partition("\r\n\r\n")
    if not separator:
        raise Malformed("no empty line after the headers")
    start, *lines = head.split("\r\n")
    headers = []
    for line in lines:
        key, colon, item = line.partition(":")
        if not colon:
            raise Malformed(f"not a header: {line!r}")
        headers.append((key.strip(), item.strip()))
    request = Request(start.split(" ")[0], tuple(headers), body)
    if int(request.first("Content-Length")) != len(body.encode()):
        raise Malformed(f"a body of {len(body.encode())} bytes, told to be another")
    return request


def respond(request: Request, status: str, tag: str, *extra: str, body: str = "") -> str:
    """A response in the dialog `tag`."""
    lines = [f"SIP/2.0 {status}"]
    lines += [f"{name}: {item}" for name in COPIED for item in request.all(name)]
    to = request.first("To")
    lines.append(f"To: {to if ';tag=' in to else f'{to};tag={tag}'}")
    lines += [*extra, f"Content-Length: {len(body.encode())}", "", body]
    return "\r\n".join(lines)


class Registrar:
    """One connection of one phone: registers it, answers its call with the lab's peer."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._tag = secrets.token_hex(4)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["sip"])
        await socket.prepare(request)
        call = Peer(self._witness.write)
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                self._witness.message(request, message.data)
                try:
                    for answer in await self._answers(parse(message.data), call):
                        await socket.send_str(answer)
                except Malformed as error:
                    self._witness.write({"event": "malformed", "why": str(error)})
                    await socket.close()
        finally:
            await call.close()
        return socket

    async def _answers(self, request: Request, call: Peer) -> list[str]:
        match request.method:
            case "ACK" | "SIP/2.0":
                return []
            case "REGISTER":
                contact = f"Contact: {request.first('Contact')};expires=600"
                return [respond(request, "200 OK", self._tag, contact)]
            case "INVITE":
                answer = await call.answer(request.body)
                await asyncio.sleep(THINKING_SECONDS)
                headers = ("Contact: <sip:far@far.invalid;transport=ws>", SDP)
                ok = respond(request, "200 OK", self._tag, *headers, body=answer.sdp)
                return [respond(request, "100 Trying", self._tag), ok]
            case "BYE" | "OPTIONS":
                return [respond(request, "200 OK", self._tag)]
        return [respond(request, "405 Method Not Allowed", self._tag)]


def mount(app: web.Application, witness: Witness) -> None:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        return await Registrar(witness).handle(request)

    app.router.add_get("/sip", handle)

"""A native client made with aiortc: one call by WHIP (`python -m tests.lab.native.aiortc_client`).

Takes an order as JSON (`order.py`), prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import ssl
import sys
from contextlib import suppress
from typing import Any

from aiohttp import ClientError, ClientSession
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.rtcicetransport import RTCIceTransport

from .order import GREETING, Order, as_heard, as_told, say

SIGNALING_SECONDS = 60.0
BETWEEN = 0.02  # seconds between two greetings of a held call


def _transport(connection: RTCPeerConnection) -> RTCIceTransport | None:
    return connection.sctp.transport.transport if connection.sctp else None


def _pair(connection: RTCPeerConnection) -> dict[str, str] | None:
    """The kinds of the two candidates that the call runs over."""
    transport = _transport(connection)
    # aiortc has no public way to the selected pair.
    for pair in transport._connection._nominated.values() if transport else ():
        return {"local": pair.local_candidate.type, "remote": pair.remote_candidate.type}
    return None


async def _exchange(order: Order, offer: str) -> str:
    tls: ssl.SSLContext | bool = True
    if order.url.startswith("https"):
        tls = ssl.create_default_context(cafile=order.authority)
    headers = {"Content-Type": "application/sdp"}
    async with (
        ClientSession() as http,
        http.post(order.url, data=offer.encode(), headers=headers, ssl=tls) as answer,
    ):
        answer.raise_for_status()
        return await answer.text()


async def _echo(channel: RTCDataChannel) -> None:
    """Says hello when the channel is open, and waits for the echo."""
    echoed = asyncio.Event()
    channel.on("open", lambda: channel.send(GREETING))
    channel.once("message", lambda _: echoed.set())
    await echoed.wait()


async def _hold(channel: RTCDataChannel) -> None:
    stopped, echoes = asyncio.Event(), itertools.count(1)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    def heard(_: object) -> None:
        count = next(echoes)
        if count % 10 == 0:
            say({"echoes": count})

    channel.on("message", heard)
    while not stopped.is_set():
        channel.send(GREETING)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), BETWEEN)


async def call(order: Order) -> dict[str, Any]:
    """One call, until it has echoed, failed or taken too long; a held one until SIGTERM."""
    servers = [RTCIceServer(**server) for server in order.ice_servers]
    policy = RTCIceTransportPolicy(order.policy)
    connection = RTCPeerConnection(RTCConfiguration(servers, iceTransportPolicy=policy))
    outcome: dict[str, Any] = {"connected": False, "error": None, "offer": "", "answer": ""}
    try:
        async with asyncio.timeout(SIGNALING_SECONDS) as limit:
            channel = connection.createDataChannel("native")
            await connection.setLocalDescription(await connection.createOffer())
            outcome["offer"] = connection.localDescription.sdp
            offer = as_told(order, connection.localDescription.sdp)
            answer = outcome["answer"] = await _exchange(order, offer)
            limit.reschedule(asyncio.get_running_loop().time() + order.limit)
            heard = as_heard(order, answer)
            await connection.setRemoteDescription(RTCSessionDescription(heard, "answer"))
            await _echo(channel)
            outcome["connected"] = True
        if order.hold:
            await _hold(channel)
    except (TimeoutError, ClientError, ssl.SSLError) as error:
        outcome["error"] = f"{type(error).__name__}: {error}"
    outcome["pair"] = _pair(connection)
    await connection.close()
    return outcome


def main() -> None:
    say(asyncio.run(call(Order(**json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()

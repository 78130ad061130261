"""WebSocket messages on one connection through the proxy: how many a second, in how much memory.

The messages are trickled candidates. Only what grows with their number counts as growth: the memory
is read after a tenth of them and at the end.
"""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import Final

import websockets

from tests.bench.process import LOAD_CORE, on_core
from tests.bench.servers import Servers, free_port
from tests.bench.table import BenchError, Line, alternate, compare

# `make bench MESSAGES=1000000` takes minutes.
MESSAGES: Final = int(os.environ.get("MESSAGES", "50000"))
_WINDOW: Final = 500  # on their way at a time
_CANDIDATE: Final = (
    "candidate:1162875081 1 udp 1686052607 203.0.113.7 {port} typ srflx raddr 192.168.1.20 "
    "rport {port} generation 0 ufrag ZxLm network-id 1 network-cost 10"
)


def run(servers: Servers) -> Iterator[Line]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_core(LOAD_CORE))
        guarded, bare = servers.rtcguard(), servers.mitmdump()
        for server in (guarded, bare):
            stack.enter_context(server.process)
        grown: dict[int, list[float]] = {guarded.port: [], bare.port: []}

        def rate(port: int) -> float:
            server = guarded if port == guarded.port else bare
            sent = asyncio.run(_send(port, MESSAGES // 10, checked=server is guarded))
            before = server.process.peak_mb()
            sent = asyncio.run(_send(port, MESSAGES, checked=server is guarded))
            grown[port].append(server.process.peak_mb() - before)
            return sent

        ours, theirs = alternate((lambda: rate(guarded.port), lambda: rate(bare.port)), 1)
        yield compare("trickled candidates on one WebSocket, messages/s", ours, theirs, "{:.0f}")
        own, other = grown[guarded.port][-1], grown[bare.port][-1]
        what = f"memory that {MESSAGES} of them add, MB"
        yield compare(what, own, other, "{:.0f}", "flat")


async def _send(port: int, messages: int, *, checked: bool) -> float:
    """Messages a second, each of them answered by what arrived."""
    arrived = 0
    leaked = False

    async def serve(channel: websockets.ServerConnection) -> None:
        nonlocal arrived, leaked
        async for message in channel:
            arrived += 1
            leaked = leaked or "192.168.1.20" in str(message)
            if arrived % _WINDOW == 0:
                await channel.send("more")

    origin = free_port()
    async with (
        websockets.serve(serve, "127.0.0.1", origin, compression=None),
        websockets.connect(
            f"ws://127.0.0.1:{origin}/",
            proxy=f"http://127.0.0.1:{port}",
            compression=None,
        ) as channel,
    ):
        started = time.perf_counter()
        for number in range(messages):
            candidate = _CANDIDATE.format(port=10_000 + number % 50_000)
            await channel.send(json.dumps({"candidate": {"candidate": candidate}}))
            if number % _WINDOW == _WINDOW - 1:
                await channel.recv()
        taken = time.perf_counter() - started
    if checked and leaked:
        raise BenchError("a candidate came through")
    return messages / taken

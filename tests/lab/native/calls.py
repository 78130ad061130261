"""Calls of the native clients, all at a time, each in a way of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rtcguard.ice.server import IceServer

from ..applications.packages import node_modules
from ..net import APPROVED_TURN, SINK, SITE, SITE_NAME, SITE_TURN, STUN_ONLY
from ..process import Process
from ..servers import APPROVED_SECRET, PORT, SITE_PASSWORD, SITE_USER
from ..world import ROOT, World
from .order import Order

CALL_SECONDS = 120.0
CONNECTING_SECONDS = 45.0  # for what is to connect, so that only a failure waits as long
WERIFT = Path(__file__).with_name("werift-client.cjs")
HTTP, HTTPS = f"http://{SITE.v4}/whip", f"https://{SITE_NAME}/whip"

STUN = {"urls": f"stun:{STUN_ONLY.v4}:{PORT}"}
STUN6 = {"urls": f"stun:[{STUN_ONLY.v6}]:{PORT}"}
TCP_CANDIDATE = f"candidate:tcp 1 tcp 1518280447 {SINK.v4} 40404 typ host tcptype passive"


def _site_turn(transport: str) -> dict[str, Any]:
    url = f"turn:{SITE_TURN.v4}:{PORT}?transport={transport}"
    return {"urls": url, "username": SITE_USER, "credential": SITE_PASSWORD}


def approved_turn() -> dict[str, Any]:
    """The approved server, as an administrator would put it into a program's settings."""
    url = f"turn:{APPROVED_TURN.v4}:{PORT}?transport=udp"
    server = IceServer((url,), secret=APPROVED_SECRET.encode()).to_rtc(int(time.time()), "native")
    return {**server, "urls": url}


@dataclass(frozen=True)
class Way:
    """How a program tries to reach the far side past every relay of ours."""

    name: str
    order: Callable[[], Order]
    only: str = ""  # the one client that can
    connects: bool = True  # where nobody keeps it from that


WAYS = (
    Way("host", lambda: Order(HTTP)),
    Way("srflx", lambda: Order(HTTPS, ice_servers=(STUN, _site_turn("udp")))),
    Way("prflx", lambda: Order(HTTP, silent=True)),
    Way("the site's TURN over TCP", lambda: Order(HTTP, (_site_turn("tcp"),), policy="relay")),
    Way("ICE-TCP", lambda: Order(HTTP, silent=True, remote=(TCP_CANDIDATE,)), "werift", False),
)
# Told of the approved server: with all its other ways open, and by the relay alone.
APPROVED = (
    Way("all and the approved TURN", lambda: Order(HTTPS, (approved_turn(), STUN))),
    Way("the approved TURN", lambda: Order(HTTP, (approved_turn(),), policy="relay")),
)
CLIENTS = ("aiortc", "werift")


def argv(client: str) -> list[str]:
    if client == "aiortc":
        return [sys.executable, "-m", "tests.lab.native.aiortc_client"]
    return ["node", str(WERIFT), str(node_modules())]


def start(world: World, client: str, order: Order) -> Process:
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": order.authority or ""}
    return world.lab.start(
        world.lab.client, f"native-{client}", [*argv(client), str(order)], environment, ROOT
    )


def call_all(
    world: World, ways: Sequence[Way], authority: Path | None, *, expected: bool
) -> dict[tuple[str, str], dict[str, Any]]:
    """By client and way: what it said of its call. `authority`: whom the programs trust;
    `expected`: that the calls connect, and may take their time."""
    trusted = str(authority) if authority else None
    started = {
        (client, way.name): start(
            world,
            client,
            replace(
                way.order(),
                authority=trusted,
                limit=CONNECTING_SECONDS if expected and way.connects else Order.limit,
            ),
        )
        for client in CLIENTS
        for way in ways
        if way.only in ("", client)
    }
    for process in started.values():
        process.wait_end(CALL_SECONDS)
    return {key: json.loads(process.tail(1)) for key, process in started.items()}

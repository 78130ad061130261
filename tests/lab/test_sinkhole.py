"""Browsers that have the sinkhole as their DNS server, and nothing else of rtcguard.

No proxy, no page guard, no firewall: what keeps their packets away from STUN servers here is that
they do not find them.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import pytest

from rtcguard.ice.server import timed_credentials

from .capture import flows
from .leaks import packets_to
from .net import APPROVED_TURN, CLIENT, GATEWAY, PEER, STUN_ONLY
from .process import Process
from .servers import APPROVED_SECRET, PORT
from .world import BROWSERS, ROOT, Browser, Outcome, World

pytestmark = pytest.mark.lab

READY_SECONDS = 120.0
STUN, TURN = "stun.lab.test", "turn.lab.test"
ZONE = [
    f"{STUN} A {STUN_ONLY.v4}",
    f"{STUN} AAAA {STUN_ONLY.v6}",
    f"{TURN} A {APPROVED_TURN.v4}",
]


@contextmanager
def _started(world: World, namespace: str, argv: list[str], **how: Any) -> Iterator[Process]:
    process = world.lab.start(namespace, argv[2].rpartition(".")[2], argv, **how)
    try:
        process.wait_log("ready", READY_SECONDS)
        yield process
    finally:
        process.stop()


@contextmanager
def zone(world: World, namespace: str, address: str) -> Iterator[None]:
    """A DNS server that knows the lab's names."""
    argv = [sys.executable, "-m", "tests.zone", f"--listen={address}:53", *ZONE]
    with _started(world, namespace, argv, cwd=ROOT):
        yield


@contextmanager
def sinkhole(world: World, answer: Literal["refuse", "responder"]) -> Iterator[Path]:
    """rtcguard on the gateway, with the DNS server in the internet behind it; yields its ledger."""
    folder = world.lab.directory / f"sinkhole-{time.monotonic_ns()}"
    folder.mkdir()
    secret, file = folder / "turn.secret", folder / "rtcguard.yaml"
    secret.touch(mode=0o600)
    secret.write_text(APPROVED_SECRET)
    file.write_text(f"""\
version: 1
listen: {GATEWAY.v4}:8080
web: {{listen: null}}
relay: {{servers: [{{urls: "turn:{TURN}", shared_secret_file: {secret}}}]}}
stun: {{listen: ["{GATEWAY.v4}:{PORT}"]}}
sinkhole:
  listen: {GATEWAY.v4}:53
  upstream: {PEER.v4}
  answer: {answer}
""")
    environment = {**os.environ, "RTCGUARD_STATE_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "rtcguard", "run", "--config", str(file)]
    with (
        zone(world, world.lab.internet, PEER.v4),
        _started(world, world.lab.gateway, argv, env=environment) as process,
    ):
        yield folder / "ledger.sqlite3"
        assert "Traceback" not in process.tail(1000)
    # It has ended: all that it knows is in the ledger.


def events(ledger: Path, kind: str) -> list[sqlite3.Row]:
    with sqlite3.connect(ledger) as opened:
        opened.row_factory = sqlite3.Row
        return opened.execute("SELECT * FROM events WHERE kind = ?", (kind,)).fetchall()


def gather(world: World, browser: Browser, *servers: str) -> Outcome:
    username, credential = timed_credentials(APPROVED_SECRET.encode(), int(time.time()) + 600, "u")
    query = urlencode(
        {"server": servers, "username": username, "credential": credential}, doseq=True
    )
    return world.call(f"names.html?{query}", [world.ca.certificate], browser=browser)


@pytest.mark.parametrize("browser", BROWSERS)
def test_control_without_it_a_name_leads_to_the_stun_server(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    with zone(world, world.lab.gateway, GATEWAY.v4):
        outcome = gather(world, browser, f"stun:{STUN}:{PORT}")
    sent = packets_to(outcome.sent, STUN_ONLY.addresses)
    verdict(f"{browser}: control names: {sent} packets to {STUN}")
    assert sent > 0, flows(outcome.sent)
    assert any("srflx" in one for one in outcome.page["candidates"]), outcome.page


@pytest.mark.parametrize("browser", BROWSERS)
def test_no_packet_goes_to_a_stun_server_that_is_not_found(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    with sinkhole(world, "refuse") as ledger:
        outcome = gather(world, browser, f"stun:{STUN}:{PORT}", f"turn:{TURN}:{PORT}")
    sent = packets_to(outcome.sent, STUN_ONLY.addresses)
    verdict(
        f"{browser}: sinkhole: {sent} packets to {STUN}; "
        f"gathered in {outcome.page['gatheringMs']} ms"
    )
    assert sent == 0, flows(outcome.sent)
    refused = [event for event in events(ledger, "name") if event["name"] == STUN]
    assert refused
    assert {(event["action"], event["client"]) for event in refused} == {("refused", CLIENT.v4)}
    # The approved server was found, and used: so the browser did ask this DNS server.
    assert any("typ relay" in one for one in outcome.page["candidates"]), outcome.page
    (kept,) = {
        (event["action"], event["destination"])
        for event in events(ledger, "name")
        if event["name"] == TURN
    }
    assert kept == ("kept", APPROVED_TURN.v4)


def test_the_responder_in_its_place_sees_who_asked_for_which_name(
    world: World, verdict: Callable[[str], None]
) -> None:
    with sinkhole(world, "responder") as ledger:
        outcome = gather(world, "chromium", f"stun:{STUN}:{PORT}")
    assert packets_to(outcome.sent, STUN_ONLY.addresses) == 0, flows(outcome.sent)
    packets = events(ledger, "stun")
    verdict(
        f"chromium: sinkhole with the responder: {len(packets)} STUN events, "
        f"gathered in {outcome.page['gatheringMs']} ms"
    )
    told = {(event["client"], event["destination"]) for event in packets}
    assert told == {(CLIENT.v4, f"{GATEWAY.v4}:{PORT}")}, outcome.page
    # What ties the packet to the name. The packet's own event has the name too, unless it was
    # written before the name's.
    asked = {(event["client"], event["destination"], event["name"])
             for event in events(ledger, "name") if event["destination"]}  # fmt: skip
    assert asked == {(CLIENT.v4, GATEWAY.v4, STUN)}
    assert {event["name"] for event in packets} <= {STUN, ""}
    assert not any("srflx" in one for one in outcome.page["candidates"]), outcome.page

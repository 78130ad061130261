"""Programs without a page: each way of theirs leaks without rtcguard, and comes to nothing with it.

The way stands for what the program tries: its host addresses, those that a STUN server tells it,
checks alone (the far side is told of no candidate), a relay that the site brings, TCP.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ..capture import Packet, flows
from ..guard import Guard
from ..leaks import addresses_in, packets_to
from ..native.calls import APPROVED, CLIENTS, WAYS, Way, call_all
from ..net import CLIENT, CLIENT_PUBLIC, PEER, SINK, SITE_TURN, STUN_ONLY
from ..volley import running_sink
from ..world import Sights, World
from .claims import assert_nothing_leaves, assert_site_told_nothing

pytestmark = pytest.mark.lab
CALLS = [(client, way) for client in CLIENTS for way in WAYS if way.only in ("", client)]
HOST_PORT = re.compile(r" udp \d+ \S+ (\d+) typ host")


@dataclass(frozen=True)
class Run:
    calls: dict[tuple[str, str], dict[str, Any]]
    seen: Sights

    def direct(self, client: str, way: Way) -> list[Packet]:
        """What came from the host sockets of one program."""
        ports = set(map(int, HOST_PORT.findall(self.calls[client, way.name]["offer"])))
        return [item for item in self.seen.arrived if item.proto == "udp" and item.sport in ports]


@pytest.fixture(scope="module")
def bare(world: World) -> Run:
    with running_sink(world), world.watch() as seen:
        calls = call_all(world, WAYS, world.ca.certificate, expected=True)
    return Run(calls, seen)


@pytest.mark.parametrize(("client", "way"), CALLS, ids=lambda item: getattr(item, "name", item))
def test_without_rtcguard_it_goes_direct(
    bare: Run, client: str, way: Way, verdict: Callable[[str], None]
) -> None:
    call = bare.calls[client, way.name]
    verdict(f"{client}: control, {way.name}: connected {call['connected']} over {call['pair']}")
    if way.name == "ICE-TCP":  # nobody takes part in the call there, but it is spoken to
        tcp = [item for item in bare.seen.arrived if item.dst == SINK.v4 and item.proto == "tcp"]
        assert any(item.is_stun for item in tcp), flows(tcp)
        return
    assert call["connected"], call["error"]
    if way.name == "the site's TURN over TCP":
        assert call["pair"]["local"] == "relay"
        return
    assert call["pair"]["local"] in ("host", "srflx", "prflx")
    direct = bare.direct(client, way)
    assert packets_to(direct, PEER.addresses) > 0, flows(direct)
    if way.name == "srflx":
        assert packets_to(direct, STUN_ONLY.addresses) > 0, flows(direct)
        assert CLIENT_PUBLIC in addresses_in(call["offer"], [CLIENT_PUBLIC])


def test_without_rtcguard_all_of_it_is_told(bare: Run) -> None:
    text = str(bare.seen.received)
    assert {CLIENT.v4, CLIENT.v6, CLIENT_PUBLIC} <= set(
        addresses_in(text, bare.seen.client_addresses)
    )
    to_turn = [item for item in bare.seen.arrived if item.dst == SITE_TURN.v4]
    assert any(item.proto == "tcp" for item in to_turn), flows(to_turn)


@pytest.fixture(scope="module")
def guarded(world: World, bare: Run, guard: Guard) -> Run:
    with running_sink(world), world.watch() as seen:
        calls = call_all(world, WAYS, guard.ca, expected=False)
    return Run(calls, seen)


@pytest.mark.parametrize(("client", "way"), CALLS, ids=lambda item: getattr(item, "name", item))
def test_behind_rtcguard_it_does_not_connect(
    guarded: Run, client: str, way: Way, verdict: Callable[[str], None]
) -> None:
    """Its signaling goes on, for the far side answers, but no pair of addresses works."""
    call = guarded.calls[client, way.name]
    verdict(f"{client}: guarded, {way.name}: connected {call['connected']} ({call['error']})")
    assert not call["connected"], call["pair"]
    if way.order().policy == "all":
        assert "a=fingerprint" in call["answer"], call["error"]


def test_behind_rtcguard_nothing_of_it_leaves(guarded: Run) -> None:
    assert_nothing_leaves(guarded.seen)
    assert_site_told_nothing(guarded.seen)


def test_over_the_approved_relay_it_connects(
    world: World, guard: Guard, verdict: Callable[[str], None]
) -> None:
    with world.watch() as seen:
        calls = call_all(world, APPROVED, guard.ca, expected=True)
    for (client, way), call in calls.items():
        verdict(f"{client}: guarded, {way}: connected {call['connected']} over {call['pair']}")
        assert call["connected"], (client, way, call["error"])
        assert call["pair"]["local"] == "relay", (client, way, call["pair"])
    assert_nothing_leaves(seen, relay=True)
    assert_site_told_nothing(seen)


def test_who_does_not_trust_rtcguard_does_not_call(world: World, guard: Guard) -> None:
    """By HTTPS it gets no further than the handshake."""
    with world.watch() as seen:
        calls = call_all(world, [WAYS[1]], world.ca.certificate, expected=False)
    for call in calls.values():
        assert not call["connected"] and not call["answer"], call
    assert_nothing_leaves(seen)
    assert not seen.received, seen.received

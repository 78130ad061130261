"""`rtcguard scan` on the lab's own captures: what a call leaked without rtcguard, and that nothing
of it is found in the same call behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtcguard.app.settings import read_config
from tests.recordings.reading import Read, read

from .claims import assert_call_went_direct, assert_guarded
from .guard import PROXY, running_guard
from .net import APPROVED_TURN, CLIENT, PEER
from .world import World

pytestmark = pytest.mark.lab


def _capture(world: World) -> Path:
    """What the client sent on its link in the session that was the last."""
    return max(world.lab.directory.glob("client-*.pcap"), key=lambda path: path.stat().st_mtime)


def _packets(made: Read) -> set[tuple[object, ...]]:
    assert not made.damage
    return {
        (record.address, record.destination.rpartition(":")[0].strip("[]"), record.would)
        for record in made.records
        if record.kind == "stun" and record.address  # checks through a relay tell none
    }


def test_control(world: World) -> None:
    outcome = world.call("data.html?signaling=http", [], scheme="http")
    assert_call_went_direct(outcome)
    made = read(_capture(world))
    reached = {(CLIENT.v4, PEER.v4, "refused"), (CLIENT.v6, PEER.v6, "refused")}
    assert reached & _packets(made)
    signaled = made.told("kind", "direction", "address", "would")
    assert ("candidate", "outbound", CLIENT.v6, "stripped") in signaled


def test_guarded(world: World) -> None:
    with running_guard(world) as guard:
        outcome = world.call("data.html", [guard.ca], proxy=PROXY)
        config = read_config(guard.config)
    assert_guarded(outcome, guard)
    found = _packets(read(_capture(world), config=config))
    assert found == {(CLIENT.v4, APPROVED_TURN.v4, "kept")}
    # The same capture under a policy that approves of no server.
    assert _packets(read(_capture(world))) == {(CLIENT.v4, APPROVED_TURN.v4, "refused")}

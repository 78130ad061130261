"""Whatever dies during a call and under fire: nothing leaks, and it comes back.

Raw senders fire all the time, and a program talks over the approved relay. The firewall is put up
anew, each process of rtcguard is killed (SIGKILL), one after the other, and at last the one that
watches them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from ..guard import Guard
from ..native.calls import APPROVED, CALL_SECONDS, CONNECTING_SECONDS, HTTP, approved_turn, start
from ..native.order import Order
from ..process import Process
from ..senders import SHOTS
from ..volley import Volley, firing
from ..world import World
from .claims import assert_nothing_leaves

pytestmark = pytest.mark.lab
RELAY = APPROVED[1]
REPLACED = 2
ECHO_SECONDS = 60.0
NAMES = {"proxy", "stun", "gateway", "sinkhole"}


@dataclass
class Ordeal:
    """What was seen while rtcguard was killed piece by piece."""

    volley: Volley
    calls: dict[str, bool] = field(default_factory=dict)  # after what: whether a new one connected
    lines: str = ""  # what rtcguard said


def _connects(world: World, *, expected: bool = True) -> bool:
    limit = CONNECTING_SECONDS if expected else Order.limit
    process = start(world, "aiortc", replace(RELAY.order(), limit=limit))
    process.wait_end(CALL_SECONDS)
    return bool(json.loads(process.tail(1))["connected"])


def _goes_on(held: Process) -> None:
    """Wait until a held call has echoed once more."""

    def echoes() -> int:
        return held.log.read_text().count("echoes")

    before = echoes()
    held.wait_until("echo of the call that is held", lambda: echoes() > before, ECHO_SECONDS)


@pytest.fixture(scope="module")
def bare(world: World) -> Volley:
    """The same fire without rtcguard, for a moment."""
    with firing(world) as volley:
        assert _connects(world)
    return volley


@pytest.fixture(scope="module")
def ordeal(world: World, bare: Volley, guard: Guard) -> Ordeal:
    with firing(world) as volley:
        seen = Ordeal(volley)
        held = start(world, "aiortc", Order(HTTP, (approved_turn(),), policy="relay", hold=True))
        held.wait_log("echoes")
        for _ in range(REPLACED):
            guard.command("gateway", "up")
            _goes_on(held)
        for number, pid in enumerate(guard.processes()):
            guard.kill(pid)
            _goes_on(held)
            seen.calls[f"process {number} was killed"] = _connects(world)
        seen.lines = guard.log
        guard.kill_all()
        _goes_on(held)
        seen.calls["all are gone"] = _connects(world, expected=False)
        guard.start()
        guard.wait()
        seen.calls["rtcguard was started again"] = _connects(world)
        _goes_on(held)
        held.stop()
    return seen


def test_without_rtcguard_the_fire_arrives(bare: Volley) -> None:
    missing = [
        shot.name for shot in SHOTS if not shot.attempt.stays and not bare.arrived_straight(shot)
    ]
    assert not missing, missing


def test_each_process_was_killed_and_came_back(ordeal: Ordeal) -> None:
    for name in NAMES:
        assert f"the {name} process ended (-9)" in ordeal.lines, ordeal.lines
        assert f"the {name} process runs again" in ordeal.lines, ordeal.lines


def test_calls_connect_whenever_rtcguard_runs(
    ordeal: Ordeal, verdict: Callable[[str], None]
) -> None:
    told = "; ".join(
        f"after {what}: {'yes' if did else 'no'}" for what, did in ordeal.calls.items()
    )
    verdict(f"killed: a new call connects {told}; the call that was held went on all the time")
    closed = ordeal.calls.pop("all are gone")
    assert not closed, "a call connected although nobody was there to judge its signaling"
    assert all(ordeal.calls.values()), ordeal.calls


def test_nothing_leaked_at_any_moment(ordeal: Ordeal, verdict: Callable[[str], None]) -> None:
    volley = ordeal.volley
    shots = sum(map(int, volley.answers.values()))
    through = [shot.name for shot in SHOTS if volley.got_through(shot)]
    verdict(f"killed: {shots} shots of {len(SHOTS)} kinds meanwhile, {len(through)} kinds arrived")
    assert shots > len(SHOTS)
    assert not through, through
    assert_nothing_leaves(volley.seen, relay=True)

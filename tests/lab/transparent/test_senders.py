"""Raw senders: each one's packets arrive without rtcguard, and nothing of any behind its gateway.

What the sender gets back, and what the ledger says of it, is asserted where the design promises it;
the verdicts on the terminal are the rows of the table of leak paths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from ..guard import Guard
from ..leaks import addresses_in
from ..net import CLIENT
from ..senders import ROWS, SHOTS, Shot
from ..volley import Volley, fire
from ..world import World
from .claims import assert_nothing_leaves

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def bare(world: World) -> Volley:
    return fire(world)


@pytest.fixture(scope="module")
def guarded(world: World, bare: Volley, guard: Guard, verdict: Callable[[str], None]) -> Volley:
    """The same behind rtcguard; in the end a line for each row of the table."""
    volley = fire(world)
    for row, title in ROWS.items():
        shots = [shot for shot in SHOTS if shot.attempt.row == row]
        control = sum(map(bare.arrived_straight, shots))
        passed = sum(map(volley.arrived_straight, shots))
        got = Counter(volley.answer(shot) for shot in shots)
        answers = ", ".join(f"{answer} {count}x" for answer, count in got.most_common())
        verdict(
            f"row {row}, {title}: {len(shots)} tried; from the client's addresses {control}"
            f" arrive without rtcguard, {passed} behind it; got back: {answers}"
        )
    return volley


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_without_rtcguard_it_arrives(bare: Volley, shot: Shot) -> None:
    assert bare.was_sent(shot), bare.answer(shot)
    if not shot.attempt.stays:
        assert bare.arrived_straight(shot), bare.answer(shot)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_behind_rtcguard_nothing_of_it_arrives(guarded: Volley, shot: Shot) -> None:
    assert not guarded.got_through(shot), guarded.answer(shot)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_behind_rtcguard_it_is_answered_as_designed(guarded: Volley, shot: Shot) -> None:
    assert guarded.answer(shot) in shot.attempt.answers


def test_behind_rtcguard_nothing_else_arrives(guarded: Volley) -> None:
    assert_nothing_leaves(guarded.seen)


def test_what_passes_names_nobody(bare: Volley, guarded: Volley) -> None:
    """Offers go on to the site, without the client's addresses."""
    passing = [shot for shot in SHOTS if shot.attempt.passes]
    for shot in passing:
        assert CLIENT.v4 in addresses_in(bare.text_of(shot), bare.seen.client_addresses), shot.name
        told = addresses_in(guarded.text_of(shot), guarded.seen.client_addresses)
        assert not told, guarded.text_of(shot)


def test_the_ledger_names_source_and_destination(guarded: Volley, guard: Guard) -> None:
    destinations = guard.report("destination")
    for shot in SHOTS:
        if shot.attempt.told:
            row = destinations.get(shot.destination)
            assert row, f"{shot.name}: no event of {shot.destination}: {sorted(destinations)}"
            assert set(row["clients"]) <= set(guarded.seen.client_addresses), row
            assert set(row["actions"]) <= {"refused", "blocked", "observed"}, row

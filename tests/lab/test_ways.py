"""Every way around the page guard: it leaks without rtcguard, and comes to nothing behind it.

All ways are tried in one session of a browser without rtcguard and in one behind it; each test then
looks at what came of its way. Those that stay open in ring 1, and the races, are tried once more
behind rtcguard's gateway: no packet of theirs gets past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from . import ways
from .capture import Packet, flows
from .claims import assert_connected_over_relay, assert_page_learned_nothing
from .guard import PROXY, PROXY_PORT, running_guard
from .leaks import addresses_in, past_proxy
from .net import CLIENT_PUBLIC, GATEWAY, STUN_ONLY
from .servers import ATTEMPT_PORTS
from .transparent.claims import assert_nothing_leaves, assert_site_told_nothing
from .world import BROWSERS, Browser, Outcome, Sights, World

pytestmark = pytest.mark.lab

NAMES = ways.names()
# What a browser does not have, as the ways themselves say.
LACKING: dict[Browser, set[str]] = {
    "chromium": {
        "a reaction in execCommand",
        "blob of no type",
        "blob of no type in place of a page",
    },
    "firefox": {
        "prefixed constructor",
        "functions on the stack",
        "a reaction in setHTMLUnsafe",
    },
}
# What gets around ring 1, and why. Ring 3 has to hold there.
FIRST_WINDOW = "the frame still shows its first about:blank, and nothing tells of what comes"
RETURNED = "a document that a javascript: URL returns is in place before anything tells of it"
PARSED = "of this shadow root only the parser has a hold"
OPEN_BOTH = {
    "javascript: URL that returns a document in place of a page": RETURNED,
    "javascript: URL that returns a document, by the frame's location": RETURNED,
    "javascript: URL that returns a document, by the location of an empty frame": RETURNED,
    "blob whose URL a worker made, by the location of an empty frame": FIRST_WINDOW,
    "frame of a data: URL by its location": FIRST_WINDOW,
    "frame of a data: URL by a link": FIRST_WINDOW,
    "frame of a data: URL by window.open": FIRST_WINDOW,
    "srcdoc in a closed declarative shadow tree, parsed apart": PARSED,
    "srcdoc in a closed declarative shadow tree, written": PARSED,
    "a reaction in an option that is set": "the setter of a list's index is no function to replace",
}
OPEN: dict[Browser, dict[str, str]] = {"chromium": OPEN_BOTH, "firefox": OPEN_BOTH}
# Open as well, but lost or won from run to run, so that only their control is claimed.
LOOKED_FOR = "a page that looks at a window all the time may see it before its first script has run"
RACES = {
    "window.open, then about:blank again": LOOKED_FOR,
    "about:blank in place of a page, looked for all the time": LOOKED_FOR,
    "a page in place of a page, looked for all the time": LOOKED_FOR,
    "srcdoc in place of a page, looked for all the time": LOOKED_FOR,
    "sandboxed srcdoc in innerHTML": "Chromium showed the page's own srcdoc in 2 of 8 tries",
}
# Seconds for a way that gets there, as all do without rtcguard: only a failure waits as long.
# Then for one that may lead nowhere, which takes all of it.
PATIENCE, PATIENCE_NOWHERE = 45.0, 4.0
REACHED = [name for name in NAMES if name in OPEN_BOTH | RACES]


@dataclass(frozen=True)
class Run:
    """One session: all attempts, then an ordinary call."""

    attempts: dict[str, ways.Attempt]
    call: Outcome


@dataclass(frozen=True)
class Held:
    """The open ways and the races behind the gateway."""

    attempts: dict[str, ways.Attempt]
    seen: Sights
    destinations: dict[str, dict[str, Any]]  # what the ledger has of each


@dataclass(frozen=True)
class Trial:
    """One browser, without rtcguard, behind it, and behind its gateway."""

    browser: Browser
    bare: Run
    guarded: Run
    held: Held


def _behind(names: Sequence[str], browser: Browser) -> dict[str, float]:
    """These ways behind rtcguard, with the patience for each."""
    return {way: PATIENCE if way in OPEN[browser] else PATIENCE_NOWHERE for way in names}


def _run(world: World, browser: Browser, *, guarded: bool) -> Run:
    tried = _behind(NAMES, browser) if guarded else dict.fromkeys(NAMES, PATIENCE)
    with ExitStack() as stack:
        guard = stack.enter_context(running_guard(world)) if guarded else None
        authority = guard.ca if guard else world.ca.certificate
        proxy = PROXY if guard else None
        session = stack.enter_context(world.session([authority], proxy=proxy, browser=browser))
        written = ways.try_all(session, tried)
        page = session.open("data.html")
    return Run(ways.attempts(session, written), session.outcome(page))


def _held(world: World, browser: Browser) -> Held:
    with running_guard(world, gateway=True) as guard:
        with world.session([guard.ca], browser=browser) as session:
            written = ways.try_all(session, _behind(REACHED, browser))
        attempts = ways.attempts(session, written)
        return Held(attempts, session.seen, guard.report("destination"))


@pytest.fixture(scope="module")
def told(verdict: Callable[[str], None]) -> Iterator[dict[str, list[str]]]:
    """By way: what was found in each browser; in the end a line for each way."""
    found: dict[str, list[str]] = {name: [] for name in NAMES}
    yield found
    for name, verdicts in found.items():
        verdict(f"way: {name}: {'; '.join(verdicts)}")


@pytest.fixture(scope="module", params=BROWSERS)
def trial(request: pytest.FixtureRequest, world: World, told: dict[str, list[str]]) -> Trial:
    browser: Browser = request.param
    made = Trial(
        browser,
        bare=_run(world, browser, guarded=False),
        guarded=_run(world, browser, guarded=True),
        held=_held(world, browser),
    )
    for name in NAMES:
        bare, guarded = made.bare.attempts[name], made.guarded.attempts[name]
        told[name].append(f"{browser} bare {bare.verdict}, guarded {guarded.verdict}")
    for name, attempt in made.held.attempts.items():
        packets = f"{made.bare.attempts[name].packets} packets bare, {attempt.packets} past it"
        told[name].append(f"{browser} behind the gateway: {packets}")
    return made


def _is_of_open_way(trial: Trial, packet: Packet) -> bool:
    return (
        packet.dst in STUN_ONLY.addresses
        and packet.dport in ATTEMPT_PORTS
        and NAMES[packet.dport - ATTEMPT_PORTS[0]] in OPEN[trial.browser] | RACES
    )


@pytest.mark.parametrize("way", NAMES)
def test_the_way_leaks_without_rtcguard_and_not_behind_it(trial: Trial, way: str) -> None:
    bare, guarded = trial.bare.attempts[way], trial.guarded.attempts[way]
    if way in LACKING[trial.browser]:
        assert not bare.is_here and not guarded.is_here, (bare, guarded)
        return
    assert bare.leaks, f"no control: {bare}"
    if way in RACES:
        return
    if way in OPEN[trial.browser]:
        assert guarded.leaks, f"does not leak any more, so it is not open: {guarded}"
        return
    assert not guarded.leaks, guarded
    assert guarded.policy in (None, "relay"), guarded


def test_behind_rtcguard_nothing_else_was_sent(trial: Trial) -> None:
    """To no server and no port that belongs to no way, or to one that holds."""
    sent = past_proxy(trial.guarded.call.sent, (GATEWAY.v4, PROXY_PORT))
    others = [packet for packet in sent if not _is_of_open_way(trial, packet)]
    assert not others, flows(others)


def test_after_all_ways_a_call_connects_over_the_relay(trial: Trial) -> None:
    assert trial.bare.call.page["connected"] and trial.bare.call.local_type != "relay"
    assert_connected_over_relay(trial.guarded.call)
    assert_page_learned_nothing(trial.guarded.call)


@pytest.mark.parametrize("way", REACHED)
def test_past_the_gateway_the_way_sends_nothing(trial: Trial, way: str) -> None:
    """Nor does the page learn the public address: nobody answered who could tell it."""
    assert trial.bare.attempts[way].packets > 0, "no control"
    attempt = trial.held.attempts[way]
    assert attempt.packets == 0, attempt
    assert CLIENT_PUBLIC not in addresses_in(str(attempt.page), [CLIENT_PUBLIC])


def test_past_the_gateway_nothing_else_was_sent(trial: Trial) -> None:
    assert_nothing_leaves(trial.held.seen)
    assert_site_told_nothing(trial.held.seen)


def test_the_ledger_tells_of_the_ways_that_got_around(trial: Trial) -> None:
    """What stays open in ring 1 got as far as the responder."""
    for number, way in enumerate(REACHED):
        if way in OPEN[trial.browser]:
            row = trial.held.destinations.get(f"{STUN_ONLY.v4}:{ATTEMPT_PORTS[number]}")
            assert row and set(row["actions"]) == {"refused"}, (way, row)

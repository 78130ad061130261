"""Calls in the ordinary ways: each goes direct without rtcguard, and over the relay behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import batched
from typing import Any

import pytest

from .capture import flows
from .claims import (
    assert_connected_over_relay,
    assert_nothing_reached_the_site,
    assert_only_proxy_and_relay,
    assert_page_learned_nothing,
)
from .guard import PROXY, running_guard
from .leaks import addresses_in, packets_to
from .net import CLIENT, PEER, STUN_ONLY
from .world import BROWSERS, Browser, Outcome, World

pytestmark = pytest.mark.lab

# As in pages/calls.js.
MODES = (
    *("addTrack", "addTransceiver", "callbacks", "two", "frame", "srcdoc"),
    *("negotiation", "restart", "setConfiguration"),
)
AT_A_TIME = 3


@dataclass(frozen=True)
class Calls:
    """By mode: what each call left behind, with the captures of all of them."""

    browser: Browser
    bare: dict[str, Outcome]
    guarded: dict[str, Outcome]


def _outcomes(world: World, browser: Browser, *, guarded: bool) -> dict[str, Outcome]:
    paths = [f"calls.html?mode={mode}" for mode in MODES]
    pages: list[dict[str, Any]] = []
    with ExitStack() as stack:
        guard = stack.enter_context(running_guard(world)) if guarded else None
        authority = guard.ca if guard else world.ca.certificate
        proxy = PROXY if guard else None
        session = stack.enter_context(
            world.session([authority], camera=True, proxy=proxy, browser=browser)
        )
        for batch in batched(paths, AT_A_TIME):
            pages += session.open_all(batch)
    return {mode: session.outcome(page) for mode, page in zip(MODES, pages, strict=True)}


@pytest.fixture(scope="module", params=BROWSERS)
def calls(request: pytest.FixtureRequest, world: World) -> Iterator[Calls]:
    """All calls of one browser, some at a time."""
    browser: Browser = request.param
    yield Calls(
        browser,
        bare=_outcomes(world, browser, guarded=False),
        guarded=_outcomes(world, browser, guarded=True),
    )


@pytest.mark.parametrize("mode", MODES)
def test_without_rtcguard_the_call_goes_direct(calls: Calls, mode: str) -> None:
    outcome = calls.bare[mode]
    page = outcome.page
    assert page["connected"] and page["echo"], (page["errors"], page["states"])
    assert outcome.local_type in ("host", "srflx", "prflx")
    assert {CLIENT.v4, CLIENT.v6} <= set(addresses_in(outcome.page_text, outcome.client_addresses))
    for server in (STUN_ONLY, PEER):
        assert packets_to(outcome.arrived, server.addresses) > 0, flows(outcome.arrived)


@pytest.mark.parametrize("mode", MODES)
def test_behind_rtcguard_the_call_goes_over_the_relay(
    calls: Calls, mode: str, verdict: Callable[[str], None]
) -> None:
    outcome = calls.guarded[mode]
    verdict(
        f"{calls.browser}: call by {mode}: connected over {outcome.local_type};"
        f" without rtcguard over {calls.bare[mode].local_type}"
    )
    assert_connected_over_relay(outcome)
    assert_page_learned_nothing(outcome)


def test_behind_rtcguard_no_call_gives_anything_away(calls: Calls) -> None:
    outcome = calls.guarded[MODES[0]]
    assert_nothing_reached_the_site(outcome)
    assert_only_proxy_and_relay(outcome)

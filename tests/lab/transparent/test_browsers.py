"""Browsers behind the gateway: no proxy is set, only rtcguard's authority is trusted.

The site is called by its name (both versions of IP), by its IPv4 address and by its IPv6 address;
with the page guard, and without it: rings 2 and 3 alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ..capture import flows
from ..claims import (
    GATHERING_MS,
    assert_connected_over_relay,
    assert_page_learned_nothing,
)
from ..guard import Guard, running_guard
from ..leaks import addresses_in, packets_to
from ..net import CLIENT, CLIENT_PUBLIC, PEER, SITE, SITE_NAME, SITE_TURN, STUN_ONLY
from ..world import BROWSERS, Browser, Outcome, World
from .claims import assert_nothing_leaves, assert_site_told_nothing

pytestmark = pytest.mark.lab

PAGES = {
    "data by name": f"https://{SITE_NAME}/data.html",
    "media by IPv4": f"https://{SITE.v4}/media.html",
    "data and HTTP signaling by IPv6": f"http://[{SITE.v6}]/data.html?signaling=http",
}
# Servers that the page has in a script, which ring 2 does not judge: the page keeps the site's.
IN_SCRIPT = "data with servers in a script"
SCRIPT_PAGE = {IN_SCRIPT: f"https://{SITE_NAME}/data.html?servers=script&limit=4000"}


@dataclass(frozen=True)
class Run:
    """Both browsers' pages, by browser and page, and what rtcguard has to report of them."""

    outcomes: dict[Browser, dict[str, Outcome]]
    guard: Guard | None = None


def _run(world: World, pages: dict[str, str], guard: Guard | None = None) -> Run:
    authority = guard.ca if guard else world.ca.certificate
    outcomes: dict[Browser, dict[str, Outcome]] = {}
    for browser in BROWSERS:
        with world.session([authority], camera=True, browser=browser) as session:
            read = session.open_all(list(pages.values()))
        made = (session.outcome(page) for page in read)
        outcomes[browser] = dict(zip(pages, made, strict=True))
    return Run(outcomes, guard)


@pytest.fixture(scope="module")
def bare(world: World) -> Run:
    return _run(world, PAGES | SCRIPT_PAGE)


@pytest.fixture(scope="module")
def guarded(world: World, bare: Run) -> Run:
    with running_guard(world, gateway=True) as guard:
        return _run(world, PAGES, guard)


@pytest.fixture(scope="module")
def alone(world: World, bare: Run) -> Run:
    """Without the page guard."""
    with running_guard(world, gateway=True, page_guard=False) as guard:
        return _run(world, PAGES | SCRIPT_PAGE, guard)


@pytest.mark.parametrize("page", PAGES | SCRIPT_PAGE)
@pytest.mark.parametrize("browser", BROWSERS)
def test_without_rtcguard_the_call_goes_direct(bare: Run, browser: Browser, page: str) -> None:
    outcome = bare.outcomes[browser][page]
    assert outcome.page["connected"] and outcome.page["echo"], outcome.page["errors"]
    assert outcome.local_type in ("host", "srflx", "prflx")
    for server in (PEER, STUN_ONLY, SITE_TURN):
        assert packets_to(outcome.arrived, server.addresses) > 0, flows(outcome.arrived)
    assert {CLIENT.v6, CLIENT_PUBLIC} <= set(
        addresses_in(outcome.page_text, outcome.client_addresses)
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("browser", BROWSERS)
def test_behind_rtcguard_the_call_goes_over_the_relay(
    guarded: Run, browser: Browser, page: str, verdict: Callable[[str], None]
) -> None:
    outcome = guarded.outcomes[browser][page]
    verdict(outcome.verdict(f"{browser}: transparent, {page}"))
    assert_connected_over_relay(outcome)
    assert_page_learned_nothing(outcome)


@pytest.mark.parametrize("browser", BROWSERS)
def test_behind_rtcguard_nothing_else_leaves(guarded: Run, browser: Browser) -> None:
    for outcome in guarded.outcomes[browser].values():
        assert_nothing_leaves(outcome, relay=True)
        assert_site_told_nothing(outcome)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("browser", BROWSERS)
def test_without_the_page_guard_the_call_goes_over_the_relay(
    alone: Run, browser: Browser, page: str, verdict: Callable[[str], None]
) -> None:
    """Ring 2 gave the page the approved server in its list, and left the far side's candidates,
    for the firewall is up; what the page's own sockets send ends there."""
    outcome = alone.outcomes[browser][page]
    verdict(outcome.verdict(f"{browser}: transparent without the page guard, {page}"))
    assert_connected_over_relay(outcome)


@pytest.mark.parametrize("browser", BROWSERS)
def test_without_the_page_guard_and_the_relay_no_call_connects(
    alone: Run, browser: Browser, verdict: Callable[[str], None]
) -> None:
    """A page that knows of the site's servers only; it is told so at once, not after a while."""
    outcome = alone.outcomes[browser][IN_SCRIPT]
    verdict(outcome.verdict(f"{browser}: transparent without the page guard, {IN_SCRIPT}"))
    assert not outcome.page["connected"]
    assert outcome.page["gatheringMs"] is not None and outcome.page["gatheringMs"] < GATHERING_MS
    told = addresses_in(outcome.page_text, outcome.client_addresses)
    assert CLIENT_PUBLIC not in told, "no server may tell the page its public address"


@pytest.mark.parametrize("browser", BROWSERS)
def test_without_the_page_guard_nothing_leaves(alone: Run, browser: Browser) -> None:
    for outcome in alone.outcomes[browser].values():
        assert_nothing_leaves(outcome, relay=True)
        assert_site_told_nothing(outcome)


def test_the_ledger_names_the_servers_and_the_site(alone: Run) -> None:
    """What the firewall caught, with the site whose page sent it."""
    assert alone.guard is not None
    destinations = alone.guard.report("destination")
    for server in (STUN_ONLY, SITE_TURN, PEER):
        rows = [row for key, row in destinations.items() if server.v4 in key]
        assert rows, f"the report does not name {server.v4}: {sorted(destinations)}"
        for row in rows:
            assert CLIENT.v4 in row["clients"], row
            assert set(row["actions"]) <= {"refused", "stripped", "blocked"}, row
    assert "Traceback" not in alone.guard.log, alone.guard.log

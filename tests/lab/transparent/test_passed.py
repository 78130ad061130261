"""A site that a rule lets pass: its TLS is its own, its pages have no guard, but its STUN ends at
the firewall all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.browsers.environment import BrowserError

from ..capture import flows
from ..guard import Guard, running_guard
from ..leaks import addresses_in, packets_to
from ..net import CLIENT, PEER, SITE, SITE_NAME, SITE_TURN, STUN_ONLY
from ..world import BROWSERS, Browser, Outcome, World
from .claims import assert_nothing_leaves

pytestmark = pytest.mark.lab

PAGE = "media.html?limit=4000"
RULE = f"rules: [{{name: clinic, match: {{site: {SITE_NAME}}}, action: pass}}]\n"


@dataclass(frozen=True)
class Run:
    """Both browsers, each of which trusts the site's own authority, and no other."""

    outcomes: dict[Browser, Outcome]
    by_address: dict[Browser, bool]  # whether the site is trusted where TLS does not name it


def _run(world: World) -> Run:
    made = Run({}, {})
    for browser in BROWSERS:
        with world.session([world.ca.certificate], camera=True, browser=browser) as session:
            page = session.open(PAGE)
            with session.tabs.open() as tab:
                try:
                    tab.goto(f"https://{SITE.v4}/lab.js")
                    made.by_address[browser] = True
                except BrowserError:
                    made.by_address[browser] = False
        made.outcomes[browser] = session.outcome(page)
    return made


@pytest.fixture(scope="module")
def bare(world: World) -> Run:
    return _run(world)


@pytest.fixture(scope="module")
def guard(world: World, bare: Run) -> Iterator[Guard]:
    with running_guard(world, gateway=True, more=RULE) as running:
        yield running


@pytest.fixture(scope="module")
def passed(world: World, guard: Guard) -> Run:
    return _run(world)


@pytest.mark.parametrize("browser", BROWSERS)
def test_without_rtcguard_it_leaks(bare: Run, browser: Browser) -> None:
    assert bare.by_address[browser]
    outcome = bare.outcomes[browser]
    for server in (PEER, STUN_ONLY, SITE_TURN):
        assert packets_to(outcome.arrived, server.addresses) > 0, flows(outcome.arrived)


@pytest.mark.parametrize("browser", BROWSERS)
def test_what_passes_has_the_sites_own_certificate_and_no_guard(
    passed: Run, browser: Browser
) -> None:
    page = passed.outcomes[browser].page
    assert page["offers"], page["errors"]
    assert not passed.by_address[browser], "without a name it is opened"
    assert STUN_ONLY.v4 in str(page["configuration"]), "a guard would have taken it away"
    told = addresses_in(str(page), passed.outcomes[browser].client_addresses)
    assert CLIENT.v4 in told, "a page without guard learns the address of its own machine"


@pytest.mark.parametrize("browser", BROWSERS)
def test_nothing_leaves_all_the_same(
    passed: Run, browser: Browser, verdict: Callable[[str], None]
) -> None:
    outcome = passed.outcomes[browser]
    verdict(outcome.verdict(f"{browser}: transparent, TLS that passes"))
    assert any(packet.is_stun for packet in outcome.sent), "the page tried"
    assert_nothing_leaves(outcome)
    assert not outcome.page["connected"]


def test_the_ledger_tells_both(passed: Run, guard: Guard) -> None:
    destinations = guard.report("destination")
    https = {key: row for key, row in destinations.items() if key.endswith(":443")}
    assert any("kept" in row["actions"] for row in https.values()), destinations
    assert {one for row in https.values() for one in row["sites"]} == {SITE_NAME}
    for server in (STUN_ONLY, PEER):
        rows = [row for key, row in destinations.items() if server.v4 in key]
        assert rows, sorted(destinations)
        assert all(set(row["actions"]) <= {"refused", "blocked"} for row in rows), rows
    assert "Traceback" not in guard.log, guard.log

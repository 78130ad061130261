"""The same pages behind rtcguard: they work, over the approved relay only, and give nothing away.

What makes these tests mean something is test_control.py: the same pages without rtcguard leak.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .capture import flows
from .claims import (
    ALONE,
    GATHERING_MS,
    assert_guarded,
    assert_nothing_reached_the_site,
    assert_signaling_alone,
)
from .guard import PROXY, running_guard
from .leaks import packets_to
from .net import APPROVED_TURN, CLIENT, CLIENT_PUBLIC, SITE_TURN, STUN_ONLY
from .world import BROWSERS, Browser, World

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("browser", BROWSERS)]


def test_data_channel(world: World, browser: Browser, verdict: Callable[[str], None]) -> None:
    with running_guard(world) as guard:
        outcome = world.call("data.html", [guard.ca], proxy=PROXY, browser=browser)
    verdict(outcome.verdict(f"{browser}: guarded data"))
    assert_guarded(outcome, guard)
    assert guard.outcomes() == ["over the relay"]


def test_media(world: World, browser: Browser, verdict: Callable[[str], None]) -> None:
    with running_guard(world) as guard:
        outcome = world.call("media.html", [guard.ca], camera=True, proxy=PROXY, browser=browser)
    verdict(outcome.verdict(f"{browser}: guarded media"))
    assert_guarded(outcome, guard)
    assert outcome.page["packetsSent"] > 0
    media = {item["kind"] for item in outcome.received if item["event"] == "media"}
    assert media == {"audio", "video"}


def test_http_signaling(world: World, browser: Browser, verdict: Callable[[str], None]) -> None:
    with running_guard(world) as guard:
        path = "data.html?signaling=http"
        outcome = world.call(path, [guard.ca], scheme="http", proxy=PROXY, browser=browser)
    verdict(outcome.verdict(f"{browser}: guarded HTTP signaling"))
    assert_guarded(outcome, guard)


def test_signaling_alone_keeps_addresses_from_the_site(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    with running_guard(world, page_guard=False) as guard:
        path = f"media.html?{ALONE}"
        outcome = world.call(path, [guard.ca], camera=True, proxy=PROXY, browser=browser)
    verdict(outcome.verdict(f"{browser}: guarded, signaling alone"))
    assert_signaling_alone(outcome, guard, {CLIENT.v4, CLIENT.v6, CLIENT_PUBLIC})
    assert guard.outcomes() == ["far side stripped"]


def test_lists_of_servers_are_taken_over(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    """Ring 2 without ring 1, on a page that gets its ICE servers as JSON: none of the site's hears
    of the client, and their stand-ins do not keep the page waiting."""
    with running_guard(world, page_guard=False) as guard:
        path = "media.html?limit=4000"
        outcome = world.call(path, [guard.ca], camera=True, proxy=PROXY, browser=browser)
    verdict(outcome.verdict(f"{browser}: guarded, lists of servers"))
    assert packets_to(outcome.sent, STUN_ONLY.addresses) == 0, flows(outcome.sent)
    assert packets_to(outcome.sent, SITE_TURN.addresses) == 0, flows(outcome.sent)
    assert packets_to(outcome.arrived, APPROVED_TURN.addresses) > 0, "the approved one was not used"
    assert outcome.page["gatheringMs"] is not None and outcome.page["gatheringMs"] < GATHERING_MS
    assert_nothing_reached_the_site(outcome)

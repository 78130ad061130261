"""Browsers under the policy of `rtcguard browser-policy`, with rtcguard as their proxy.

No flag and no preference here tells them of a proxy or an authority: the policy does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import firefox
from .capture import flows
from .claims import (
    NOT_PASSED,
    assert_call_went_direct,
    assert_nothing_reached_the_site,
    assert_page_learned_nothing,
)
from .guard import PROXY_PORT, Guard, running_guard
from .leaks import past_proxy
from .net import APPROVED_TURN, CLIENT, GATEWAY, SITE_TURN, STUN_ONLY
from .policy import installed_policy
from .servers import PORT
from .world import BROWSERS, Browser, Outcome, World

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("browser", BROWSERS)]

PAGE = "data-tcp.html"
# Ring 2 does not judge scripts: the browser gets all servers of the site.
ALONE = f"{PAGE}?servers=script&limit=5000"
# Firefox with `proxy_only` makes candidates for pages only that may use the camera.
MAY_USE_CAMERA = {"permissions.default.camera": 1, "permissions.default.microphone": 1}


@pytest.fixture(autouse=True)
def camera_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MAY_USE_CAMERA.items():
        monkeypatch.setitem(firefox.CAMERA_GRANTED, name, value)


def assert_nothing_but_the_proxy(outcome: Outcome) -> None:
    """Not even the approved TURN server and the neighbours hear of the client."""
    sent = past_proxy(outcome.sent, (GATEWAY.v4, PROXY_PORT))
    assert not sent, f"the client sent past the proxy:\n{flows(sent)}"
    assert not outcome.arrived, flows(outcome.arrived)
    assert not [packet for packet in outcome.sent if packet.proto == "udp"], flows(outcome.sent)


def actions(guard: Guard, host: str) -> set[str]:
    """What was done to all that concerned one server."""
    rows = [row for key, row in guard.report("destination").items() if host in key]
    return {action for row in rows for action in row["actions"]}


def test_control(world: World, browser: Browser, verdict: Callable[[str], None]) -> None:
    """Neither policy nor rtcguard: the same page goes direct."""
    outcome = world.call(PAGE, [world.ca.certificate], browser=browser)
    verdict(outcome.verdict(f"{browser}: control, TURN over TCP"))
    assert_call_went_direct(outcome)
    to_turn = [item for item in outcome.arrived if (item.dst, item.dport) == (SITE_TURN.v4, PORT)]
    assert {item.proto for item in to_turn} == {"udp", "tcp"}, flows(to_turn)


def test_a_call_goes_through_the_proxy(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    with (
        running_guard(world, transport="tcp") as guard,
        installed_policy(world, browser, guard),
    ):
        outcome = world.call(PAGE, [], camera=True, browser=browser)
    verdict(outcome.verdict(f"{browser}: policy and guard"))
    assert outcome.page["connected"] and outcome.page["echo"], outcome.page["errors"]
    assert outcome.local_type == "relay"
    assert_page_learned_nothing(outcome)
    assert_nothing_reached_the_site(outcome)
    assert_nothing_but_the_proxy(outcome)
    assert any(packet.is_stun for packet in outcome.sent), "no TURN went through the proxy"
    assert "kept" in actions(guard, f"{APPROVED_TURN.v4}:{PORT}")
    assert "network" in guard.report("ring")
    assert actions(guard, SITE_TURN.v4) <= NOT_PASSED
    assert "Traceback" not in guard.log, guard.log


def test_the_policy_alone_closes_the_rest(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    """Without the page guard the browser asks for the site's TURN server: refused and recorded."""
    with (
        running_guard(world, page_guard=False, transport="tcp") as guard,
        installed_policy(world, browser, guard),
    ):
        outcome = world.call(ALONE, [], camera=True, browser=browser)
    verdict(outcome.verdict(f"{browser}: policy alone"))
    assert not outcome.page["connected"]
    if browser == "firefox":
        # It names the interface's address to the page when a TURN server answers with an error, or
        # with none: so without the guard the policy does not keep that address from the page.
        assert {error["code"] for error in outcome.page.pop("candidateErrors")} == {300}
    assert_page_learned_nothing(outcome)
    assert_nothing_reached_the_site(outcome)
    assert_nothing_but_the_proxy(outcome)
    refused = guard.report("destination")[f"{SITE_TURN.v4}:{PORT}"]
    assert set(refused["actions"]) == {"refused"}, refused
    assert refused["clients"] == [CLIENT.v4]
    assert STUN_ONLY.v4 not in str(guard.report("destination"))
    assert "Traceback" not in guard.log, guard.log

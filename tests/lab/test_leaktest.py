"""A leak test like the public ones: without rtcguard it finds everything, behind it nothing.

Each source of pages/leaktest.js is one such thing that those pages try.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .capture import flows
from .claims import (
    assert_nothing_reached_the_site,
    assert_only_proxy_and_relay,
    assert_page_learned_nothing,
)
from .guard import PROXY, running_guard
from .leaks import addresses_in, local_names_in, packets_to
from .net import APPROVED_TURN, CLIENT, CLIENT_PUBLIC, SITE_TURN, STUN_ONLY
from .world import BROWSERS, Browser, Outcome, World

pytestmark = [
    pytest.mark.lab,
    pytest.mark.parametrize("browser", BROWSERS),
    pytest.mark.parametrize("camera", [False, True], ids=["no permission", "camera granted"]),
]

# What these browsers do not have, or refuse: RFC 7064 knows no transport for STUN.
LACKING: dict[Browser, set[str]] = {
    "chromium": {"STUN over TCP", "ORTC", "ICE without a connection"},
    "firefox": {"STUN over TCP", "ORTC", "ICE without a connection", "prefixed name and callbacks"},
}
# The beginnings of the client's addresses: an icecandidateerror tells "10.77.0.x".
NETWORKS = ("10.77.0.", "2001:db8:77:")
# What a source has to find besides host addresses, where it has no server that tells more.
HOSTS_ONLY = {"no server"}
# Firefox tells no public address where there is no answer to a Binding request over UDP.
FIREFOX_HOSTS_ONLY = {"TURN over TCP", "TURN with a wrong password"}
# They stop gathering as soon as they have met, by whichever address came first.
FIRST_ADDRESS_ONLY = {"two that meet"}


def _path(camera: bool) -> str:
    return f"leaktest.html?camera={'granted' if camera else 'prompt'}"


def _candidates(page: dict[str, Any]) -> list[list[str]]:
    """Every candidate line that the page got, in words; an empty one tells that it was the last."""
    lines = [line for found in page["found"].values() for line in found["candidates"]]
    return [line.split() for line in lines if line]


def _after(word: str, lines: list[list[str]]) -> set[str]:
    """The words behind this one."""
    return {line[line.index(word) + 1] for line in lines if word in line}


def _count(page: dict[str, Any], text: str) -> int:
    """How many sources show this text."""
    return sum(text in json.dumps(found) for found in page["found"].values())


def _line(browser: Browser, camera: bool, side: str, outcome: Outcome) -> str:
    """One verdict with the numbers."""
    page = outcome.page
    kinds = {
        "mDNS names": sum(bool(local_names_in(json.dumps(f))) for f in page["found"].values()),
        "the LAN address": _count(page, CLIENT.v4),
        "IPv6": _count(page, CLIENT.v6),
        "the public address": _count(page, CLIENT_PUBLIC),
        "relay candidates": _count(page, "typ relay"),
    }
    found = ", ".join(f"{what} in {count}" for what, count in kinds.items())
    packets = ", ".join(
        f"{packets_to(outcome.arrived, role.addresses)} to {what}"
        for what, role in (
            ("STUN", STUN_ONLY),
            ("the site's TURN", SITE_TURN),
            ("the approved TURN", APPROVED_TURN),
        )
    )
    granted = "camera granted" if camera else "no permission"
    return (
        f"{browser}: leak test, {granted}, {side}: of {len(page['found'])} sources {found};"
        f" packets straight from the client: {packets}"
    )


def test_without_rtcguard_it_finds_everything(
    world: World, browser: Browser, camera: bool, verdict: Callable[[str], None]
) -> None:
    outcome = world.call(_path(camera), [world.ca.certificate], camera=camera, browser=browser)
    verdict(_line(browser, camera, "without rtcguard", outcome))
    page = outcome.page
    assert set(page["missing"]) == LACKING[browser], page["missing"]
    for source, found in page["found"].items():
        text = json.dumps(found)
        if source in LACKING[browser]:
            continue
        told = addresses_in(text, [CLIENT_PUBLIC, CLIENT.v6])
        host = local_names_in(text) or CLIENT.v4 in text
        assert host or (told and source in FIRST_ADDRESS_ONLY), f"{source} found no host: {found}"
        if source in FIRST_ADDRESS_ONLY | HOSTS_ONLY or (
            browser == "firefox" and source in FIREFOX_HOSTS_ONLY
        ):
            continue
        assert told, f"{source} found no address that a server told: {found}"
        for kind in ("sdp", "stats"):
            assert addresses_in(json.dumps(found[kind]), told), f"{source}: {kind}: {found[kind]}"
    lines = _candidates(page)
    assert _after("typ", lines) == {"host", "srflx", "relay"}
    assert addresses_in(outcome.page_text, [CLIENT_PUBLIC, CLIENT.v6]) == [CLIENT_PUBLIC, CLIENT.v6]
    # Chromium's relay candidates tell whom the relay saw; those of both, where hosts are told.
    related = ({CLIENT_PUBLIC} if browser == "chromium" else set()) | (
        {CLIENT.v4} if camera else set()
    )
    assert related <= _after("raddr", lines)
    if camera:
        errors = json.dumps([found["errors"] for found in page["found"].values()])
        assert NETWORKS[0] in errors, errors
    else:
        assert CLIENT.v4 not in outcome.page_text
    for server in (*STUN_ONLY.addresses, SITE_TURN.v4):
        assert packets_to(outcome.arrived, [server]) > 0, flows(outcome.arrived)


def test_behind_rtcguard_it_finds_nothing(
    world: World, browser: Browser, camera: bool, verdict: Callable[[str], None]
) -> None:
    with running_guard(world) as guard:
        outcome = world.call(_path(camera), [guard.ca], camera=camera, proxy=PROXY, browser=browser)
    verdict(_line(browser, camera, "behind rtcguard", outcome))
    page = outcome.page
    assert set(page["missing"]) == LACKING[browser], page["missing"]
    assert_page_learned_nothing(outcome)
    assert not [network for network in NETWORKS if network in outcome.page_text]
    assert_nothing_reached_the_site(outcome)
    assert_only_proxy_and_relay(outcome)
    lines = _candidates(page)
    assert _after("typ", lines) == {"relay"}
    assert {line[4] for line in lines} == {APPROVED_TURN.v4}
    for source, found in page["found"].items():
        if source not in LACKING[browser]:
            assert "typ relay" in json.dumps(found), f"{source} has no relay: {found}"

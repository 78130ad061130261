"""The positive controls: without rtcguard the same pages leak, and the lab sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browsers.environment import BrowserError

from .capture import flows
from .claims import assert_call_went_direct, assert_hidden_hosts_told, assert_told
from .leaks import LINK_LOCAL_PROTOCOLS, packets_to
from .net import CLIENT, SITE
from .world import BROWSERS, Browser, World

pytestmark = [pytest.mark.lab, pytest.mark.parametrize("browser", BROWSERS)]


def test_a_page_without_webrtc_sends_nothing_but_http(world: World, browser: Browser) -> None:
    outcome = world.call("quiet.html", [world.ca.certificate], browser=browser)
    others = [
        packet
        for packet in outcome.sent
        if packet.proto not in LINK_LOCAL_PROTOCOLS
        and not (packet.proto == "tcp" and packet.dst in SITE.addresses)
    ]
    assert packets_to(outcome.sent, SITE.addresses) > 0
    assert not others, flows(others)


def test_the_browser_trusts_nobody_it_was_not_told_to(world: World, browser: Browser) -> None:
    with pytest.raises(BrowserError, match=r"ERR_CERT_AUTHORITY_INVALID|SEC_ERROR_UNKNOWN_ISSUER"):
        world.call("quiet.html", [], browser=browser)


def test_data_channel_leaks(world: World, browser: Browser, verdict: Callable[[str], None]) -> None:
    outcome = world.call("data.html", [world.ca.certificate], browser=browser)
    verdict(outcome.verdict(f"{browser}: control data"))
    assert_call_went_direct(outcome)
    assert_hidden_hosts_told(outcome)


def test_media_leaks(world: World, browser: Browser, verdict: Callable[[str], None]) -> None:
    outcome = world.call("media.html", [world.ca.certificate], camera=True, browser=browser)
    verdict(outcome.verdict(f"{browser}: control media"))
    assert_call_went_direct(outcome)
    assert outcome.page["packetsSent"] > 0
    assert_told(outcome, {CLIENT.v4, CLIENT.v6})


def test_http_signaling_leaks(
    world: World, browser: Browser, verdict: Callable[[str], None]
) -> None:
    path = "data.html?signaling=http"
    outcome = world.call(path, [world.ca.certificate], scheme="http", browser=browser)
    verdict(outcome.verdict(f"{browser}: control HTTP signaling"))
    assert_call_went_direct(outcome)
    assert_hidden_hosts_told(outcome)

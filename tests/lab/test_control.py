"""The positive controls: without rtcguard the same pages leak, and the lab sees it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Error

from .capture import flows
from .leaks import LINK_LOCAL_PROTOCOLS, addresses_in, local_names_in, packets_to
from .net import CLIENT, CLIENT_PUBLIC, PEER, SITE, SITE_TURN, STUN_ONLY
from .world import Outcome, World

pytestmark = pytest.mark.lab


def assert_call_went_direct(outcome: Outcome) -> None:
    """The call worked as the site meant it: past every relay, straight from the client."""
    page, arrived = outcome.page, outcome.arrived
    assert page["connected"] and page["echo"], page["errors"]
    assert outcome.local_type in ("host", "srflx", "prflx")
    assert packets_to(arrived, PEER.addresses) > 0, flows(arrived)
    assert packets_to(arrived, STUN_ONLY.addresses) > 0, flows(arrived)
    assert packets_to(arrived, SITE_TURN.addresses) > 0, flows(arrived)
    assert any(packet.is_stun and packet.dst in PEER.addresses for packet in arrived), flows(
        arrived
    )
    assert addresses_in(str(outcome.peer_saw()), [CLIENT.v6, CLIENT_PUBLIC])


def test_a_page_without_webrtc_sends_nothing_but_http(world: World) -> None:
    outcome = world.call("quiet.html", [world.ca.certificate])
    others = [
        packet
        for packet in outcome.sent
        if packet.proto not in LINK_LOCAL_PROTOCOLS
        and not (packet.proto == "tcp" and packet.dst in SITE.addresses)
    ]
    assert packets_to(outcome.sent, SITE.addresses) > 0
    assert not others, flows(others)


def test_the_browser_trusts_nobody_it_was_not_told_to(world: World) -> None:
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        world.call("quiet.html", [])


def test_data_channel_leaks(world: World, verdict: Callable[[str], None]) -> None:
    outcome = world.call("data.html", [world.ca.certificate])
    verdict(outcome.verdict("control data"))
    assert_call_went_direct(outcome)
    # Without camera or microphone, host addresses hide behind mDNS names; the public one does not.
    for text in (outcome.page_text, outcome.signaled_text):
        assert CLIENT_PUBLIC in addresses_in(text, outcome.client_addresses)
        assert local_names_in(text)


def test_media_leaks(world: World, verdict: Callable[[str], None]) -> None:
    outcome = world.call("media.html", [world.ca.certificate], camera=True)
    verdict(outcome.verdict("control media"))
    assert_call_went_direct(outcome)
    assert outcome.page["packetsSent"] > 0
    for text in (outcome.page_text, outcome.signaled_text):
        assert {CLIENT.v4, CLIENT.v6} <= set(addresses_in(text, outcome.client_addresses))


def test_http_signaling_leaks(world: World, verdict: Callable[[str], None]) -> None:
    path = "data.html?signaling=http"
    outcome = world.call(path, [world.ca.certificate], scheme="http")
    verdict(outcome.verdict("control HTTP signaling"))
    assert_call_went_direct(outcome)
    for text in (outcome.page_text, outcome.signaled_text):
        assert CLIENT_PUBLIC in addresses_in(text, outcome.client_addresses)
        assert local_names_in(text)

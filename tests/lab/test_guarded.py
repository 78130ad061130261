"""The same pages behind rtcguard: they work, over the approved relay only, and give nothing away.

What makes these tests mean something is test_control.py: the same pages without rtcguard leak.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .capture import flows
from .guard import PROXY, PROXY_PORT, Guard, running_guard
from .leaks import addresses_in, beyond_relay, local_names_in, packets_to, past_proxy
from .net import (
    APPROVED_TURN,
    CLIENT,
    CLIENT_PUBLIC,
    GATEWAY,
    PEER,
    SITE_NAME,
    SITE_TURN,
    STUN_ONLY,
)
from .world import Outcome, World

pytestmark = pytest.mark.lab

GATHERING_MS = 2000  # the project's promise for a page whose STUN servers are taken away
NOT_PASSED = {"stripped", "refused", "blocked"}


def assert_nothing_reached_the_site(outcome: Outcome) -> None:
    found = addresses_in(outcome.site_text, outcome.client_addresses)
    assert not found, [item for item in outcome.received if addresses_in(str(item), found)]
    assert not local_names_in(outcome.site_text)


def assert_page_learned_nothing(outcome: Outcome) -> None:
    for key, value in outcome.page.items():
        text = str(value)
        assert not addresses_in(text, outcome.client_addresses), f"{key}: {text}"
        assert not local_names_in(text), f"{key}: {text}"


def assert_only_proxy_and_relay(outcome: Outcome) -> None:
    sent = past_proxy(outcome.sent, (GATEWAY.v4, PROXY_PORT))
    assert not sent, f"the client sent past proxy and relay:\n{flows(sent)}"
    arrived = beyond_relay(outcome.arrived)
    assert not arrived, f"the client reached more than the relay:\n{flows(arrived)}"
    assert packets_to(outcome.sent, [GATEWAY.v4]) > 0, flows(outcome.sent)
    assert packets_to(outcome.arrived, APPROVED_TURN.addresses) > 0, flows(outcome.arrived)


def assert_connected_over_relay(outcome: Outcome) -> None:
    page = outcome.page
    assert page["connected"] and page["echo"], (page["errors"], page["states"])
    assert outcome.local_type == "relay"
    assert page["gatheringMs"] < GATHERING_MS
    assert outcome.peer_saw(), "the peer's ICE agent reported nothing"


def assert_report_tells(guard: Guard) -> None:
    """Who, on which site, what for, and what became of it."""
    clients = guard.report("client")
    assert set(clients) == {CLIENT.v4}
    assert SITE_NAME in clients[CLIENT.v4]["sites"]
    sites = guard.report("site")
    assert CLIENT.v4 in sites[SITE_NAME]["clients"]
    assert set(guard.report("ring")) >= {"page", "signaling"}
    destinations = guard.report("destination")
    for server in (STUN_ONLY.v4, SITE_TURN.v4):
        rows = [row for key, row in destinations.items() if server in key]
        assert rows, f"the report does not name {server}: {sorted(destinations)}"
        for row in rows:
            assert set(row["actions"]) <= NOT_PASSED, row
            assert CLIENT.v4 in row["clients"] and SITE_NAME in row["sites"], row
    assert "Traceback" not in guard.log, guard.log


def assert_guarded(outcome: Outcome, guard: Guard) -> None:
    assert_connected_over_relay(outcome)
    assert_page_learned_nothing(outcome)
    assert_nothing_reached_the_site(outcome)
    assert_only_proxy_and_relay(outcome)
    assert_report_tells(guard)


def test_data_channel(world: World, verdict: Callable[[str], None]) -> None:
    with running_guard(world) as guard:
        outcome = world.call("data.html", [guard.ca], proxy=PROXY)
    verdict(outcome.verdict("guarded data"))
    assert_guarded(outcome, guard)


def test_media(world: World, verdict: Callable[[str], None]) -> None:
    with running_guard(world) as guard:
        outcome = world.call("media.html", [guard.ca], camera=True, proxy=PROXY)
    verdict(outcome.verdict("guarded media"))
    assert_guarded(outcome, guard)
    assert outcome.page["packetsSent"] > 0
    media = {item["kind"] for item in outcome.received if item["event"] == "media"}
    assert media == {"audio", "video"}


def test_http_signaling(world: World, verdict: Callable[[str], None]) -> None:
    with running_guard(world) as guard:
        path = "data.html?signaling=http"
        outcome = world.call(path, [guard.ca], scheme="http", proxy=PROXY)
    verdict(outcome.verdict("guarded HTTP signaling"))
    assert_guarded(outcome, guard)


def test_signaling_alone_keeps_addresses_from_the_site(
    world: World, verdict: Callable[[str], None]
) -> None:
    """Ring 2 without ring 1: the page has its addresses and sends them, the site never sees one.

    The call may fail: what the other side offers is stripped too where no page guard has reported
    in, since checks sent to it would show the client's address to the peer.
    """
    with running_guard(world, page_guard=False) as guard:
        path = "media.html?limit=4000"
        outcome = world.call(path, [guard.ca], camera=True, proxy=PROXY)
    verdict(outcome.verdict("guarded, signaling alone"))
    told = {CLIENT.v4, CLIENT.v6, CLIENT_PUBLIC}
    assert told <= set(addresses_in(outcome.page_text, outcome.client_addresses))
    assert any(item["event"] == "message" for item in outcome.received), "no signaling arrived"
    assert_nothing_reached_the_site(outcome)
    assert packets_to(outcome.arrived, PEER.addresses) == 0, flows(outcome.arrived)
    addresses = guard.report("address")
    for address in told:
        assert address in addresses, f"the report does not name {address}: {sorted(addresses)}"
        row = addresses[address]
        assert "stripped" in row["actions"] and "kept" not in row["actions"], row
        assert row["clients"] == [CLIENT.v4] and row["sites"] == [SITE_NAME], row
    assert "Traceback" not in guard.log, guard.log

"""What the tests claim of one run: that it leaked and went direct, or that nothing of the kind did.

A claim about a guarded run means something because the claim about the same page without rtcguard
(`assert_call_went_direct`, `assert_told`) holds too.
"""

from __future__ import annotations

from collections.abc import Set

from .capture import flows
from .guard import PROXY_PORT, Guard
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
from .world import Outcome

GATHERING_MS = 2000  # the project's promise for a page whose STUN servers are taken away
# The query of pages without ring 1. They have their servers in a script, which ring 2 does not
# judge: so they get to know all addresses that there are to tell.
ALONE = "servers=script&limit=3000"
NOT_PASSED = {"stripped", "refused", "blocked"}


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


def assert_told(outcome: Outcome, addresses: Set[str]) -> None:
    """The page read these addresses of the client, and told them to the site."""
    for text in (outcome.page_text, outcome.signaled_text):
        assert addresses <= set(addresses_in(text, outcome.client_addresses)), text


def assert_hidden_hosts_told(outcome: Outcome) -> None:
    """Host addresses hide behind mDNS names; the public one does not."""
    assert_told(outcome, {CLIENT_PUBLIC})
    for text in (outcome.page_text, outcome.signaled_text):
        assert local_names_in(text)


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


def assert_signaling_alone(outcome: Outcome, guard: Guard, told: Set[str]) -> None:
    """Ring 2 without ring 1: the page has its addresses and sends them, the site never sees one.

    The call may fail: what the other side offers is stripped too where no page guard has reported
    in, since checks sent to it would show the client's address to the peer. But its signaling goes
    on to the end: every message is still one that the other side understands and acknowledges.
    """
    assert told <= set(addresses_in(outcome.page_text, outcome.client_addresses))
    assert any("candidate:" in body for body in outcome.bodies), "no candidate arrived at all"
    assert_nothing_reached_the_site(outcome)
    assert packets_to(outcome.arrived, PEER.addresses) == 0, flows(outcome.arrived)
    states = [(kind, value) for _, kind, value in outcome.page["states"]]
    assert ("signalingState", "stable") in states, (outcome.page["errors"], states)
    assert all("too late" in error for error in outcome.page["errors"]), outcome.page["errors"]
    assert not any(item["event"] == "malformed" for item in outcome.received), outcome.received
    addresses = guard.report("address")
    for address in told:
        assert address in addresses, f"the report does not name {address}: {sorted(addresses)}"
        row = addresses[address]
        assert "stripped" in row["actions"] and "kept" not in row["actions"], row
        assert row["clients"] == [CLIENT.v4] and row["sites"] == [SITE_NAME], row
    assert "Traceback" not in guard.log, guard.log

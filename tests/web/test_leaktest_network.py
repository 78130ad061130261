"""What the leak test's page is told by the site: its own client's packets, and nobody else's."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from rtcguard.errors import ParseError
from rtcguard.ledger.event import Event, timestamp
from rtcguard.network import responder, stun
from rtcguard.network.machine import is_own
from rtcguard.policy.model import Config, Policy, Stun
from rtcguard.policy.record import Record
from rtcguard.web.leaktest import arrived, read_asked, seen, wait
from rtcguard.web.responders import responders

NOW = 1_764_000_030.0
CLIENT, OTHER, OURS = "10.77.0.2", "10.77.0.3", "10.77.0.1:3478"


def _event(record: Record, at: float = NOW) -> Event:
    return Event(timestamp(at), "id", "node", record, timestamp(at))


def _packet(
    client: str = CLIENT, method: int = stun.BINDING, username: str = "", carrier: str = ""
) -> Event:
    """What the responder itself tells of such a packet."""
    attributes = ((stun.USERNAME, username.encode()),) if username else ()
    packet = stun.encode(method, stun.REQUEST, bytes(12), attributes)
    (record,) = responder.answer(packet, (client, 5000), ("10.77.0.1", 3478), Policy()).records
    if carrier:
        record = replace(record, reason=f"{carrier}: {record.reason}")
    return _event(record)


def _name(name: str, client: str = CLIENT) -> Event:
    return _event(Record("network", "name", "refused", client=client, name=name))


def _seen(*events: Event, ufrags: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    asked = read_asked({"since": timestamp(NOW - 1), "ufrags": list(ufrags)}, NOW)
    return seen(events, asked, lambda address: address == CLIENT)


def test_packets_of_this_client_are_told_with_how_they_came() -> None:
    told = _seen(
        _packet(),
        _packet(carrier="TCP"),
        _packet(method=stun.ALLOCATE),
        _packet(username="far:near"),
        _name("stun.ab12.rtcguard.test"),
        ufrags=("near",),
    )
    assert [(one["method"], one["transport"], one["ufrag"]) for one in told] == [
        ("Binding", "udp", ""),
        ("Binding", "tcp", ""),
        ("Allocate", "udp", ""),
        ("Binding", "udp", "near"),
        ("name", "udp", ""),
    ]
    assert {one["address"] for one in told} == {CLIENT}
    assert {one["destination"] for one in told} == {OURS, ""}


def test_what_the_proxy_refused_came_in_a_tunnel() -> None:
    event = _packet(method=stun.ALLOCATE)
    tunnelled = replace(event, record=replace(event.record, rule="relay:servers"))
    assert [one["transport"] for one in _seen(event, tunnelled)] == ["udp", "tcp"]


def test_others_packets_are_not_told() -> None:
    assert not _seen(
        _packet(OTHER),
        _packet(username="far:theirs"),  # of this address, but of another page
        _packet(OTHER, username="far:theirs"),
        _name("stun.ab12.rtcguard.test", OTHER),
        _name("stun.example.org"),
        _event(Record("network", "stun", "observed", client=CLIENT, reason="not STUN: too short")),
        ufrags=("near",),
    )


def test_a_fragment_ties_the_other_family_s_packets_to_a_client() -> None:
    six = "2001:db8:77::2"
    assert not _seen(_packet(six))
    told = _seen(_packet(six), _packet(six, username="far:near"), ufrags=("near",))
    assert [one["address"] for one in told] == [six, six]


def test_a_second_test_waits_for_the_next_minute() -> None:
    own = {CLIENT}.__contains__
    assert wait([_packet()], own, NOW) == pytest.approx(60 - NOW % 60)
    event = _packet()
    tunnelled = replace(event, record=replace(event.record, rule="relay:servers"))
    told = [_packet(username="far:near"), _packet(OTHER), _name("x"), tunnelled]
    assert wait(told, own, NOW) == 0


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"client": OTHER},
        {"since": "yesterday"},
        {"since": 7},
        {"since": "2026-01-01T00:00:00"},
        {"since": timestamp(NOW - 3600)},
        {"ufrags": "near"},
        {"ufrags": ["near"] * 65},
        {"ufrags": [7]},
        {"ufrags": [""]},
        {"ufrags": ["a" * 257]},
    ],
)
def test_what_is_not_asked_for_well_is_refused(content: Any) -> None:
    with pytest.raises(ParseError):
        read_asked(content, NOW)


def test_without_a_time_it_is_this_minute() -> None:
    assert read_asked({}, NOW).since == timestamp(NOW - NOW % 60)


HOST = "candidate:1 1 udp 2122260223 10.77.0.2 50000 typ host"
RELAY = "candidate:2 1 udp 41885439 198.51.100.10 20000 typ relay raddr {} rport 9"
SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nc=IN IP4 {}\r\na=candidate:{}\r\na=mid:0\r\n"


def _content(candidates: list[str], *sdps: str) -> dict[str, Any]:
    return {
        "candidates": [{"candidate": one, "sdpMid": "0"} for one in candidates],
        "descriptions": [{"type": "offer", "sdp": one} for one in sdps],
    }


def test_what_reached_the_site_is_told_as_a_server_would_read_it() -> None:
    sdp = SDP.format("203.0.113.7", "3 1 udp 1 2001:db8:77::2 9 typ host")
    got = arrived(_content([HOST, RELAY.format("192.0.2.9")], sdp))
    assert got.told == ("10.77.0.2", "192.0.2.9", "203.0.113.7", "2001:db8:77::2")
    assert got.lines == 5
    local = "candidate:1 1 udp 1 3c2b9a02-0e29-4e2b-9cf6-1d9b3b1d8e0f.local 5 typ host"
    assert arrived(_content([local])).told == ("3c2b9a02-0e29-4e2b-9cf6-1d9b3b1d8e0f.local",)


def test_what_rtcguard_wrote_tells_nothing() -> None:
    inert = "candidate:0 1 udp 0 0.0.0.0 9 typ host x 00000"
    sdp = "c=IN IP4 240.0.0.0\r\na=x-rtcguard:host 000000000\r\na=mid:0\r\n"
    got = arrived(_content([inert, RELAY.format("0.0.0.0")], sdp))
    assert got.told == () and got.lines == 4


@pytest.mark.parametrize(
    "content", [[], {}, {"candidates": 7, "descriptions": []}, {"candidates": [7]}, None]
)
def test_what_is_no_signaling_is_refused(content: Any) -> None:
    with pytest.raises(ParseError):
        arrived(content)


def test_the_responder_is_named_where_a_client_can_reach_it() -> None:
    listen = (
        ("127.0.0.1", 3478),
        ("10.0.0.5", 3479),
        ("::1", 3478),
        ("fe80::1", 1),
        ("0.0.0.0", 0),
    )
    config = Config(stun=Stun(listen=listen))
    for client in ("192.0.2.5", "127.0.0.1"):
        assert responders(config, client) == [("10.0.0.5", 3479)]
    strict = Config(stun=Stun(listen=listen, clients=(ip_network("10.1.0.0/16"),)))
    assert responders(strict, "192.0.2.5") == []


def test_one_s_own_addresses_are_told_from_others() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("203.0.113.9")
    assert not is_own("10.0.0.0/24~5f2c09ab")

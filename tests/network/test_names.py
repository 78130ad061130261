"""Which names are those of STUN and TURN servers, and which are not."""

import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.network.names import MOST_LED, Names, names_of, shipped
from rtcguard.policy.model import Config, Relay, RelayServer, Sinkhole

NAMES = Names()


def rule(name: str, names: Names = NAMES) -> str:
    known = names.known(name)
    return f"{known.kind} {known.rule}" if known else ""


def relay(*urls: str, site_servers: Literal["drop", "keep"] = "drop") -> Names:
    servers = (RelayServer(urls, "u", "p"),) if urls else ()
    return names_of(Config(relay=Relay(servers, site_servers=site_servers)))


def sinkhole(names: tuple[str, ...] = (), keep: tuple[str, ...] = ()) -> Names:
    return names_of(Config(sinkhole=Sinkhole(names=names, keep=keep)))


@pytest.mark.parametrize(
    "name",
    ["stun.l.google.com", "stun4.l.google.com", "stun.cloudflare.com", "global.stun.twilio.com",
     "stun.services.mozilla.com", "de1.stun.twilio.com", "numb.viagenie.ca",
     "a.relay.metered.ca", "worldaz.tr.teams.microsoft.com"],
)  # fmt: skip
def test_well_known(name: str) -> None:
    assert rule(name) == "stun sinkhole:list"


@pytest.mark.parametrize(
    "name",
    ["stun.lab.test", "stun1.voice.example.org", "stuns.example.org", "turn.example.org",
     "turn12.example.org", "turns.example.org", "stun-2.example.org", "coturn.example.org",
     "stun.example.co.uk", "_stun._udp.example.org", "_stun._tcp.example.org",
     "_stuns._tcp.example.org", "_turn._udp.example.org", "_turn._tcp.example.org",
     "_turns._tcp.example.org"],
)  # fmt: skip
def test_by_form(name: str) -> None:
    assert rule(name) == "stun sinkhole:form"


@pytest.mark.parametrize(
    "name",
    ["", "example.org", "turn.org", "stun.com", "turn.co.uk", "stun.com.au", "turnip.example.org",
     "stunning.example.org", "return.example.org", "my-turn.example.org", "www.stun.org",
     "google.com", "l.google.com", "turn", "stun", "_sip._udp.example.org", "_stun._udp",
     "turn2000.example.org", "twilio.com", "twilio.com.evil.example", "xstun.l.google.com"],
)  # fmt: skip
def test_others(name: str) -> None:
    assert rule(name) == ""


def test_the_shipped_list_is_of_host_names() -> None:
    label = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    pattern = re.compile(rf"(?:\*\.)?{label}(?:\.{label})+")
    assert len(shipped()) > 90
    assert [name for name in shipped() if not pattern.fullmatch(name)] == []


def test_the_configuration_names_more() -> None:
    names = sinkhole(("ice.example.org", "*.voice.example.org"))
    assert rule("ice.example.org", names) == "stun sinkhole:names"
    assert rule("a.b.voice.example.org", names) == "stun sinkhole:names"
    assert rule("voice.example.org", names) == ""


def test_the_configuration_keeps_some() -> None:
    names = sinkhole(("stun.a.example",), ("stun.a.example", "*.b.example", "mask.icloud.com"))
    for name in ("stun.a.example", "stun.b.example", "_stun._udp.b.example", "mask.icloud.com"):
        assert rule(name, names) == ""
    assert rule("stun.b.example.org", names) == "stun sinkhole:form"


@pytest.mark.parametrize("name", ["use-application-dns.net", "mask.icloud.com"])
def test_ways_past_the_sinkhole(name: str) -> None:
    assert rule(name) == "way sinkhole:ways"


def test_approved_servers_are_never_sunk() -> None:
    names = relay("turn:stun.L.google.com:3478", "turns:turn.example.org")
    for name in ("stun.l.google.com", "turn.example.org", "_turn._udp.turn.example.org",
                 "_turns._tcp.turn.example.org"):  # fmt: skip
        assert rule(name, names) == "relay relay:servers"
    # STUN of the same host is another service, and a host below it another host.
    assert rule("_stun._udp.turn.example.org", names) == "stun sinkhole:form"
    assert rule("turn.turn.example.org", names) == "stun sinkhole:form"


def test_an_approved_server_is_stronger_than_the_list_of_names() -> None:
    names = names_of(
        Config(
            relay=Relay((RelayServer(("turn:turn.example.org",), "u", "p"),)),
            sinkhole=Sinkhole(names=("turn.example.org", "*.example.org")),
        )
    )
    assert rule("turn.example.org", names) == "relay relay:servers"
    assert rule("www.example.org", names) == "stun sinkhole:names"


def test_where_approved_servers_lead_is_approved() -> None:
    names = relay("turn:example.org").leading(frozenset({"turn1.example.net"}))
    assert rule("turn1.example.net", names) == "relay relay:servers"
    assert rule("turn2.example.net", names) == "stun sinkhole:form"


def test_leading_is_bounded() -> None:
    names = NAMES
    for number in range(MOST_LED * 3):
        names = names.leading(frozenset({f"turn.{number}.example.net"}))
        assert len(names.led) <= MOST_LED
    assert f"turn.{MOST_LED * 3 - 1}.example.net" in names.led


def test_turn_servers_of_sites() -> None:
    """Where the configuration keeps them, their names lead to them; STUN servers' do not."""
    names = relay(site_servers="keep")
    for name in ("turn.example.org", "openrelay.metered.ca", "_turn._udp.example.org"):
        assert rule(name, names) == "relay relay:site_servers"
    for name in ("stun.example.org", "stun.l.google.com", "_stun._udp.example.org"):
        assert rule(name, names).startswith("stun ")


def test_learned_names_are_sunk_where_they_look_like_servers() -> None:
    """A page may name any host in its list: it must not take that one away from everybody."""
    looks = ["stun-eu.example.org", "relay1.example.org", "global.turn.example.org",
             "eu-turn7.example.org", "turnserver.example.org", "a.stun2.b.example.org"]  # fmt: skip
    others = ["www.bank.example", "bank.example", "www.ice.gov", "relay.firefox.com",
              "returned.example.org", "stun-gun.example", "mail.stun.org"]  # fmt: skip
    names = NAMES.learning([*looks, *others])
    for name in looks:
        assert rule(name) == "" and rule(name, names) == "stun sinkhole:learned"
    for name in others:
        assert rule(name, names) == "seen sinkhole:learned"
    assert rule("relay1.example.org", names.learning([])) == ""


@given(st.text(alphabet="stunr.-_01*", max_size=30) | st.text(max_size=300))
def test_total(name: str) -> None:
    NAMES.learning([name]).known(name)

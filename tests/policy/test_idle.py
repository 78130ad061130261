"""Rules that never decide: told with the rule that shadows them, and never wrongly."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcguard.ice.server import parse_uri
from rtcguard.network.names import subject_of
from rtcguard.policy.decide import (
    decide,
    decide_name,
    decide_page,
    decide_server,
    decide_tls,
    decide_tunnel,
    decide_udp,
)
from rtcguard.policy.load import load
from rtcguard.policy.model import Config
from rtcguard.policy.rule import CARRIERS, FLOWS, OPAQUE, Rule, Subject

from .made import fitting, kin, subjects


def told(*written: str) -> list[str]:
    lines = "\n".join(f"  - {one}" for one in written)
    config = load(f"version: 1\nrules:\n{lines}\n", "f.yaml")
    return [str(one) for one in config.warnings]


ALL = "{name: all, match: {}, action: block}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ALL, "{name: b, match: {site: b.a.org}, action: block}"),
        (ALL, "{name: b, match: {candidate: host, client: 10.0.0.0/8}, action: keep}"),
        (
            "{name: all, match: {site: '*.a.org', candidate: [host, srflx]}, action: strip}",
            "{name: b, match: {site: b.a.org, candidate: host, ring: signaling}, action: strip}",
        ),
        (
            "{name: all, match: {client: [10.0.0.0/9, 10.128.0.0/9]}, action: keep}",
            "{name: b, match: {client: 10.0.0.0/8, direction: outbound}, action: keep}",
        ),
        (
            "{name: all, match: {server: 'turn:*'}, action: drop}",
            "{name: b, match: {server: 'turn:b.a.org:443'}, action: replace}",
        ),
        (
            "{name: all, match: {server: 'turn:*', not: {client: 10.1.0.0/16}}, action: keep}",
            "{name: b, match: {server: 'turn:b.a.org', not: {client: 10.0.0.0/8}}, action: keep}",
        ),
        (
            "{name: all, match: {destination: '*.a.org', port: 1-500}, action: keep}",
            "{name: b, match: {destination: b.a.org, port: [80, 443], time: sat}, action: keep}",
        ),
        (
            "{name: all, match: {site: '*.a.org', time: 08:00-18:00}, action: pass}",
            "{name: b, match: {site: b.a.org, time: mon-fri 09:00-17:00}, action: pass}",
        ),
    ],
)
def test_a_shadowed_rule_names_the_one_before_it(first: str, second: str) -> None:
    assert told(first, second) == [
        "f.yaml:4:5: rule 'b' never decides: rule 'all' (f.yaml:3) comes first and matches "
        "wherever it does"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Of other things.
        (ALL, "{name: b, match: {site: b.a.org}, action: drop}"),
        (ALL, "{name: b, match: {site: b.a.org}, action: pass}"),
        (ALL, "{name: b, match: {candidate: opaque}, action: block}"),
        # Candidates are stopped, and yet pages are not blocked as a whole by what comes behind.
        (
            "{name: all, match: {candidate: host}, action: block}",
            "{name: b, match: {candidate: host}, action: keep}",
        ),
        (
            "{name: all, match: {site: '*.a.org'}, action: keep}",
            "{name: b, match: {site: a.org}, action: keep}",
        ),
        (
            "{name: all, match: {client: 10.0.0.0/9}, action: keep}",
            "{name: b, match: {client: 10.0.0.0/8}, action: keep}",
        ),
        (
            "{name: all, match: {client: 10.0.0.0/8, not: {site: b.a.org}}, action: keep}",
            "{name: b, match: {client: 10.0.0.0/8}, action: keep}",
        ),
        # In the way to an approved server only the second one stands.
        (
            "{name: all, match: {server: 'turn:*'}, action: drop}",
            "{name: b, match: {server: 'turn:*'}, action: block}",
        ),
        (
            "{name: all, match: {time: 08:00-18:00}, action: block}",
            "{name: b, match: {time: 08:00-18:01}, action: block}",
        ),
    ],
)
def test_others_are_not_told(first: str, second: str) -> None:
    assert told(first, second) == []


@pytest.mark.parametrize(
    "match",
    [
        "{ring: page, candidate: host}",
        "{ring: network, site: b.a.org}",
        "{protocol: turn, candidate: host}",
        "{protocol: dns, port: 53}",
        "{ring: page, direction: inbound}",
        "{candidate: host, not: {candidate: [host, srflx]}}",
        "{client: 10.1.0.0/16, site: b.a.org, not: {client: private}}",
    ],
)
def test_what_contradicts_itself(match: str) -> None:
    assert told(f"{{name: a, match: {match}, action: block}}") == [
        "f.yaml:3:5: rule 'a' never decides: nothing can be all that it names"
    ]


@pytest.mark.parametrize(
    "match",
    [
        "{candidate: host, address: mdns}",
        "{ring: network, not: {protocol: dns}}",
        "{client: private, not: {client: 10.0.0.0/8}}",
    ],
)
def test_what_does_not(match: str) -> None:
    assert told(f"{{name: a, match: {match}, action: block}}") == []


# Against all that rules are asked for.


def decisions(config: Config, one: Subject) -> list[object]:
    """All that the rings would ask about such a subject, as they ask it."""
    uri = parse_uri(one.server.split()[0]) if one.server else parse_uri("turn:none.example")
    carrier = one.protocol if one.protocol in CARRIERS else ""
    message = replace(one, ring="signaling", server="", protocol=carrier)
    candidate = one.candidate or "host"
    page = Subject(one.site, one.client, "outbound", ring="page", user=one.user, minute=one.minute)
    flow = replace(
        one, site="", path="", candidate="", address="", transport="", direction="outbound",
        ring="network", protocol=one.protocol if one.protocol in FLOWS else "udp",
    )  # fmt: skip
    name = one.destination.split(" ")[-1] or "stun.example"
    tls = Subject(
        name, one.client, "outbound", ring="network", user=one.user, destination=name,
        port=one.port, minute=one.minute,
    )  # fmt: skip
    unread = {"candidate": OPAQUE, "address": "", "transport": ""}
    sent = replace(message, candidate="", address="", transport="")
    return [
        decide(
            config,
            replace(message, **unread)
            if candidate == OPAQUE
            else replace(message, candidate=candidate),
        ),
        decide_page(config, page),
        decide_server(config, sent, uri),
        decide_server(config, page, uri),
        *(decide_tunnel(config, flow, uri, approved=approved) for approved in (True, False)),
        *(decide_udp(config, flow, "UDP", approved=approved) for approved in (True, False)),
        decide_name(config, subject_of(name, one.client, one.minute)),
        decide_tls(config, tls),
    ]


found: set[str] = set()


@settings(max_examples=200)
@given(kin(), st.lists(subjects, min_size=3, max_size=3))
def test_without_such_a_rule_all_decisions_are_the_same(
    made: tuple[Rule, ...], asked: list[Subject]
) -> None:
    config = Config(rules=made)
    for idle, shadow in config.index.idle():
        found.add("shadowed" if shadow else "impossible")
        without = Config(rules=tuple(one for one in made if one is not idle))
        for one in (*asked, *(fitting(idle.match, one) for one in asked)):
            assert decisions(config, one) == decisions(without, one)


def test_such_rules_were_found() -> None:
    """The test before this one has tried both kinds."""
    assert found == {"shadowed", "impossible"}

"""Rules on servers as the guard asks them: its expressions agree with the tables of the rules."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.page.server_rules import server_rules
from rtcguard.policy.decide import server_rule
from rtcguard.policy.load import load
from rtcguard.policy.model import Config
from rtcguard.policy.rule import Match, Rule, ServerPattern, Subject

PAGE = Subject("a.example", "10.1.2.3", "outbound", ring="page", user="alice", minute=600)
HOSTS = ("a.org", "b.a.org", "xa.org", "10.1.2.3", "2001:db8::7", "a-b.org")
patterns = st.builds(
    ServerPattern,
    st.sampled_from(("stun", "turn", "turns")),
    st.sampled_from((*HOSTS, "*", "*.a.org", "*.org")),
    st.sampled_from((0, 443, 3478)),
    st.sampled_from(("", "udp", "tcp")),
)
servers = st.lists(patterns, min_size=1, max_size=2).map(tuple)
uris = st.builds(
    ServerUri,
    st.sampled_from(("stun", "turn", "turns")),
    st.sampled_from(HOSTS),
    st.sampled_from((443, 3478, 44)),
    st.sampled_from(("udp", "tcp")),
)


def said(config: Config, uri: ServerUri) -> str:
    """What the guard is told of a server, as it looks it up."""
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    text = f"{uri.scheme}:{host} {uri.port} {uri.transport}"
    for action, of, but in server_rules(config, PAGE):
        if re.search(of, text) and not (but and re.search(but, text)):
            return action
    return ""


@given(servers, st.none() | servers, st.lists(uris, min_size=8, max_size=8))
def test_expressions_hold_where_the_tables_do(
    of: tuple[ServerPattern, ...], but: tuple[ServerPattern, ...] | None, asked: list[ServerUri]
) -> None:
    match = Match(server=of, negated=None if but is None else Match(server=but))
    config = Config(rules=(Rule("r", match, "keep"),))
    for uri in asked:
        if uri.scheme == "stun":
            uri = ServerUri("stun", uri.host, uri.port, "udp")
        if but and any(":" in one.host for one in but) and ":" in uri.host:
            continue  # the stricter of many spellings
        decision = server_rule(config, PAGE, uri)
        assert (said(config, uri) == "keep") == (decision is not None)


def config(*rules: str) -> Config:
    lines = "\n".join(f"  - {one}" for one in rules)
    return load(f"version: 1\nrules:\n{lines}\n", "f.yaml")


KEEP = "{name: r, match: {server: 'turn:*', %s}, action: keep}"


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ("site: '*.example'", True),
        ("site: b.example", False),
        ("client: 10.0.0.0/8", True),
        ("client: 10.2.0.0/16", False),
        ("user: [alice]", True),
        ("user: bob", False),
        ("time: 'mon 10:00-10:01'", True),
        ("time: 'mon 10:01-10:02'", False),
        ("ring: page", True),
        ("ring: signaling", False),
        ("direction: outbound", True),
        ("path: /a", False),  # a page's path is not that of its lists
        ("not: {site: a.example}", False),
        ("not: {site: b.example}", True),
        ("not: {server: 'turn:a.org'}", False),
        ("not: {server: 'turn:b.org'}", True),
        ("not: {server: 'turn:a.org', site: b.example}", True),
    ],
)
def test_each_key(match: str, holds: bool) -> None:
    uri = parse_uri("turn:a.org")
    rules = config(KEEP % match)
    assert (said(rules, uri) == "keep") == holds
    assert (server_rule(rules, PAGE, uri) is not None) == holds


def test_actions_and_their_order() -> None:
    rules = config(
        "{name: a, match: {server: 'turn:a.org'}, action: replace}",
        "{name: b, match: {server: 'turn:*.b.org'}, action: observe}",
        "{name: c, match: {server: 'turn:b.com'}, action: block}",
        "{name: d, match: {}, action: drop}",
        "{name: e, match: {candidate: host}, action: keep}",
    )
    found = {uri: said(rules, parse_uri(f"{uri}")) for uri in ("turn:a.org", "turn:x.b.org")}
    assert found == {"turn:a.org": "replace", "turn:x.b.org": "keep"}
    assert said(rules, parse_uri("turn:b.com")) == "replace"
    assert said(rules, parse_uri("stun:b.com")) == "drop"


def test_an_address_in_another_spelling_is_not_let_through_by_that() -> None:
    rules = config(
        "{name: a, match: {server: 'turn:[2001:db8::7]'}, action: drop}",
        "{name: b, match: {server: 'turn:*'}, action: keep}",
    )
    (_, of, _), _ = server_rules(rules, PAGE)
    assert re.search(of, "turn:[2001:db8:0:0::7] 3478 udp")
    keep = config("{name: a, match: {server: 'turn:[2001:db8::7]'}, action: keep}")
    ((_, of, _),) = server_rules(keep, PAGE)
    assert not re.search(of, "turn:[2001:db8:0:0::7] 3478 udp")

"""Rules and questions made up by hypothesis, of few values, so that they often meet."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final

from hypothesis import strategies as st

from rtcguard.policy.rule import (
    CANDIDATE_TYPES,
    DIRECTIONS,
    OPAQUE,
    PROTOCOLS,
    RINGS,
    RULE_ACTIONS,
    TRANSPORTS,
    Match,
    Rule,
    ServerPattern,
    Subject,
)

_NAMES: Final = ("a.org", "b.a.org", "c.b.a.org", "xa.org", "org")
_PATTERNS: Final = ("a.org", "*.a.org", "*.b.a.org", "*.org", "none.example")
_ADDRESSES: Final = ("10.1.2.3", "10.200.0.1", "192.0.2.1", "2001:db8::1", "fd00::1", "x.local")
_HOSTS: Final = (*_ADDRESSES, *_NAMES, "10.1.2.3 a.org", "192.0.2.1 b.a.org")
_NETWORKS: Final = (
    *map(ip_network, ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32")),
    ip_network("::/0"),
    *("private", "ula", "public", "mdns"),
)
_SERVERS: Final = (
    *("stun:a.org", "turn:a.org", "turn:b.a.org:443?transport=tcp", "turn:10.1.2.3"),
    "turn:10.1.2.3 turn:a.org",
)
_SERVER_PATTERNS: Final = (
    ServerPattern("stun", "*"),
    ServerPattern("turn", "*"),
    ServerPattern("turn", "a.org"),
    ServerPattern("turn", "*.a.org", 443),
    ServerPattern("turn", "*.org", 443, "tcp"),
    ServerPattern("turn", "10.1.2.3", 3478, "udp"),
)


def _some[T](of: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.just(()) | st.lists(of, min_size=1, max_size=2).map(tuple)


def _seldom[T](of: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.just(()) | st.just(()) | _some(of)


def _span(most: int) -> st.SearchStrategy[tuple[int, int]]:
    ends = st.tuples(st.integers(1, most), st.integers(1, most))
    return ends.map(lambda two: (min(two), max(two)))


def matches(negated: st.SearchStrategy[Match | None]) -> st.SearchStrategy[Match]:
    return st.builds(
        Match,
        site=_some(st.sampled_from(_PATTERNS)),
        user=_seldom(st.sampled_from(("alice", "bob", "*"))),
        path=_seldom(st.sampled_from(("/a", "/a/b"))),
        client=_some(st.sampled_from(_NETWORKS)),
        direction=_seldom(st.sampled_from(DIRECTIONS)),
        ring=_seldom(st.sampled_from(RINGS)),
        candidate=_seldom(st.sampled_from((*CANDIDATE_TYPES, OPAQUE))),
        transport=_seldom(st.sampled_from(TRANSPORTS)),
        address=_seldom(st.sampled_from(_NETWORKS)),
        server=_seldom(st.sampled_from(_SERVER_PATTERNS)),
        destination=_seldom(st.sampled_from((*_NETWORKS, *_PATTERNS))),
        port=_seldom(_span(4)),
        protocol=_seldom(st.sampled_from(PROTOCOLS)),
        time=_seldom(_span(4)),
        negated=negated,
    )


_nots = st.none() | matches(st.none())


def _narrowed(wide: Match, more: Match, negated: Match | None) -> Match:
    """The keys of both; where both have one, that of the first."""
    keys = {key: getattr(wide, key) or getattr(more, key) for key in Match.__dataclass_fields__}
    return Match(**{**keys, "negated": negated})


@st.composite
def kin(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Two rules, of which the second names all that the first does, with a few others around."""
    first = draw(matches(_nots))
    more, own = draw(matches(st.none())), draw(_nots)
    negated = draw(st.sampled_from((None, first.negated, own)))
    second = draw(st.sampled_from((first, _narrowed(first, more, negated))))
    second = replace(second, negated=negated)
    behind = draw(st.lists(matches(st.none()), max_size=1))
    actions = st.sampled_from(RULE_ACTIONS)
    return tuple(
        Rule(f"rule {place}", match, draw(actions), line=place + 1)
        for place, match in enumerate((first, second, *behind))
    )


def fitting(match: Match, one: Subject) -> Subject:
    """The subject with what the match names in place of what it has."""

    def host(value: object) -> str:
        if isinstance(value, str):
            told = {"private": "10.1.2.3", "ula": "fd00::1", "public": "192.0.2.1"}
            return told.get(value, "x.local" if value == "mdns" else value.replace("*", "b"))
        return str(value[min(1, value.num_addresses - 1)])  # type: ignore[attr-defined]

    def server(value: ServerPattern) -> str:
        where = f":{value.port}" if value.port else ""
        how = f"?transport={value.transport}" if value.transport else ""
        name = "a.org" if value.host == "*" else host(value.host)
        return f"{value.scheme}:{name}{where}{how}"

    made: dict[str, Any] = {}
    for key, how in {
        "site": host, "client": host, "address": host, "destination": host, "server": server,
        "user": lambda value: value.replace("*", "alice"),
        "port": lambda value: value[0], "time": lambda value: value[0],
    }.items():  # fmt: skip
        for value in getattr(match, key)[:1]:
            made["minute" if key == "time" else key] = how(value)
    for key in ("path", "direction", "ring", "candidate", "transport", "protocol"):
        for value in getattr(match, key)[:1]:
            made[key] = value
    return replace(one, **made)


subjects = st.builds(
    Subject,
    site=st.sampled_from((*_NAMES, "")),
    user=st.sampled_from(("alice", "carol", "")),
    path=st.sampled_from(("/a", "/a/b", "/ab", "")),
    client=st.sampled_from((*_ADDRESSES, "")),
    direction=st.sampled_from(DIRECTIONS),
    ring=st.sampled_from(RINGS),
    candidate=st.sampled_from((*CANDIDATE_TYPES, OPAQUE, "")),
    transport=st.sampled_from((*TRANSPORTS, "")),
    address=st.sampled_from((*_ADDRESSES, "")),
    server=st.sampled_from((*_SERVERS, "")),
    destination=st.sampled_from((*_HOSTS, "")),
    port=st.integers(0, 4),
    protocol=st.sampled_from((*PROTOCOLS, "")),
    minute=st.integers(-1, 5),
)

"""Which of many rules holds: each key by itself, and all of them against a plain reading."""

import ipaddress
import pickle
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice import address as addresses
from rtcguard.ice.server import parse_uri
from rtcguard.policy.index import Index
from rtcguard.policy.rule import Match, ServerPattern, Subject

from .made import matches, subjects
from .test_decide import subject


def holds(match: Match, asked: Subject) -> bool:
    return Index([match]).first(asked) == 0


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(), True),
        (Match(site=("a.example.org",)), True),
        (Match(site=("b.example.org", "*.example.org")), True),
        (Match(site=("example.org",)), False),
        (Match(direction=("outbound",)), True),
        (Match(direction=("inbound",)), False),
        (Match(candidate=("srflx", "host")), True),
        (Match(candidate=("relay",)), False),
        (Match(client=(ip_network("10.0.0.0/8"),)), True),
        (Match(client=(ip_network("10.9.0.0/16"),)), False),
        (Match(client=(ip_network("fd00::/8"), ip_network("10.1.2.3/32"))), True),
        (Match(address=(ip_network("10.1.2.3/32"),)), True),
        (Match(address=(ip_network("10.1.2.4/32"),)), False),
        (Match(address=(ip_network("::/0"),)), False),
        (Match(address=("private",), client=("private", "ula")), True),
        (Match(address=("public", "mdns")), False),
        (Match(ring=("signaling", "page")), True),
        (Match(ring=("network",)), False),
        (Match(transport=("udp",)), True),
        (Match(transport=("tcp",)), False),
        (Match(negated=Match(candidate=("relay",))), True),
        (Match(negated=Match(candidate=("host",))), False),
        # What must not hold is "all of" too: a host candidate of a client elsewhere is not it.
        (Match(negated=Match(candidate=("host",), client=(ip_network("10.9.0.0/16"),))), True),
        (Match(site=("b.example.org",), negated=Match(candidate=("relay",))), False),
        # The lists together are "all of".
        (Match(site=("a.example.org",), candidate=("relay",)), False),
        (Match(site=("a.example.org",), candidate=("host",), direction=("outbound",)), True),
    ],
)
def test_holds(match: Match, expected: bool) -> None:
    assert holds(match, subject()) == expected


@pytest.mark.parametrize(
    ("client", "network", "expected"),
    [
        ("10.0.0.0", "10.0.0.0/8", True),
        ("10.255.255.255", "10.0.0.0/8", True),
        ("9.255.255.255", "10.0.0.0/8", False),
        ("11.0.0.0", "10.0.0.0/8", False),
        ("::ffff:10.0.0.1", "10.0.0.0/8", True),  # an IPv4 client on a dual-stack socket
        ("fd00::1", "fd00::/8", True),
        ("fd00::1%eth0", "fd00::/8", True),
        ("fe00::1", "fd00::/8", False),
        ("0.0.0.1", "::/0", False),
        ("::1", "0.0.0.0/0", False),
        ("", "0.0.0.0/0", False),
        ("a.local", "0.0.0.0/0", False),
    ],
)
def test_networks(client: str, network: str, expected: bool) -> None:
    assert holds(Match(client=(ip_network(network),)), subject(client=client)) == expected
    assert holds(Match(address=(ip_network(network),)), subject(address=client)) == expected


@pytest.mark.parametrize(
    ("pattern", "site", "expected"),
    [
        ("meet.example.org", "meet.example.org", True),
        ("meet.example.org", "a.meet.example.org", False),
        ("meet.example.org", "xmeet.example.org", False),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", False),
        ("*.example.org", "badexample.org", False),
        ("*.example.org", "a.example.org.evil.net", False),
        ("*.example.org", "", False),
        ("", "", True),
        # Host names do not differ by case (RFC 4343), and a rule may be written as people write.
        ("Meet.Example.org", "meet.example.org", True),
        ("*.Example.ORG", "a.example.org", True),
    ],
)
def test_sites(pattern: str, site: str, expected: bool) -> None:
    assert holds(Match(site=(pattern,)), subject(site=site)) == expected


labels = st.text("abcxyz0189-", min_size=1, max_size=5)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)


@given(names, names, labels)
def test_wildcards_end_at_label_borders(parent: str, site: str, glued: str) -> None:
    wildcard = Match(site=(f"*.{parent}",))
    below = site.split(".")[-len(parent.split(".")) :] == parent.split(".") and site != parent
    assert holds(wildcard, subject(site=site)) == below
    assert holds(wildcard, subject(site=f"{site}.{parent}"))
    assert not holds(wildcard, subject(site=glued + parent))


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/meet", "/meet", True),
        ("/meet", "/meet/1?a=/x", True),
        ("/meet/", "/meet?room=1", True),
        ("/meet", "/meeting", False),
        ("/meet", "/a/meet", False),
        ("/meet", "/?/meet", False),
        ("/", "/anything", True),
        ("/", "", False),  # nothing is known of it
    ],
)
def test_paths(prefix: str, path: str, expected: bool) -> None:
    assert holds(Match(path=(prefix,)), subject(path=path)) == expected


TURN_443 = ServerPattern("turn", "*.example.org", 443, "tcp")


@pytest.mark.parametrize(
    ("pattern", "server", "expected"),
    [
        (ServerPattern("stun", "*"), "stun:a.example:19302", True),
        (ServerPattern("stun", "*"), "stuns:a.example", False),
        (ServerPattern("turn", "turn.example.org"), "TURN:Turn.Example.org?transport=tcp", True),
        (ServerPattern("turn", "turn.example.org"), "turn:turn.example.org.", True),
        (ServerPattern("turn", "turn.example.org"), "turn:a.turn.example.org", False),
        (ServerPattern("turn", "turn.example.org", 3478), "turn:turn.example.org", True),
        (ServerPattern("turn", "turn.example.org", 5349), "turn:turn.example.org", False),
        (TURN_443, "turn:a.example.org:443?transport=tcp", True),
        (TURN_443, "turn:a.b.example.org:443?transport=tcp", True),
        (TURN_443, "turn:example.org:443?transport=tcp", False),
        (TURN_443, "turn:a.example.org:443", False),
        (TURN_443, "turns:a.example.org:443?transport=tcp", False),
        (ServerPattern("turn", "2001:db8::7"), "turn:[2001:DB8:0::7]:3478", True),
        (ServerPattern("turn", "192.0.2.7"), "turn:192.0.2.70", False),
        # By its address and by its name: either.
        (TURN_443, "turn:192.0.2.7:443?transport=tcp turn:a.example.org:443?transport=tcp", True),
        # The name of one that DNS is asked for.
        (TURN_443, "stun:a.example.org:0 turn:a.example.org:0", True),
        (ServerPattern("turn", "*"), "stun:a.example.org:0 stuns:a.example.org:0", False),
        (ServerPattern("turn", "*"), "", False),
        (ServerPattern("turn", "*"), "http://a.example", False),
    ],
)
def test_servers(pattern: ServerPattern, server: str, expected: bool) -> None:
    assert holds(Match(server=(pattern,)), subject(server=server)) == expected
    assert holds(Match(negated=Match(server=(pattern,))), subject(server=server)) == (not expected)


@pytest.mark.parametrize(
    ("match", "of", "expected"),
    [
        (Match(user=("alice", "bob")), {"user": "bob"}, True),
        (Match(user=("alice",)), {"user": "Alice"}, False),
        (Match(user=("*",)), {"user": "carol"}, True),
        (Match(user=("*",)), {"user": ""}, False),
        (Match(negated=Match(user=("*",))), {"user": ""}, True),
        (Match(destination=(ip_network("192.0.2.0/24"),)), {"destination": "192.0.2.9"}, True),
        (Match(destination=("private",)), {"destination": "192.0.2.9 10.0.0.1"}, True),
        (Match(destination=("*.example.org",)), {"destination": "192.0.2.9 a.example.org"}, True),
        (Match(destination=("*.example.org",)), {"destination": "192.0.2.9"}, False),
        (Match(destination=("name",)), {"destination": "a.example.org"}, True),
        (Match(port=((3478, 3481), (80, 80))), {"port": 3481}, True),
        (Match(port=((3478, 3481), (80, 80))), {"port": 3482}, False),
        (Match(port=((1, 65535),)), {"port": 0}, False),
        (Match(protocol=("stun", "turn")), {"protocol": "turn"}, True),
        (Match(protocol=("stun", "turn")), {"protocol": ""}, False),
        (Match(time=((0, 59), (600, 600))), {"minute": 59}, True),
        (Match(time=((0, 59), (600, 600))), {"minute": 60}, False),
        (Match(time=((0, 10079),)), {"minute": -1}, False),
    ],
)
def test_what_a_packet_is_known_by(match: Match, of: dict[str, object], expected: bool) -> None:
    assert holds(match, subject(**of)) == expected


# The same by a plain reading of the rules.


def read_plainly(match: Match, asked: Subject) -> bool:
    """Whether it holds: key by key, value by value."""
    return all(
        any(_READ[key](asked, value) for value in values)
        for key in _READ
        if (values := getattr(match, key))
    ) and (match.negated is None or not read_plainly(match.negated, asked))


def named(name: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and name != pattern[1:]
    return name == pattern


def within(text: str, value: object) -> bool:
    if isinstance(value, str):
        return bool(text) and addresses.scope(text) == value
    try:
        return ipaddress.ip_address(text) in value  # type: ignore[operator]
    except ValueError:
        return False


def served(asked: Subject, one: ServerPattern) -> bool:
    for word in asked.server.split():
        uri = parse_uri(word)
        if (
            uri.scheme == one.scheme
            and (one.host == "*" or named(uri.host, one.host))
            and one.port in (0, uri.port)
            and one.transport in ("", uri.transport)
        ):
            return True
    return False


_READ: dict[str, Callable[[Subject, Any], bool]] = {
    "site": lambda asked, value: named(asked.site, value),
    "user": lambda asked, value: asked.user == value or (value == "*" and bool(asked.user)),
    "path": lambda asked, value: f"{asked.path}/".startswith(f"{value}/"),
    "client": lambda asked, value: within(asked.client, value),
    "address": lambda asked, value: within(asked.address, value),
    "server": served,
    "destination": lambda asked, value: any(
        within(word, value) or (isinstance(value, str) and named(word, value))
        for word in asked.destination.split()
    ),
    "port": lambda asked, value: asked.port > 0 and value[0] <= asked.port <= value[1],
    "time": lambda asked, value: value[0] <= asked.minute <= value[1],
    **{
        key: lambda asked, value, key=key: getattr(asked, key) == value  # type: ignore[misc]
        for key in ("candidate", "direction", "ring", "transport", "protocol")
    },
}


@given(st.lists(matches(st.none() | matches(st.none())), max_size=12), st.lists(subjects))
def test_as_a_plain_reading_has_it(rules: list[Match], asked: list[Subject]) -> None:
    index = Index(rules)
    for one in asked:
        expected = [place for place, rule in enumerate(rules) if read_plainly(rule, one)]
        assert list(index.all(one)) == expected
        assert index.first(one) == next(iter(expected), None)


@given(matches(st.none()), matches(st.none()), st.lists(subjects, min_size=20, max_size=20))
def test_what_covers_another_holds_where_it_does(
    wide: Match, narrow: Match, asked: list[Subject]
) -> None:
    if Index([wide]).covering(narrow, among=1):
        assert all(read_plainly(wide, one) for one in asked if read_plainly(narrow, one))


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        (Match(), Match(site=("a.org",)), True),
        (Match(site=("*.a.org", "b.org")), Match(site=("*.c.a.org", "x.a.org")), True),
        (Match(site=("*.a.org",)), Match(site=("a.org",)), False),
        (Match(client=("private",)), Match(client=(ip_network("10.1.0.0/16"),)), True),
        (Match(client=(ip_network("0.0.0.0/0"),)), Match(client=("private", "cgnat")), True),
        (Match(client=(ip_network("0.0.0.0/0"),)), Match(client=("public",)), False),
        (
            Match(client=(ip_network("10.0.0.0/9"), ip_network("10.128.0.0/9"))),
            Match(client=(ip_network("10.0.0.0/8"),)),
            True,
        ),
        (
            Match(client=(ip_network("10.0.0.0/9"),)),
            Match(client=(ip_network("10.0.0.0/8"),)),
            False,
        ),
        (Match(path=("/a",)), Match(path=("/a/b",)), True),
        (Match(path=("/a",)), Match(path=("/ab",)), False),
        (Match(server=(ServerPattern("turn", "*"),)), Match(server=(TURN_443,)), True),
        (Match(server=(TURN_443,)), Match(server=(ServerPattern("turn", "*"),)), False),
        (Match(port=((1, 500),)), Match(port=((80, 443),)), True),
        (Match(time=((0, 10),)), Match(time=((5, 11),)), False),
        (Match(user=("*",)), Match(user=("a",)), True),
        (Match(destination=("*.a.org", "private")), Match(destination=("x.a.org",)), True),
    ],
)
def test_what_covers_what(wide: Match, narrow: Match, expected: bool) -> None:
    assert Index([wide]).covering(narrow, among=1) == expected


def test_sent_to_another_process() -> None:
    index = pickle.loads(pickle.dumps(Index([Match(site=("b.example.org",)), Match()])))
    assert index.first(subject()) == 1
    assert list(index.all(subject(site="b.example.org"))) == [0, 1]


def test_no_rules() -> None:
    assert Index([]).first(subject()) is None

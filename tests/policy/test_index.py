"""Which of many rules holds: each key by itself, and all of them against a plain reading."""

import ipaddress
import pickle
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice import address as addresses
from rtcguard.policy.index import Index
from rtcguard.policy.rule import CANDIDATE_TYPES, DIRECTIONS, Match, Subject

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


# The same by a plain reading of the rules.


def read_plainly(match: Match, asked: Subject) -> bool:
    def site(pattern: str) -> bool:
        if pattern.startswith("*."):
            return asked.site.endswith(pattern[1:]) and asked.site != pattern[1:]
        return asked.site == pattern

    def within(text: str, value: object) -> bool:
        if isinstance(value, str):
            return bool(text) and addresses.scope(text) == value
        try:
            return ipaddress.ip_address(text) in value  # type: ignore[operator]
        except ValueError:
            return False

    return (
        (not match.site or any(map(site, match.site)))
        and (not match.client or any(within(asked.client, value) for value in match.client))
        and (not match.address or any(within(asked.address, value) for value in match.address))
        and (not match.candidate or asked.candidate in match.candidate)
        and (not match.direction or asked.direction in match.direction)
        and (match.negated is None or not read_plainly(match.negated, asked))
    )


hosts = st.sampled_from(["a.org", "b.a.org", "c.b.a.org", "xa.org", "org", ""])
texts = st.sampled_from(
    ["10.1.2.3", "10.200.0.1", "192.0.2.1", "2001:db8::1", "fd00::1", "x.local", ""]
)
values = st.sampled_from([
    *map(ip_network, ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32"]),
    ip_network("::/0"),
    *("private", "ula", "public", "mdns"),
])  # fmt: skip


def some[T](of: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(of, max_size=2).map(tuple)


def matches(negated: st.SearchStrategy[Match | None]) -> st.SearchStrategy[Match]:
    return st.builds(
        Match,
        site=some(st.sampled_from(["a.org", "*.a.org", "*.b.a.org", "*.org", "none.example"])),
        client=some(values),
        address=some(values),
        candidate=some(st.sampled_from(CANDIDATE_TYPES)),
        direction=some(st.sampled_from(DIRECTIONS)),
        negated=negated,
    )


subjects = st.builds(
    Subject,
    site=hosts,
    client=texts,
    address=texts,
    direction=st.sampled_from(DIRECTIONS),
    candidate=st.sampled_from(CANDIDATE_TYPES),
)


@given(st.lists(matches(st.none() | matches(st.none())), max_size=12), st.lists(subjects))
def test_as_a_plain_reading_has_it(rules: list[Match], asked: list[Subject]) -> None:
    index = Index(rules)
    for one in asked:
        expected = [place for place, rule in enumerate(rules) if read_plainly(rule, one)]
        assert list(index.all(one)) == expected
        assert index.first(one) == next(iter(expected), None)


def test_sent_to_another_process() -> None:
    index = pickle.loads(pickle.dumps(Index([Match(site=("b.example.org",)), Match()])))
    assert index.first(subject()) == 1
    assert list(index.all(subject(site="b.example.org"))) == [0, 1]


def test_no_rules() -> None:
    assert Index([]).first(subject()) is None

"""Deciding: the first rule that matches, and the defaults behind the rules."""

from ipaddress import ip_network

import pytest

from rtcguard.ice.server import parse_uri
from rtcguard.policy.decide import (
    Decision,
    Subject,
    approved_hosts,
    decide,
    decide_name,
    decide_page,
    decide_server,
    decide_tunnel,
    decide_udp,
)
from rtcguard.policy.model import Config, Relay, RelayServer
from rtcguard.policy.rule import OPAQUE, Match, Rule, RuleAction


def subject(**of: object) -> Subject:
    values = {
        "site": "a.example.org",
        "client": "10.1.2.3",
        "direction": "outbound",
        "candidate": "host",
        "address": "10.1.2.3",
        "transport": "udp",
    }
    return Subject(**{**values, **of})  # type: ignore[arg-type]


def rules(*made: tuple[str, Match]) -> Config:
    return Config(rules=tuple(
        Rule(f"rule {index}", match, action)  # type: ignore[arg-type]
        for index, (action, match) in enumerate(made)
    ))  # fmt: skip


PAGE = Subject("a.example.org", "10.1.2.3", "outbound", ring="page")
LIST = Subject("a.example.org", "10.1.2.3", "inbound")
FLOW = Subject("", "10.1.2.3", "outbound", ring="network", protocol="turn")
ELSEWHERE = Subject("", "10.2.2.3", "outbound", ring="network", protocol="turn")
NAME = Subject("", "10.0.0.9", "outbound", ring="network", protocol="dns")

# Defaults


@pytest.mark.parametrize("candidate", ["host", "srflx", "prflx", "unknown"])
@pytest.mark.parametrize("address", ["10.1.2.3", "203.0.113.7", "2001:db8::1", "a.local", ""])
def test_outbound_is_stripped(candidate: str, address: str) -> None:
    made = decide(Config(), subject(candidate=candidate, address=address))
    reason = f"a {candidate} candidate tells an address of the client"
    assert made == Decision("strip", "default:outbound", reason)


@pytest.mark.parametrize(
    ("address", "client", "action", "rule"),
    [
        ("198.51.100.7", "10.1.2.3", "scrub", "default:relay"),
        ("10.7.7.7", "10.1.2.3", "scrub", "default:relay"),  # an office's own TURN server
        ("turn.example.org", "10.1.2.3", "scrub", "default:relay"),
        ("10.1.2.3", "10.1.2.3", "strip", "default:outbound"),
        ("::ffff:10.1.2.3", "10.1.2.3", "strip", "default:outbound"),
        ("2001:DB8:0::1", "2001:db8::1", "strip", "default:outbound"),
        ("a.local", "10.1.2.3", "strip", "default:outbound"),
        ("127.0.0.1", "10.1.2.3", "strip", "default:outbound"),
        ("169.254.1.1", "10.1.2.3", "strip", "default:outbound"),
        ("fe80::1%eth0", "10.1.2.3", "strip", "default:outbound"),
    ],
)
def test_relay(address: str, client: str, action: str, rule: str) -> None:
    made = decide(Config(), subject(candidate="relay", address=address, client=client))
    assert (made.action, made.rule) == (action, rule)


@pytest.mark.parametrize(
    ("inbound", "confirmed", "action"),
    [
        ("auto", "", "strip"),
        ("auto", "page", "keep"),
        ("auto", "network", "keep"),
        ("keep", "", "keep"),
        ("keep", "page", "keep"),
        ("strip", "", "strip"),
        ("strip", "network", "strip"),
    ],
)
@pytest.mark.parametrize("candidate", ["host", "srflx", "prflx", "relay", "unknown"])
def test_inbound(inbound: str, confirmed: str, action: str, candidate: str) -> None:
    made = decide(
        Config(inbound=inbound),  # type: ignore[arg-type]
        subject(direction="inbound", candidate=candidate, confirmed=confirmed),
    )
    assert (made.action, made.rule) == (action, f"inbound:{inbound}")


def test_inbound_says_what_to_do() -> None:
    reason = decide(Config(), subject(direction="inbound")).reason
    for way in ("let the page load through rtcguard", "`rtcguard gateway up`", "`inbound: keep`"):
        assert way in reason


# Rules


def test_the_first_match_wins() -> None:
    config = rules(
        ("observe", Match(site=("b.example.org",))),
        ("keep", Match(candidate=("host",))),
        ("block", Match()),
    )
    assert decide(config, subject()) == Decision("keep", "rule 1", "rule 'rule 1' says keep")
    assert decide(config, subject(site="b.example.org")).rule == "rule 0"
    assert decide(config, subject(candidate="relay")).rule == "rule 2"


@pytest.mark.parametrize("action", ["keep", "scrub", "strip", "block", "observe"])
@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_each_action(action: str, direction: str) -> None:
    made = decide(rules((action, Match())), subject(direction=direction))
    assert made == Decision(action, "rule 0", f"rule 'rule 0' says {action}")  # type: ignore[arg-type]


# Pages


def test_page_default() -> None:
    made = decide_page(Config(), PAGE)
    assert (made.action, made.rule) == ("scrub", "default:page")


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        ([("block", Match())], "rule 0"),
        ([("block", Match(site=("a.example.org",)))], "rule 0"),
        ([("block", Match(client=(ip_network("10.0.0.0/8"),)))], "rule 0"),
        ([("block", Match(direction=("outbound",)))], "rule 0"),
        ([("strip", Match(site=("b.example.org",))), ("block", Match())], "rule 1"),
        ([("block", Match(site=("b.example.org",)))], "default:page"),
        ([("block", Match(client=(ip_network("10.9.0.0/16"),)))], "default:page"),
        ([("strip", Match())], "default:page"),
        # For ring 2, which sees candidates and addresses.
        ([("block", Match(candidate=("host",)))], "default:page"),
        ([("block", Match(address=(ip_network("10.0.0.0/8"),)))], "default:page"),
        ([("block", Match(candidate=("host",))), ("block", Match())], "rule 1"),
        # The first match wins here too: an exception stands above the rule that it is from.
        ([("keep", Match(site=("*.example.org",))), ("block", Match())], "default:page"),
        ([("keep", Match(site=("b.example.org",))), ("block", Match())], "rule 1"),
        # What passes in part must not be blocked as a whole.
        ([("keep", Match(candidate=("relay",))), ("block", Match())], "default:page"),
    ],
)
def test_page_rules(made: list[tuple[str, Match]], rule: str) -> None:
    decision = decide_page(rules(*made), PAGE)
    assert decision.rule == rule
    assert decision.action == ("scrub" if rule == "default:page" else "block")


# What cannot be read


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
@pytest.mark.parametrize("inbound", ["auto", "keep", "strip"])
def test_opaque_passes_by_default(direction: str, inbound: str) -> None:
    """Much that is called `sdp` is none, so what cannot be read is told and goes on."""
    made = decide(
        Config(inbound=inbound),  # type: ignore[arg-type]
        subject(candidate=OPAQUE, address="", direction=direction),
    )
    assert made == Decision("observe", "default:opaque", "a description that cannot be read")


@pytest.mark.parametrize("action", ["keep", "scrub", "strip", "block", "observe"])
def test_opaque_is_decided_by_a_rule_that_names_it(action: str) -> None:
    config = rules(
        ("block", Match()),
        ("block", Match(candidate=("host", "unknown"))),
        ("block", Match(site=("b.example.org",), candidate=(OPAQUE,))),
        (action, Match(candidate=("host", OPAQUE))),
    )
    made = decide(config, subject(candidate=OPAQUE, address=""))
    assert made == Decision(action, "rule 3", f"rule 'rule 3' says {action}")  # type: ignore[arg-type]
    # A rule on it says nothing of what can be read.
    only = rules(("keep", Match(candidate=(OPAQUE,))))
    assert decide(only, subject()).rule == "default:outbound"
    by_address = Match(candidate=(OPAQUE,), address=(ip_network("10.0.0.0/8"),))
    assert decide(rules(("block", by_address)), subject(candidate=OPAQUE, address="")).action == (
        "observe"
    )


# ICE servers

APPROVED = Relay(
    servers=(
        RelayServer(urls=("turn:relay.example.net:3478?transport=udp", "turns:192.0.2.7")),
        RelayServer(urls=("turn:[2001:db8::7]:443?transport=tcp",)),
    )
)


@pytest.mark.parametrize(
    ("uri", "relay", "action", "rule"),
    [
        ("stun:stun.example.org", Relay(), "strip", "default:servers"),
        ("stuns:stun.example.org", Relay(site_servers="keep"), "strip", "default:servers"),
        ("stun:relay.example.net", APPROVED, "strip", "default:servers"),
        ("turn:turn.example.org", Relay(), "strip", "relay:site_servers"),
        ("turns:turn.example.org", APPROVED, "strip", "relay:site_servers"),
        ("turn:turn.example.org", Relay(site_servers="keep"), "keep", "relay:site_servers"),
        ("turn:relay.example.net", APPROVED, "keep", "relay:servers"),
        ("TURN:Relay.Example.NET:3478", APPROVED, "keep", "relay:servers"),
        # The same server over another transport is no other server.
        ("turn:relay.example.net?transport=tcp", APPROVED, "keep", "relay:servers"),
        ("turns:192.0.2.7:5349?transport=tcp", APPROVED, "keep", "relay:servers"),
        ("turn:[2001:db8::7]:443", APPROVED, "keep", "relay:servers"),
        # Another port is.
        ("turn:relay.example.net:3479", APPROVED, "strip", "relay:site_servers"),
        ("turn:192.0.2.7", APPROVED, "strip", "relay:site_servers"),
        ("turn:xrelay.example.net", APPROVED, "strip", "relay:site_servers"),
        ("turn:relay.example.net.evil.org", APPROVED, "strip", "relay:site_servers"),
    ],
)
def test_servers(uri: str, relay: Relay, action: str, rule: str) -> None:
    made = decide_server(Config(relay=relay), LIST, parse_uri(uri))
    assert (made.action, made.rule) == (action, rule)
    assert made.reason


def test_rules_on_candidates_say_nothing_of_servers() -> None:
    config = rules(("keep", Match()), ("block", Match()))
    assert decide_server(config, LIST, parse_uri("turn:turn.example.org")).action == "strip"


@pytest.mark.parametrize("spelled", ["turn:[2001:db8:0::7]:443", "turn:[2001:DB8:0:0:0:0:0:7]:443"])
def test_a_server_s_address_in_another_spelling(spelled: str) -> None:
    assert decide_server(Config(relay=APPROVED), LIST, parse_uri(spelled)).action == "keep"


# Tunnels


def test_servers_approved_for_a_transport() -> None:
    urls = ("turn:A.example:1?transport=tcp", "turns:[2001:db8:0::7]", "turn:b.example")
    relay = Relay(servers=(RelayServer((*urls, "turns:c.example?transport=udp")),))
    assert approved_hosts(relay, "tcp") == {("a.example", 1), ("2001:db8::7", 5349)}
    assert approved_hosts(relay, "udp") == {("b.example", 3478), ("c.example", 5349)}


@pytest.mark.parametrize(
    ("uri", "approved", "site_servers", "action", "rule"),
    [
        ("turn:a.example?transport=tcp", True, "drop", "keep", "relay:servers"),
        ("stun:a.example", True, "drop", "keep", "relay:servers"),  # a relay's keep-alive
        ("turn:a.example?transport=tcp", False, "drop", "block", "relay:servers"),
        ("stun:a.example", False, "drop", "block", "default:servers"),
        ("turn:a.example?transport=tcp", False, "keep", "keep", "relay:site_servers"),
        ("stun:a.example", False, "keep", "block", "default:servers"),
    ],
)
def test_stun_in_a_tunnel(
    uri: str, approved: bool, site_servers: str, action: str, rule: str
) -> None:
    config = Config(relay=Relay(site_servers=site_servers))  # type: ignore[arg-type]
    made = decide_tunnel(config, FLOW, parse_uri(uri), approved=approved)
    assert (made.action, made.rule) == (action, rule)
    assert made.reason


def test_a_refused_tunnel_says_which_url_to_write() -> None:
    uri = parse_uri("turns:[2001:db8::7]:443")
    made = decide_tunnel(Config(), FLOW, uri, approved=False)
    assert "relay.servers does not name turns:[2001:db8::7]:443?transport=tcp" in made.reason


def test_other_udp_goes_to_approved_servers_only() -> None:
    assert decide_udp(Config(), FLOW, "QUIC", approved=True).action == "keep"
    made = decide_udp(Config(), FLOW, "QUIC", approved=False)
    assert (made.action, made.rule) == ("block", "default:udp")
    assert made.reason.startswith("QUIC: ")
    config = rules(("block", Match(client=(ip_network("10.1.0.0/16"),))))
    assert decide_udp(config, FLOW, "QUIC", approved=True).rule == "rule 0"


def test_a_rule_for_a_client_speaks_for_its_tunnels() -> None:
    uri = parse_uri("turn:a.example?transport=tcp")
    config = rules(("block", Match(client=(ip_network("10.1.0.0/16"),))))
    assert decide_tunnel(config, FLOW, uri, approved=True).rule == "rule 0"
    assert decide_tunnel(config, ELSEWHERE, uri, approved=True).action == "keep"
    of_site = rules(("block", Match(site=("a.example.org",))))  # which site it is, nobody knows
    assert decide_tunnel(of_site, FLOW, uri, approved=True).action == "keep"


@pytest.mark.parametrize(
    ("match", "action", "decided"),
    [
        (Match(), "keep", "keep"),
        (Match(client=(ip_network("10.0.0.0/8"),)), "block", "block"),
        (Match(client=(ip_network("10.1.0.0/16"),)), "keep", "strip"),
        (Match(direction=("outbound",)), "observe", "observe"),
        # Of a name nobody knows the page, the candidate or the address.
        (Match(site=("a.example",)), "keep", "strip"),
        (Match(direction=("inbound",)), "keep", "strip"),
        (Match(candidate=("host",)), "keep", "strip"),
        (Match(address=(ip_network("10.0.0.0/8"),)), "keep", "strip"),
    ],
)
def test_names(match: Match, action: RuleAction, decided: str) -> None:
    decision = decide_name(Config(rules=(Rule("r", match, action),)), NAME)
    assert decision.action == decided
    assert decision.rule == ("r" if decided == action else "default:names")

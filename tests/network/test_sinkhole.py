"""Judging DNS queries: what is answered, what goes on, what the ledger is told."""

import ipaddress
import random
import struct
from typing import Any, Literal

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset
import dns.update
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.network import exchange, sinkhole, upstreams
from rtcguard.network.answers import Answer
from rtcguard.network.names import Names, names_of
from rtcguard.network.sinkhole import Judged
from rtcguard.policy.load import load
from rtcguard.policy.model import (
    Config,
    Gateway,
    Policy,
    Relay,
    RelayServer,
    Resolver,
    Sinkhole,
    Stun,
)
from rtcguard.policy.rule import Match, Rule, RuleAction

CLIENT, LOCAL = "10.0.0.9", "10.0.0.1"
RELAY = Relay((RelayServer(("turn:turn.example.org",), "u", "p"),))


def policy(
    *rules: Rule,
    answer: Literal["refuse", "responder"] = "refuse",
    listen: tuple[tuple[str, int], ...] = (("0.0.0.0", 3478), ("::", 3478)),
    **of: Any,
) -> Policy:
    of = {"relay": RELAY, "stun": Stun(listen=listen), "sinkhole": Sinkhole(answer=answer), **of}
    return Policy(Config(rules=rules, **of))


def rule(action: RuleAction, client: str = "10.0.0.0/8", **match: tuple[str, ...]) -> Rule:
    return Rule("r", Match(client=(ipaddress.ip_network(client),), **match), action)  # type: ignore[arg-type]


def query(name: str, rdtype: str = "A", **how: Any) -> dns.message.QueryMessage:
    return dns.message.make_query(name, rdtype, **how)


def judge(
    name: str,
    rdtype: str = "A",
    of: Policy | None = None,
    client: str = CLIENT,
    local: str = LOCAL,
    names: Names | None = None,
    **how: Any,
) -> Judged:
    of = of or policy()
    names = names or names_of(of.config)
    return sinkhole.judge(query(name, rdtype, use_edns=0, **how), client, local, names, of, -1)


def test_the_local_site_is_nowhere_but_where_all_tcp_is_led_to_the_proxy() -> None:
    for name in ("rtcguard.test", "RTCguard.test."):
        assert rcode(judge(name)) == "NXDOMAIN"
        led = policy(gateway=Gateway(interfaces=("lan0",), transparent=True))
        assert given_addresses(judge(name, of=led)) == ["192.0.2.80"]
        assert (
            rcode(judge(name, "AAAA", of=led)),
            given_addresses(judge(name, "AAAA", of=led)),
        ) == (
            "NOERROR",
            [],
        )
        past = policy(gateway=Gateway(interfaces=("lan0",)))
        assert rcode(judge(name, of=past)) == "NXDOMAIN"
        asked, of = query(name, use_edns=0), policy()
        taken = sinkhole.judge(asked, CLIENT, LOCAL, names_of(of.config), of, -1, led=True)
        assert given_addresses(taken) == ["192.0.2.80"]
    assert rcode(judge("www.rtcguard.test")) == "on"


def rcode(judged: Judged) -> str:
    """What was answered; `on`: an upstream is asked."""
    return "on" if judged.response is None else dns.rcode.to_text(judged.response.rcode())


def given_addresses(judged: Judged) -> list[str]:
    assert judged.response is not None
    return [rdata.to_text() for rrset in judged.response.answer for rdata in rrset]


def upstream(name: str, *records: str, asked: str = "A", of: Policy | None = None) -> Judged:
    """A query's whole way, with what the upstream says: `a.example. CNAME b.example.` …"""
    of = of or policy()
    names = names_of(of.config)
    made = query(name, asked)
    first = sinkhole.judge(made, CLIENT, LOCAL, names, of, -1)
    assert first.response is None
    response = dns.message.make_response(made)
    for record in records:
        owner, rdtype, text = record.split(None, 2)
        response.answer.append(dns.rrset.from_text(owner, 60, "IN", rdtype, text))
    answer = sinkhole.read(response, names, of)
    return sinkhole.conclude(made, CLIENT, LOCAL, first, answer, names, of, -1)


# Rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "name", "passes"),
    [
        ("destination: 'stun.example.org'", "stun.example.org", True),
        ("destination: '*.example.org'", "STUN.example.org", True),
        ("destination: '*.example.net'", "stun.example.org", False),
        ("server: 'stun:stun.example.org:19302'", "stun.example.org", True),
        ("server: 'turn:*'", "turn.example.org", True),
        ("server: 'turn:*'", "stun.example.org", False),  # what is named so is no TURN server
        ("server: 'stun:*'", "stun.example.org", True),
        ("protocol: dns", "stun.example.org", True),
        ("protocol: [stun, turn]", "stun.example.org", False),
        ("time: 'mon 10:00-11:00'", "stun.example.org", True),
        ("time: 'mon 10:01-11:00'", "stun.example.org", False),
        ("ring: network", "stun.example.org", True),
        ("not: {destination: '*.example.org'}", "stun.example.org", False),
        # Nobody knows these of a name.
        ("user: '*'", "stun.example.org", False),
        ("site: '*.example.org'", "stun.example.org", False),
        ("port: 53", "stun.example.org", False),
    ],
)
def test_what_rules_name(match: str, name: str, passes: bool) -> None:
    rules = f"rules: [{{name: r, match: {{client: 10.0.0.0/8, {match}}}, action: keep}}]"
    of = Policy(load(f"version: 1\n{rules}\n", "f.yaml"))
    made = query(name, use_edns=0)
    judged = sinkhole.judge(made, CLIENT, LOCAL, names_of(of.config), of, 10 * 60)
    assert (judged.response is None) == passes
    told = [one.rule for one in judged.records] or [judged.decision and judged.decision.rule]
    assert (told == ["r"]) == passes


# Names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rdtype", ["A", "AAAA", "HTTPS", "TXT", "SRV"])
def test_a_stun_name_does_not_exist(rdtype: str) -> None:
    judged = judge("STUN.l.google.com", rdtype)
    assert rcode(judged) == "NXDOMAIN"
    response = judged.response
    assert response is not None and not response.answer
    assert response.question[0].name.to_text() == "STUN.l.google.com.", "as it was asked"
    (soa,) = response.authority  # or clients would not keep it
    assert soa.rdtype == dns.rdatatype.SOA and soa.ttl == soa[0].minimum == 60
    (error,) = response.options
    assert isinstance(error, dns.edns.EDEOption) and error.code == dns.edns.EDECode.BLOCKED
    (record,) = judged.records
    assert (record.ring, record.kind, record.action) == ("network", "name", "refused")
    assert (record.client, record.name, record.rule) == (
        CLIENT,
        "stun.l.google.com",
        "sinkhole:list",
    )
    assert record.reason.startswith(f"{rdtype}: ")


def test_a_query_without_edns_gets_none() -> None:
    of = policy()
    made = query("stun.example.org", use_edns=False)
    judged = sinkhole.judge(made, CLIENT, LOCAL, names_of(of.config), of, -1)
    assert judged.response is not None and judged.response.edns == -1


def test_other_names_go_on_and_are_nobodys_business() -> None:
    judged = judge("www.example.org")
    assert rcode(judged) == "on" and judged.records == ()
    done = upstream("www.example.org", "www.example.org. A 192.0.2.1")
    assert given_addresses(done) == ["192.0.2.1"] and done.records == ()


def test_an_approved_server_is_found_and_told() -> None:
    done = upstream("turn.example.org", "turn.example.org. A 192.0.2.10")
    assert given_addresses(done) == ["192.0.2.10"]
    (record,) = done.records
    assert (record.action, record.rule) == ("kept", "relay:servers")
    assert (record.name, record.destination) == ("turn.example.org", "192.0.2.10")


def test_one_record_for_each_address() -> None:
    lines = [f"turn.example.org. A 192.0.2.{number}" for number in range(1, 101)]
    done = upstream("turn.example.org", *lines)
    assert len(given_addresses(done)) == 100
    assert [record.destination for record in done.records] == [
        f"192.0.2.{number}" for number in range(1, 17)
    ]


def test_addresses_are_told_in_their_one_spelling() -> None:
    done = upstream("turn.example.org", "turn.example.org. AAAA 2001:DB8:0:0::1", asked="AAAA")
    assert done.records[0].destination == "2001:db8::1"


def test_a_name_that_stands_for_a_stun_server() -> None:
    alias = ("cdn.example.net. CNAME stun.l.google.com.", "stun.l.google.com. A 192.0.2.1")
    done = upstream("cdn.example.net", *alias)
    assert rcode(done) == "NXDOMAIN" and not given_addresses(done)
    (record,) = done.records
    assert (record.action, record.name) == ("refused", "cdn.example.net")
    assert "stands for stun.l.google.com" in record.reason


def test_a_kept_name_may_stand_for_any() -> None:
    alias = ("cdn.example.net. CNAME stun.l.google.com.", "stun.l.google.com. A 192.0.2.1")
    of = policy(sinkhole=Sinkhole(keep=("cdn.example.net",)))
    done = upstream("cdn.example.net", *alias, of=of)
    assert "192.0.2.1" in given_addresses(done) and done.records == ()


def test_an_approved_server_may_stand_for_any_name() -> None:
    alias = ("turn.example.org. CNAME turn.provider.example.", "turn.provider.example. A 192.0.2.1")
    assert given_addresses(upstream("turn.example.org", *alias)) == [
        "turn.provider.example.", "192.0.2.1"
    ]  # fmt: skip


def test_where_an_approved_domain_says_its_relays_are() -> None:
    """RFC 5928: NAPTR records, which others lose."""
    record = 'NAPTR 100 10 "" "RELAY:turn.udp" "" turn1.example.net.'
    for name, found in (("turn.example.org", 1), ("example.net", 0)):
        done = upstream(name, f"{name}. {record}", asked="NAPTR")
        assert len(given_addresses(done)) == found


def test_learned_names() -> None:
    names = names_of(policy().config).learning(["relay1.example.net", "www.example.net"])
    assert rcode(judge("relay1.example.net", names=names)) == "NXDOMAIN"
    seen = judge("www.example.net", names=names)
    assert rcode(seen) == "on" and seen.known is not None and seen.known.kind == "seen"


def test_seen_names_are_tied_to_their_addresses() -> None:
    of = policy()
    names = names_of(of.config).learning(["www.example.net"])
    made = query("www.example.net")
    judged = sinkhole.judge(made, CLIENT, LOCAL, names, of, -1)
    answer = Answer(
        dns.rcode.NOERROR, (dns.rrset.from_text("www.example.net.", 60, "IN", "A", "192.0.2.7"),)
    )
    done = sinkhole.conclude(made, CLIENT, LOCAL, judged, answer, names, of, -1)
    (record,) = done.records
    assert (record.action, record.destination) == ("observed", "192.0.2.7")


@pytest.mark.parametrize("name", ["use-application-dns.net", "mask.icloud.com"])
def test_ways_past_the_sinkhole_do_not_exist(name: str) -> None:
    responder = policy(answer="responder")
    for of in (policy(), responder, policy(rule("keep"))):
        assert rcode(judge(name, of=of)) == "NXDOMAIN"


def test_no_other_resolver_is_told_of() -> None:
    judged = judge("_dns.resolver.arpa", "SVCB")
    assert rcode(judged) == "NOERROR" and not given_addresses(judged)


@pytest.mark.parametrize(
    "name", ["x.invalid", "invalid", "abc.onion", "3f8e1c2a-9b7d-4e6f-8a1b-2c3d4e5f6a7b.local"]
)
def test_names_that_nobody_has_are_not_asked_for(name: str) -> None:
    assert rcode(judge(name)) == "NXDOMAIN"
    assert rcode(judge(name, of=policy(mode="monitor"))) == "NXDOMAIN"


@pytest.mark.parametrize(
    ("address", "of_this_network"),
    [("10.1.2.3", True), ("192.168.0.1", True), ("100.64.0.1", True), ("fd00::1", True),
     ("fe80::1", True), ("192.0.2.1", False), ("2001:db8::1", False)],
)  # fmt: skip
def test_public_servers_are_not_told_addresses_of_this_network(
    address: str, of_this_network: bool
) -> None:
    name = dns.reversename.from_address(address).to_text(True)
    public = policy(sinkhole=Sinkhole(upstream=(Resolver("udp", "192.0.2.53", 53),)))
    assert rcode(judge(name, "PTR", of=public)) == ("NXDOMAIN" if of_this_network else "on")
    office = policy(sinkhole=Sinkhole(upstream=(Resolver("udp", "10.0.0.53", 53),)))
    assert rcode(judge(name, "PTR", of=office)) == "on"
    for odd in ("10.in-addr.arpa", "x.10.in-addr.arpa", "in-addr.arpa", "1.2.ip6.arpa"):
        assert rcode(judge(odd, "PTR", of=public)) == "on"


def test_a_domain_called_local_is_an_offices_own() -> None:
    assert rcode(judge("server.corp.local")) == "on"


# Rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["keep", "observe"])
def test_a_rule_lets_a_client_find_stun_servers(action: RuleAction) -> None:
    of = policy(rule(action))
    done = upstream("stun.example.org", "stun.example.org. A 192.0.2.1", of=of)
    assert given_addresses(done) == ["192.0.2.1"]
    (record,) = done.records
    assert record.action == {"keep": "kept", "observe": "observed"}[action]
    assert (record.rule, record.destination) == ("r", "192.0.2.1")
    assert rcode(judge("stun.example.org", of=of, client="192.168.0.1")) == "NXDOMAIN"


@pytest.mark.parametrize("action", ["block", "strip", "scrub"])
def test_a_rule_that_refuses_is_named(action: RuleAction) -> None:
    judged = judge("stun.example.org", of=policy(rule(action), rule("keep")))
    assert rcode(judged) == "NXDOMAIN"
    assert judged.records[0].rule == "r"


def test_rules_on_sites_and_candidates_say_nothing_of_names() -> None:
    """Nobody knows which page asks."""
    sites = (
        rule("keep", site=("*.example.org",)),
        rule("keep", candidate=("host",)),
        rule("keep", direction=("inbound",)),
    )
    judged = judge("stun.example.org", of=policy(*sites))
    assert rcode(judged) == "NXDOMAIN" and judged.records[0].rule == "sinkhole:form"


def test_monitor_mode_changes_nothing() -> None:
    of = policy(mode="monitor")
    done = upstream("stun.example.org", "stun.example.org. A 192.0.2.1", of=of)
    assert given_addresses(done) == ["192.0.2.1"]
    (record,) = done.records
    assert (record.action, record.would) == ("observed", "refused")
    assert record.destination == "192.0.2.1"
    assert rcode(judge("use-application-dns.net", of=of)) == "on"
    assert rcode(judge("_dns.resolver.arpa", "SVCB", of=of)) == "on"


# The responder's address --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listen", "client", "local", "v4", "v6"),
    [
        ([("10.0.0.5", 3478)], CLIENT, LOCAL, ["10.0.0.5"], []),
        ([("10.0.0.5", 3478), ("fd00::5", 1)], CLIENT, LOCAL, ["10.0.0.5"], ["fd00::5"]),
        # Bound to every address: the one that the query came to.
        ([("0.0.0.0", 3478), ("::", 3478)], CLIENT, LOCAL, [LOCAL], []),
        ([("0.0.0.0", 3478), ("::", 3478)], "fd00::9", "fd00::1", [], ["fd00::1"]),
        # Loopback is of use to this machine alone.
        ([("127.0.0.1", 3478), ("10.0.0.5", 3478)], CLIENT, LOCAL, ["10.0.0.5"], []),
        ([("127.0.0.1", 3478)], "127.0.0.1", "127.0.0.1", ["127.0.0.1"], []),
        ([("10.0.0.5", 3478), ("10.0.0.5", 3479)], CLIENT, LOCAL, ["10.0.0.5"], []),
    ],
)
def test_the_responders_address(
    listen: list[tuple[str, int]], client: str, local: str, v4: list[str], v6: list[str]
) -> None:
    of = policy(answer="responder", listen=tuple(listen))
    for rdtype, expected in (("A", v4), ("AAAA", v6), ("HTTPS", [])):
        judged = judge("stun.example.org", rdtype, of=of, client=client, local=local)
        assert rcode(judged) == "NOERROR"
        assert given_addresses(judged) == expected
        told = [record.destination for record in judged.records]
        assert told == (expected or [""]), "so that a packet to it can be tied to the name"
        assert {record.action for record in judged.records} == {"refused"}


@pytest.mark.parametrize("listen", [(), (("127.0.0.1", 3478),), (("stun.example", 3478),)])
def test_without_a_responder_for_this_client_the_name_is_refused(
    listen: tuple[tuple[str, int], ...],
) -> None:
    of = policy(answer="responder", listen=listen)
    assert rcode(judge("stun.example.org", of=of)) == "NXDOMAIN"


def test_the_records_of_a_service_have_no_address() -> None:
    assert rcode(judge("_stun._udp.example.org", "SRV", of=policy(answer="responder"))) == (
        "NXDOMAIN"
    )


# The protocol -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rdtype", ["ANY", "AXFR", "IXFR", "MAILB", "TKEY"])
def test_what_is_not_asked_of_a_resolver_is_refused(rdtype: str) -> None:
    assert rcode(judge("example.org", rdtype)) == "REFUSED"


@pytest.mark.parametrize("rdclass", ["CH", "HS", "ANY", "NONE"])
def test_other_classes_are_refused(rdclass: str) -> None:
    assert rcode(judge("version.bind", "TXT", rdclass=rdclass)) == "REFUSED"


def test_a_newer_edns_is_told_which_one_we_have() -> None:
    of = policy()
    made = dns.message.make_query("example.org", "A", use_edns=1)
    judged = sinkhole.judge(made, CLIENT, LOCAL, names_of(of.config), of, -1)
    assert rcode(judged) == "BADVERS"
    assert judged.response is not None and judged.response.edns == 0


def parsed_rcode(wire: bytes) -> str:
    made = exchange.parse(wire)
    assert isinstance(made, bytes)
    response = dns.message.from_wire(made)
    assert response.flags & dns.flags.QR and response.id == struct.unpack_from("!H", wire)[0]
    return dns.rcode.to_text(response.rcode())


def test_what_cannot_be_a_query() -> None:
    good = query("example.org").to_wire()
    assert isinstance(exchange.parse(good), dns.message.QueryMessage)
    assert exchange.parse(b"") is None and exchange.parse(good[:11]) is None
    response = dns.message.make_response(query("example.org")).to_wire()
    assert exchange.parse(response) is None, "two servers would talk for ever"
    assert parsed_rcode(good[:-1]) == "FORMERR"
    assert parsed_rcode(good + b"x") == "FORMERR"
    assert parsed_rcode(good[:4] + b"\x00\x02" + good[6:]) == "FORMERR"
    assert parsed_rcode(good[:4] + b"\x00\x00" + good[6:]) == "FORMERR"
    loop = good[:12] + b"\xc0\x0c\x00\x01\x00\x01"
    assert parsed_rcode(loop) == "FORMERR"


@pytest.mark.parametrize("opcode", ["IQUERY", "STATUS", "NOTIFY", "UPDATE"])
def test_other_operations_are_not_ours(opcode: str) -> None:
    made = query("example.org")
    made.set_opcode(dns.opcode.from_text(opcode))
    assert parsed_rcode(made.to_wire()) == "NOTIMP"


def test_a_signed_query_is_nobodys() -> None:
    made = query("example.org")
    key = {dns.name.from_text("k."): dns.tsig.Key("k.", b"x" * 32)}
    made.use_tsig(key)
    assert parsed_rcode(made.to_wire()) == "FORMERR"


def test_dnssec_bits() -> None:
    answer = Answer(
        dns.rcode.NOERROR,
        (dns.rrset.from_text("example.org.", 60, "IN", "A", "192.0.2.1"),),
        authentic=True,
    )
    plain = exchange.respond(query("example.org"), answer)
    assert not plain.flags & dns.flags.AD, "who does not ask is not told"
    asked = query("example.org", flags=dns.flags.RD | dns.flags.AD)
    assert exchange.respond(asked, answer).flags & dns.flags.AD
    signed = exchange.respond(query("example.org", want_dnssec=True), answer)
    assert signed.flags & dns.flags.AD and signed.ednsflags & dns.flags.DO
    unchecked = query("example.org", flags=dns.flags.RD | dns.flags.CD)
    assert exchange.respond(unchecked, answer).flags & dns.flags.CD
    assert exchange.question_of(unchecked).unchecked
    assert exchange.question_of(query("Example.ORG", want_dnssec=True)).dnssec
    assert exchange.question_of(query("Example.ORG")).name.to_text() == "example.org."


def test_of_a_client_nobody_upstream_learns_anything() -> None:
    """Client subnets, cookies and the like end here: a question is name, type and two bits."""
    subnet = dns.edns.ECSOption("10.0.0.9", 32)
    question = exchange.question_of(query("example.org", use_edns=0, options=[subnet]))
    assert question == exchange.question_of(query("example.org"))


@pytest.mark.parametrize(
    ("payload", "limit"), [(None, 512), (100, 512), (512, 512), (700, 700), (65535, 1232)]
)
def test_no_udp_answer_is_longer_than_its_asker_takes(payload: int | None, limit: int) -> None:
    made = query("example.org", "TXT", **({} if payload is None else {"payload": payload}))
    for length in range(1, 2000, 50):
        texts = [f'"{"x" * min(200, length)}{number}"' for number in range(1 + length // 200)]
        rrset = dns.rrset.from_text("example.org.", 60, "IN", "TXT", *texts)
        answer = Answer(dns.rcode.NOERROR, (rrset,))
        wire = exchange.to_wire(made, exchange.respond(made, answer), udp=True)
        assert len(wire) <= limit
        response = dns.message.from_wire(wire)
        cut = bool(response.flags & dns.flags.TC)
        assert cut == (not response.answer)
        whole = exchange.to_wire(made, exchange.respond(made, answer), udp=False)
        assert dns.message.from_wire(whole).answer
        assert cut == (len(whole) > limit)


# Bad input --------------------------------------------------------------------------------------


def answered(wire: bytes) -> bytes | None:
    """As the sockets do it, without an upstream."""
    of, made = policy(), exchange.parse(wire)
    if not isinstance(made, dns.message.QueryMessage):
        return made
    judged = sinkhole.judge(made, CLIENT, LOCAL, names_of(of.config), of, -1)
    response = judged.response
    if response is None:
        response = exchange.failed(made, dns.edns.EDECode.NETWORK_ERROR, "none")
    return exchange.to_wire(made, response, udp=True)


def test_twenty_thousand_broken_queries() -> None:
    """Bytes changed, cut, added and doubled: each is answered or left alone, and none raises."""
    chance = random.Random(1)
    seeds = [
        query("stun.example.org", use_edns=0, payload=4096).to_wire(),
        query("example.org", "HTTPS", want_dnssec=True).to_wire(),
        query("_turn._udp.example.org", "SRV", use_edns=False).to_wire(),
        query("example.org", options=[dns.edns.ECSOption("10.0.0.9", 32)]).to_wire(),
    ]
    for number in range(20_000):
        wire = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 5)):
            match chance.randrange(4):
                case 0:
                    wire[chance.randrange(len(wire))] = chance.randrange(256)
                case 1:
                    del wire[chance.randrange(1, len(wire) + 1) :]
                case 2:
                    wire += chance.randbytes(chance.randrange(1, 40))
                case _:
                    position = chance.randrange(len(wire))
                    wire[position:position] = wire[position : position + chance.randrange(20)]
        made = answered(bytes(wire))
        if made is not None:
            assert len(made) <= 1232 and made[:2] == wire[:2], number
            assert made[2] & 0x80, "an answer"


@given(st.binary(max_size=100) | st.binary(min_size=12, max_size=600))
def test_total(wire: bytes) -> None:
    made = answered(wire)
    assert made is None or made[:2] == wire[:2]


def test_ten_thousand_broken_answers_of_an_upstream() -> None:
    """Each is refused as a whole, or edited and given on within its asker's bounds."""
    chance, of = random.Random(3), policy()
    names = names_of(of.config)
    lines = [
        ("a.example", "HTTPS", "1 . alpn=h2,h3 ech=AAb+DQACAAA= ipv4hint=192.0.2.1 mandatory=alpn"),
        ("a.example", "NAPTR", '1 1 "" "RELAY:turn.udp" "" t.example.'),
        ("a.example", "CNAME", "stun.l.google.com."),
        ("_turn._udp.turn.example.org", "SRV", "1 1 3478 t.example."),
        ("a.example", "A", "192.0.2.1"),
    ]
    seeds = []
    for name, rdtype, text in lines:
        asked = query(name, "A" if rdtype == "CNAME" else rdtype, want_dnssec=True)
        response = dns.message.make_response(asked)
        response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", rdtype, text))
        seeds.append((asked, response.to_wire()))
    judged = 0
    for _ in range(10_000):
        asked, wire = chance.choice(seeds)
        broken = bytearray(wire)
        for _ in range(chance.randrange(1, 4)):
            broken[chance.randrange(2, len(broken))] = chance.randrange(256)
        try:
            response = dns.message.from_wire(bytes(broken))
        except upstreams.FAILURES:
            continue
        if not asked.is_response(response) or response.rcode() not in (0, 3):
            continue
        judged += 1
        first = sinkhole.judge(asked, CLIENT, LOCAL, names, of, -1)
        done = sinkhole.conclude(
            asked, CLIENT, LOCAL, first, sinkhole.read(response, names, of), names, of, -1
        )
        assert done.response is not None
        assert len(exchange.to_wire(asked, done.response, udp=True)) <= 1232
        text = done.response.to_text()
        assert "ech=" not in text and "stun.l.google.com. IN A" not in text
    assert judged > 500

"""The sinkhole's sockets: real queries, real upstream servers, floods, slow senders."""

import asyncio
import contextlib
import ipaddress
import logging
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from rtcguard.errors import StartError
from rtcguard.network import forwarding, nameserver, sinkhole, upstreams
from rtcguard.network.nameserver import NameServer
from rtcguard.policy.model import Config, Policy, Relay, RelayServer, Sinkhole, Stun, Upstream
from rtcguard.policy.record import Record
from rtcguard.policy.resolver import parse_resolver
from rtcguard.policy.rule import Network
from tests.lab.ca import LabCA
from tests.zone import Zone

LOOPBACKS = ["127.0.0.1", "::1"]


@dataclass
class Sunk:
    """A running sinkhole."""

    server: NameServer
    records: list[Record] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.server.addresses[0][0]

    @property
    def port(self) -> int:
        return self.server.addresses[0][1]

    def ask(
        self, name: str, rdtype: str = "A", *, tcp: bool = False, to: str = "", **how: Any
    ) -> dns.message.Message:
        query = dns.message.make_query(name, rdtype, **how)
        where = to or self.host
        if tcp:
            return dns.query.tcp(query, where, port=self.port, timeout=60)
        return dns.query.udp(query, where, port=self.port, timeout=60)


def policy(*upstream: str, listen: tuple[str, ...] = ("127.0.0.1",), **of: Any) -> Policy:
    resolvers = tuple(map(parse_resolver, upstream))
    known = {key: of.pop(key) for key in ("names", "keep", "answer", "clients") if key in of}
    where = tuple((host, 0) for host in listen)
    return Policy(Config(sinkhole=Sinkhole(listen=where, upstream=resolvers, **known), **of))


@contextlib.contextmanager
def sinking(
    of: Policy,
    learned: Callable[[], frozenset[str]] = frozenset,
    held: Callable[[], tuple[Network, ...]] = tuple,
) -> Iterator[Sunk]:
    """A sinkhole in a thread of its own."""
    records: list[Record] = []
    server = NameServer(of, records.extend, learned, held)
    ready = threading.Event()
    inside: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        inside.append((asyncio.get_running_loop(), asyncio.Event()))
        ready.set()
        await server.serve(inside[0][1])

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(60)
    try:
        yield Sunk(server, records)
    finally:
        loop, stop = inside[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        server.close()
        assert not thread.is_alive()


def zone(*lines: str, **of: Any) -> Zone:
    made = Zone(**of)
    for line in lines:
        made.add(line)
    return made


def at(served: Zone, scheme: str = "", name: str = "") -> str:
    host = f"[{served.host}]" if ":" in served.host else served.host
    return f"{scheme}{host}:{served.port}{name}"


@pytest.fixture
def upstream() -> Iterator[Zone]:
    made = zone(
        "a.example A 192.0.2.1", "a.example AAAA 2001:db8::1", "stun.a.example A 192.0.2.3",
        "a.example HTTPS 1 . alpn=h2,h3", "alias.example CNAME stun.a.example.",
    )  # fmt: skip
    with made.serving():
        yield made


@pytest.fixture
def sunk(upstream: Zone) -> Iterator[Sunk]:
    with sinking(policy(at(upstream))) as made:
        yield made


def texts(response: dns.message.Message) -> list[str]:
    return [rdata.to_text() for rrset in response.answer for rdata in rrset]


def rcode(response: dns.message.Message) -> str:
    return dns.rcode.to_text(response.rcode())


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.01)
    return False


# Both ways in -------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", LOOPBACKS)
@pytest.mark.parametrize("tcp", [False, True])
def test_names_are_found_and_sunk(upstream: Zone, host: str, tcp: bool) -> None:
    with sinking(policy(at(upstream), listen=(host,))) as sunk:
        assert texts(sunk.ask("a.example", tcp=tcp)) == ["192.0.2.1"]
        assert texts(sunk.ask("a.example", "AAAA", tcp=tcp)) == ["2001:db8::1"]
        assert rcode(sunk.ask("stun.a.example", tcp=tcp)) == "NXDOMAIN"
        assert rcode(sunk.ask("alias.example", tcp=tcp)) == "NXDOMAIN"
        assert rcode(sunk.ask("nobody.example", tcp=tcp)) == "NXDOMAIN"
    told = [(record.action, record.client, record.name) for record in sunk.records]
    assert told == [("refused", host, "stun.a.example"), ("refused", host, "alias.example")]
    assert ("stun.a.example", "A", "udp") not in upstream.asked, "nobody is told who asks for it"


def test_a_resolver_and_getaddrinfos_ways_of_asking(sunk: Sunk) -> None:
    """dnspython's resolver: retries, EDNS, search lists, errors of its own."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], sunk.port, 10
    assert [rdata.to_text() for rdata in resolver.resolve("a.example", "A")] == ["192.0.2.1"]
    with pytest.raises(dns.resolver.NXDOMAIN):
        resolver.resolve("stun.l.google.com", "A")
    with pytest.raises(dns.resolver.NoAnswer):
        resolver.resolve("a.example", "TXT")


def test_bound_to_every_address_it_answers_from_the_one_asked(upstream: Zone) -> None:
    of = policy(
        at(upstream), listen=("0.0.0.0",), answer="responder", stun=Stun((("0.0.0.0", 3478),))
    )
    with sinking(of) as sunk:
        # dnspython takes an answer from no other address.
        for to in ("127.0.0.1", "127.0.0.53"):
            for tcp in (False, True):
                response = sunk.ask("stun.a.example", to=to, tcp=tcp)
                assert texts(response) == [to], "the responder's, as this client reaches it"


def test_bound_to_every_ipv6_address(upstream: Zone) -> None:
    with sinking(policy(at(upstream), listen=("::",))) as sunk:
        assert texts(sunk.ask("a.example", to="::1")) == ["192.0.2.1"]


def test_https_records_lose_what_leads_past_the_proxy(sunk: Sunk) -> None:
    assert texts(sunk.ask("a.example", "HTTPS")) == ['1 . alpn="h2"']


def test_monitor_mode_leaves_them(upstream: Zone) -> None:
    with sinking(policy(at(upstream), mode="monitor")) as sunk:
        assert texts(sunk.ask("a.example", "HTTPS")) == ['1 . alpn="h2,h3"']
        assert texts(sunk.ask("stun.a.example")) == ["192.0.2.3"]
    assert [record.destination for record in sunk.records] == ["192.0.2.3"]


def test_learned_names(upstream: Zone) -> None:
    upstream.add("relay7.a.example A 192.0.2.9")
    with sinking(policy(at(upstream)), lambda: frozenset({"relay7.a.example"})) as sunk:
        assert eventually(lambda: rcode(sunk.ask("relay7.a.example")) == "NXDOMAIN")


def test_a_ledger_that_cannot_be_read_stops_nothing(
    upstream: Zone, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> frozenset[str]:
        raise StartError("the ledger cannot be opened")

    with sinking(policy(at(upstream)), broken) as sunk:
        assert texts(sunk.ask("a.example")) == ["192.0.2.1"]
        assert eventually(lambda: "the ledger cannot be opened" in caplog.text)


def test_where_an_approved_server_leads_is_found(upstream: Zone) -> None:
    """RFC 5928: from the domain to the host that its record names, which looks like any other."""
    upstream.add("_turn._udp.turn.example.org SRV 1 1 3478 turn1.a.example.")
    upstream.add("turn1.a.example A 192.0.2.10")
    relay = Relay((RelayServer(("turn:turn.example.org",), "u", "p"),))
    with sinking(policy(at(upstream), relay=relay)) as sunk:
        assert rcode(sunk.ask("turn1.a.example")) == "NXDOMAIN"
        assert texts(sunk.ask("_turn._udp.turn.example.org", "SRV")) == [
            "1 1 3478 turn1.a.example."
        ]
        assert texts(sunk.ask("turn1.a.example")) == ["192.0.2.10"]


# Upstream -----------------------------------------------------------------------------------------


def test_an_answer_is_kept_and_counted_down(sunk: Sunk, upstream: Zone) -> None:
    first = sunk.ask("a.example")
    assert first.answer[0].ttl == 300
    assert texts(sunk.ask("A.Example")) == ["192.0.2.1"]
    assert texts(sunk.ask("a.example", tcp=True)) == ["192.0.2.1"]
    for _ in range(3):
        assert rcode(sunk.ask("nobody.example")) == "NXDOMAIN"
    asked = [name for name, _, _ in upstream.asked]
    assert asked == ["a.example", "nobody.example"]
    assert sunk.ask("A.exAmple").question[0].name.to_text() == "A.exAmple.", "as it was asked"


def test_the_same_question_is_asked_once(upstream: Zone) -> None:
    upstream.handler = lambda query, transport: (time.sleep(0.3), upstream.answer(query))[1]
    with sinking(policy(at(upstream))) as sunk, ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: texts(sunk.ask("a.example")), range(20)))
    assert done == [["192.0.2.1"]] * 20
    assert len(upstream.asked) == 1


def test_an_upstream_that_cannot_is_passed_over(upstream: Zone) -> None:
    def refuse(query: dns.message.Message, transport: str) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.REFUSED)
        return response

    refusing = Zone(handler=refuse)
    with refusing.serving(), socket.socket(type=socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"  # takes queries, never answers
        with sinking(policy("127.0.0.1:9", at(refusing), nobody, at(upstream))) as sunk:
            assert texts(sunk.ask("a.example")) == ["192.0.2.1"]
            assert len(refusing.asked) == 1


def test_without_any_answer_the_client_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(upstreams, "_PATIENCE", (0.05, 0.05))
    with sinking(policy("127.0.0.1:9", "tcp://127.0.0.1:9")) as sunk:
        response = sunk.ask("a.example", use_edns=0)
        assert rcode(response) == "SERVFAIL"
        (error,) = response.options
        assert isinstance(error, dns.edns.EDEOption)
        assert error.code == dns.edns.EDECode.NETWORK_ERROR
        assert rcode(sunk.ask("stun.a.example")) == "NXDOMAIN", "this needs nobody"
    assert "no answer of udp://127.0.0.1:9" in caplog.text
    assert "no answer of tcp://127.0.0.1:9" in caplog.text


def test_an_upstream_comes_back(upstream: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "_FAILURE_HOLDS", 0.0)
    monkeypatch.setattr(upstreams, "_PATIENCE", (0.2, 0.2))
    upstream.handler = lambda query, transport: None
    with sinking(policy(at(upstream))) as sunk:
        assert rcode(sunk.ask("a.example")) == "SERVFAIL"
        upstream.handler = None
        assert texts(sunk.ask("a.example")) == ["192.0.2.1"]


def test_an_answer_cut_short_is_asked_for_over_tcp(upstream: Zone) -> None:
    for number in range(100):
        upstream.add(f"many.example A 10.1.1.{number}")
    with sinking(policy(at(upstream))) as sunk:
        response = sunk.ask("many.example", use_edns=0, payload=4096)
        assert response.flags & dns.flags.TC and not response.answer
        assert len(texts(sunk.ask("many.example", tcp=True))) == 100
        query = dns.message.make_query("many.example", "A")
        full, by_tcp = dns.query.udp_with_fallback(query, "127.0.0.1", 10, sunk.port)
        assert by_tcp and len(texts(full)) == 100
    assert [transport for _, _, transport in upstream.asked] == ["udp", "tcp"]


def test_forged_answers_are_not_taken() -> None:
    """Wrong id, another question, not DNS at all: the true one still counts, the forged never."""
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(60)
        with (
            sinking(policy(f"127.0.0.1:{bound.getsockname()[1]}")) as sunk,
            ThreadPoolExecutor(1) as pool,
        ):
            asked = pool.submit(sunk.ask, "a.example")
            wire, source = bound.recvfrom(1000)
            query, evil = dns.message.from_wire(wire), zone("a.example A 192.0.2.66")
            other = evil.answer(dns.message.make_query("b.example", "A", id=query.id))
            for forged in (
                b"", bytes(11), wire,
                bytes([wire[0] ^ 1]) + evil.answer(query).to_wire()[1:],
                other.to_wire(), evil.answer(query).to_wire()[:-3],
            ):  # fmt: skip
                bound.sendto(forged, source)
            with socket.socket(type=socket.SOCK_DGRAM) as elsewhere:
                elsewhere.sendto(evil.answer(query).to_wire(), source)
            bound.sendto(zone("a.example A 192.0.2.1").answer(query).to_wire(), source)
            assert texts(asked.result()) == ["192.0.2.1"]


def test_each_query_has_its_own_id_and_port() -> None:
    ports: set[int] = set()
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(60)
        with (
            sinking(policy(f"127.0.0.1:{bound.getsockname()[1]}")) as sunk,
            ThreadPoolExecutor(20) as pool,
        ):
            asked = [pool.submit(sunk.ask, f"{number}.example") for number in range(20)]
            ids = set()
            for _ in range(20):
                wire, source = bound.recvfrom(1000)
                query = dns.message.from_wire(wire)
                ports.add(source[1])
                ids.add(query.id)
                bound.sendto(dns.message.make_response(query).to_wire(), source)
            assert all(rcode(one.result()) == "NOERROR" for one in asked)
    assert len(ports) == 20 and len(ids) > 15


def test_what_the_upstream_learns(upstream: Zone, sunk: Sunk) -> None:
    subnet = dns.edns.ECSOption("10.0.0.9", 32)
    sunk.ask("a.example", use_edns=0, options=[subnet, dns.edns.CookieOption(b"12345678", b"")])
    sunk.ask("a.example", want_dnssec=True, flags=dns.flags.RD | dns.flags.CD)
    first, second = upstream.queries
    assert first.options == () and not first.ednsflags & dns.flags.DO
    assert first.flags & dns.flags.RD and first.payload == 1232
    assert second.ednsflags & dns.flags.DO and second.flags & dns.flags.CD


def test_an_upstream_over_tcp_keeps_its_connection(upstream: Zone) -> None:
    with sinking(policy(at(upstream, "tcp://"))) as sunk:
        for number in range(5):
            assert rcode(sunk.ask(f"{number}.example")) == "NXDOMAIN"
    assert upstream.connections == 1
    assert {transport for _, _, transport in upstream.asked} == {"tcp"}


# DNS over TLS -------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> LabCA:
    return LabCA(tmp_path)


@pytest.fixture
def secure(authority: LabCA) -> Iterator[Zone]:
    """DNS over TLS, with a certificate for dns.example and 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("dns.example", ("127.0.0.1",)))
    with zone("a.example A 192.0.2.1").serving(context) as made:
        yield made


@pytest.mark.parametrize("name", ["#dns.example", ""])
def test_over_tls(authority: LabCA, secure: Zone, name: str) -> None:
    trusted = Upstream(trusted_ca=str(authority.certificate))
    with sinking(policy(at(secure, "tls://", name), upstream=trusted)) as sunk:
        assert texts(sunk.ask("a.example")) == ["192.0.2.1"]
        assert rcode(sunk.ask("b.example")) == "NXDOMAIN"
    assert secure.connections == 1
    assert {transport for _, _, transport in secure.asked} == {"tls"}
    lengths = {len(query.to_wire()) for query in secure.queries}
    assert len(secure.queries) == 2 and all(
        any(option.otype == dns.edns.OptionType.PADDING for option in query.options)
        for query in secure.queries
    ), lengths


@pytest.mark.parametrize(
    ("name", "trusts", "problem"),
    [
        ("#other.example", True, "Hostname mismatch"),
        ("#dns.example", False, "unable to get local issuer certificate"),
    ],
)
def test_a_certificate_that_is_not_right_is_not_spoken_to(
    authority: LabCA, secure: Zone, name: str, trusts: bool, problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    trusted = Upstream(trusted_ca=str(authority.certificate) if trusts else None)
    with sinking(policy(at(secure, "tls://", name), upstream=trusted)) as sunk:
        assert rcode(sunk.ask("a.example")) == "SERVFAIL"
    assert secure.asked == []
    assert "its certificate is refused" in caplog.text and problem in caplog.text


def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    authority: LabCA, secure: Zone
) -> None:
    trusted = Upstream(trusted_ca=str(authority.certificate))
    with sinking(policy(at(secure, "tls://"), upstream=trusted)) as sunk:
        assert texts(sunk.ask("a.example")) == ["192.0.2.1"]
        secure.handler = lambda query, transport: (  # the second query finds the line dead
            None if len(secure.asked) == 2 else secure.answer(query)
        )
        assert rcode(sunk.ask("b.example")) == "NXDOMAIN"
    assert secure.connections == 2


def test_an_authority_that_is_no_certificate(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing\n")
    of = policy("tls://127.0.0.1", upstream=Upstream(trusted_ca=str(file)))
    with pytest.raises(StartError, match=r"upstream\.trusted_ca cannot be used"):
        NameServer(of, lambda records: None)


# Whom it answers ----------------------------------------------------------------------------------


def test_others_than_clients_are_not_answered(
    upstream: Zone, caplog: pytest.LogCaptureFixture
) -> None:
    only = (ipaddress.ip_network("127.0.0.2/32"),)
    with sinking(policy(at(upstream), clients=only)) as sunk:
        query = dns.message.make_query("a.example", "A")
        with pytest.raises(dns.exception.Timeout):
            dns.query.udp(query, "127.0.0.1", port=sunk.port, timeout=0.3)
        with pytest.raises((EOFError, OSError)):
            dns.query.tcp(query, "127.0.0.1", port=sunk.port, timeout=60)
        allowed = dns.query.udp(query, "127.0.0.1", 60, sunk.port, source="127.0.0.2")
        assert texts(allowed) == ["192.0.2.1"]
    assert "others than sinkhole.clients" in caplog.text


def test_the_clients_of_the_firewall_are_answered(upstream: Zone) -> None:
    """Their addresses may be public ones, as IPv6's are."""
    nobody = policy(at(upstream), clients=(ipaddress.ip_network("192.0.2.0/24"),))
    held = (ipaddress.ip_network("2001:db8::/32"), ipaddress.ip_network("127.0.0.2/32"))
    query = dns.message.make_query("a.example", "A")
    with sinking(nobody, held=lambda: held) as sunk:
        allowed = dns.query.udp(query, "127.0.0.1", 60, sunk.port, source="127.0.0.2")
        assert texts(allowed) == ["192.0.2.1"]
        with pytest.raises(dns.exception.Timeout):
            dns.query.udp(query, "127.0.0.1", port=sunk.port, timeout=0.3)
    assert [name for name, _, _ in upstream.asked] == ["a.example"]


@pytest.mark.parametrize(
    ("client", "answered"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("172.31.0.1", True), ("192.168.1.1", True),
        ("100.64.0.1", True), ("169.254.0.1", True), ("::1", True), ("fd00::1", True),
        ("fe80::1%eth0", True), ("::ffff:10.0.0.1", True), ("192.0.2.1", False),
        ("8.8.8.8", False), ("172.32.0.1", False), ("100.128.0.1", False),
        ("2001:db8::1", False), ("::ffff:8.8.8.8", False), ("0.0.0.0", False), ("::", False),
    ],
)  # fmt: skip
def test_the_default_is_no_open_resolver(client: str, answered: bool) -> None:
    server = NameServer(policy("127.0.0.1:9", listen=()), lambda records: None)
    assert server._admits(client) == answered


def test_a_client_that_asks_too_much_is_dropped(
    upstream: Zone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nameserver, "_RATE", 0.001)
    monkeypatch.setattr(nameserver, "_BURST", 5.0)
    with sinking(policy(at(upstream))) as sunk:
        for _ in range(5):
            assert texts(sunk.ask("a.example")) == ["192.0.2.1"]
        query = dns.message.make_query("a.example", "A")
        with pytest.raises(dns.exception.Timeout):
            dns.query.udp(query, "127.0.0.1", port=sunk.port, timeout=0.3)
        other = dns.query.udp(query, "127.0.0.1", 60, sunk.port, source="127.0.0.2")
        assert texts(other) == ["192.0.2.1"]
    assert "a second of a client" in caplog.text


def test_too_many_questions_at_once_are_refused(
    upstream: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarding, "MOST_AT_ONCE", 5)
    free = threading.Event()
    upstream.handler = lambda query, transport: (free.wait(60), upstream.answer(query))[1]
    with sinking(policy(at(upstream))) as sunk, ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(sunk.ask, f"{number}.example") for number in range(20)]
        assert eventually(lambda: sum(one.done() for one in asked) == 15)
        free.set()
        done = [rcode(one.result()) for one in asked]
    assert sorted(done) == ["NXDOMAIN"] * 5 + ["SERVFAIL"] * 15


# TCP ----------------------------------------------------------------------------------------------


def framed(name: str, rdtype: str = "A") -> bytes:
    wire = dns.message.make_query(name, rdtype).to_wire()
    return struct.pack("!H", len(wire)) + wire


def read_one(stream: socket.socket) -> dns.message.Message:
    head = stream.recv(2, socket.MSG_WAITALL)
    return dns.message.from_wire(stream.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL))


def connect(sunk: Sunk) -> socket.socket:
    return socket.create_connection(("127.0.0.1", sunk.port), timeout=60)


def test_queries_in_a_row_on_one_connection(sunk: Sunk) -> None:
    names = [f"{number}.example" for number in range(50)]
    with connect(sunk) as stream:
        stream.sendall(b"".join(map(framed, names)))
        stream.shutdown(socket.SHUT_WR)
        answered = {read_one(stream).question[0].name.to_text(True) for _ in names}
        assert answered == set(names)
        assert stream.recv(1) == b"", "and then it is over"


def test_a_query_in_single_bytes(sunk: Sunk) -> None:
    with connect(sunk) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed("stun.a.example"):
            stream.sendall(bytes([byte]))
        assert rcode(read_one(stream)) == "NXDOMAIN"


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x00\x40half", b"\xff\xff" + b"x" * 100])
def test_a_sender_who_never_ends_is_hung_up_on(
    upstream: Zone, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nameserver, "_IDLE", 0.1)
    with sinking(policy(at(upstream))) as sunk, connect(sunk) as stream:
        stream.sendall(sent)
        assert stream.recv(1) == b""
        assert texts(sunk.ask("a.example", tcp=True)) == ["192.0.2.1"]


def test_what_is_no_query_is_answered_or_left_alone(sunk: Sunk) -> None:
    with connect(sunk) as stream:
        stream.sendall(b"\x00\x00")  # no query at all
        stream.sendall(b"\x00\x05short")
        stream.sendall(struct.pack("!H", 13) + b"\x12\x34\x01\x00\x00\x01" + bytes(7))
        broken = read_one(stream)
        assert (broken.id, rcode(broken)) == (0x1234, "FORMERR")
        stream.sendall(framed("a.example"))
        assert texts(read_one(stream)) == ["192.0.2.1"]


def test_one_client_cannot_take_all_connections(
    upstream: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nameserver, "_MOST_OF_ONE", 3)
    with sinking(policy(at(upstream))) as sunk, contextlib.ExitStack() as stack:
        held = [stack.enter_context(connect(sunk)) for _ in range(3)]
        for stream in held:
            stream.sendall(framed("a.example"))
            read_one(stream)
        with connect(sunk) as refused:
            assert refused.recv(1) == b""
        other = dns.query.tcp(
            dns.message.make_query("a.example", "A"), "127.0.0.1", 5, sunk.port, source="127.0.0.2"
        )
        assert texts(other) == ["192.0.2.1"]
        held[0].close()
        assert eventually(lambda: _is_answered(sunk))


def _is_answered(sunk: Sunk) -> bool:
    with connect(sunk) as stream, contextlib.suppress(OSError, struct.error):
        stream.sendall(framed("a.example"))
        return texts(read_one(stream)) == ["192.0.2.1"]
    return False


# Faults -------------------------------------------------------------------------------------------


def test_ten_thousand_datagrams_of_noise(
    upstream: Zone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nameserver, "_BURST", 1e6)
    with sinking(policy(at(upstream))) as sunk:
        _make_noise(sunk)
        assert texts(sunk.ask("a.example", tcp=True)) == ["192.0.2.1"]
    assert len(sunk.records) > 2000, "most were queries, and most arrived"
    assert "Traceback" not in caplog.text and "could not be judged" not in caplog.text


def _make_noise(sunk: Sunk) -> None:
    chance = random.Random(2)
    good = dns.message.make_query("stun.a.example", "A", use_edns=0).to_wire()
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", sunk.port))
        sender.setblocking(False)
        for number in range(10_000):
            wire = bytearray(good if number % 2 else chance.randbytes(chance.randrange(60)))
            for _ in range(chance.randrange(4)):
                if wire:
                    wire[chance.randrange(len(wire))] ^= chance.randrange(256)
            with contextlib.suppress(BlockingIOError):
                sender.send(wire)
            if number % 200 == 0:
                sunk.ask("a.example", tcp=True)  # so that most arrive


def test_a_fault_is_a_failure_and_never_a_pass(
    sunk: Sunk, upstream: Zone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(sinkhole, "judge", broken)
    with caplog.at_level(logging.WARNING):
        for tcp in (False, True):
            query = dns.message.make_query("a.example", "A")
            ask = dns.query.tcp if tcp else dns.query.udp
            with contextlib.suppress(dns.query.BadResponse):  # it has no question
                assert rcode(ask(query, "127.0.0.1", 5, sunk.port)) == "SERVFAIL"
    assert upstream.asked == []
    assert "a fault" in caplog.text


@pytest.mark.parametrize(
    ("listen", "problem"),
    [
        (("192.0.2.77", 5353), "cannot bind udp 192.0.2.77:5353: Cannot assign requested address; "
         "no interface has this address"),
        (("a..b", 53), "cannot bind udp a..b:53"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_bound(listen: tuple[str, int], problem: str) -> None:
    of = Policy(Config(sinkhole=Sinkhole(listen=(listen,))))
    with pytest.raises(StartError) as raised:
        NameServer(of, lambda records: None)
    assert str(raised.value).startswith(f"sinkhole.listen: {problem}")
    assert "\n" not in str(raised.value)


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        of = Policy(Config(sinkhole=Sinkhole(listen=(("127.0.0.1", port),))))
        with pytest.raises(StartError, match=rf"cannot bind tcp 127\.0\.0\.1:{port}: Address alr"):
            NameServer(of, lambda records: None)
    again = NameServer(of, lambda records: None)
    again.close()

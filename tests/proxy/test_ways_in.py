"""Transparent, tun and WireGuard: a client that knows nothing of rtcguard, its gateway, far sides.

Nothing of a refused flow reaches the far side, by IPv4 or IPv6, whatever stands in front of it.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from aioice.turn import TurnClientUdpProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated

from rtcguard.network import stun
from tests.lab.ca import LabCA
from tests.lab.net import (
    APPROVED_TURN,
    CLIENT,
    CLIENT_PUBLIC,
    GATEWAY,
    GATEWAY_WAN,
    PEER,
    SITE,
    SITE_NAME,
    Lab,
)
from tests.lab.servers import PORT
from tests.process import Running
from tests.proxy.far_sides import (
    coturn,
    inside,
    read,
    read_until,
)
from tests.proxy.test_turn import (
    ALLOCATE,
    BINDING,
    CLASSIC,
    allocate,
    assert_refused,
    recorded,
    relay,
)
from tests.proxy.ways_in import WAYS_IN, far_http, far_tcp, far_udp, tcp, udp

BANK = 8443  # a port of the site at which its TLS is not opened
TURN_NAME = "turn.lab.test"  # nothing resolves it: it is known by its certificate
SITE4, SITE6 = SITE.addresses
both = pytest.mark.parametrize("to", [SITE4, SITE6], ids=["IPv4", "IPv6"])


@dataclass
class Taken:
    """A client that is taken over, and the authority that servers' certificates are from."""

    lab: Lab
    run: Running
    ca: LabCA

    def tcp(self, host: str, port: int) -> socket.socket:
        return tcp(self.lab, host, port)

    def udp(self, host: str, port: int) -> socket.socket:
        return udp(self.lab, host, port)

    def trusting(self) -> ssl.SSLContext:
        """What a client is told to trust."""
        return ssl.create_default_context(cafile=self.run.state / "ca" / "mitmproxy-ca-cert.pem")

    def certified(self, *names: str) -> ssl.SSLContext:
        """A server's side of TLS."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*self.ca.issue(names[0], names[1:]))
        return tls


@pytest.fixture(scope="module")
def config_and_ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, LabCA]:
    ca = LabCA(tmp_path_factory.mktemp("ca"))
    urls = [f"turn:{APPROVED_TURN.v4}?transport={over}" for over in ("udp", "tcp")]
    config = relay(*urls, f"turns:{TURN_NAME}:5349")
    config += f"upstream: {{trusted_ca: {ca.certificate}}}\n"
    match = f"{{site: {SITE_NAME}, port: {BANK}}}"
    return config + f"rules: [{{name: bank, match: {match}, action: pass}}]\n", ca


def test_without_rtcguard_all_of_it_arrives(lab: Lab) -> None:
    """The control: the far side gets the client's own addresses."""
    for host, own in ((SITE4, CLIENT_PUBLIC), (SITE6, CLIENT.v6)):
        with far_udp(lab, host) as far, udp(lab, host, far.port) as client:
            client.send(BINDING)
            assert client.recv(2000) == BINDING
            assert (far.received, far.peers) == ([BINDING], [own])
        with far_tcp(lab, host) as heard, tcp(lab, host, heard.port) as client:
            client.sendall(BINDING)
            assert read(client, len(BINDING)) == BINDING
            assert heard.peers == [own]


@pytest.fixture(scope="module", params=WAYS_IN)
def taken(
    request: pytest.FixtureRequest,
    lab: Lab,
    config_and_ca: tuple[str, LabCA],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Taken]:
    config, ca = config_and_ca
    with WAYS_IN[request.param](lab, tmp_path_factory.mktemp("guard"), config) as run:
        yield Taken(lab, run, ca)


# mitmproxy's transparent mode takes TCP only; the gateway's firewall sees to the rest there.
by_udp = pytest.mark.parametrize("taken", ["tun", "wireguard"], indirect=True, scope="module")


def shown(host: str, port: int) -> str:
    """As the ledger has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def own_of(host: str) -> str:
    return GATEWAY_WAN.v6 if ":" in host else GATEWAY_WAN.v4


# TCP -------------------------------------------------------------------------------------------


@both
def test_a_page_gets_the_guard(taken: Taken, to: str) -> None:
    with far_http(taken.lab, to) as origin:
        origin.put("/", "<!DOCTYPE html><title>t</title>hello")
        with taken.tcp(to, origin.port) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {SITE_NAME}\r\n\r\n".encode())
            page = b""
            while more := client.recv(65536):
                page += more
    assert b"<script" in page and b"RTCPeerConnection" in page and b"hello" in page
    assert len(origin.asked) == 1


@both
@pytest.mark.parametrize("alpn", [["http/1.1"], []], ids=["ALPN", "no ALPN"])
def test_a_page_over_tls_by_its_name(taken: Taken, to: str, alpn: list[str]) -> None:
    """Without ALPN nothing tells that it is HTTP, and its server is connected to afterwards."""
    theirs, ours = taken.certified(SITE_NAME), taken.trusting()
    for tls in (theirs, ours):
        if alpn:
            tls.set_alpn_protocols(alpn)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"
    with (
        far_tcp(taken.lab, to, tls=theirs, page=answer) as far,
        taken.tcp(to, far.port) as plain,
        ours.wrap_socket(plain, server_hostname=SITE_NAME) as client,
    ):
        assert client.selected_alpn_protocol() == (alpn[0] if alpn else None)
        client.sendall(f"GET / HTTP/1.1\r\nHost: {SITE_NAME}\r\n\r\n".encode())
        assert b"RTCPeerConnection" in read_until(client, b"hello")
    assert far.peers == [own_of(to)]


@both
def test_a_server_that_speaks_first(taken: Taken, to: str) -> None:
    with (
        far_tcp(taken.lab, to, greeting=b"220 mail.example\r\n") as far,
        taken.tcp(to, far.port) as client,
    ):
        assert read_until(client, b"\n") == b"220 mail.example\r\n"
        client.sendall(b"EHLO a\r\n")
        assert read_until(client, b"\n") == b"EHLO a\r\n"
        client.sendall(ALLOCATE)
        assert_refused(client, ALLOCATE)
    assert (bytes(far.received), far.peers) == (b"EHLO a\r\n", [own_of(to)])


def test_a_server_that_speaks_first_over_tls(taken: Taken) -> None:
    with (
        far_tcp(taken.lab, SITE4, 0, b"* OK IMAP\r\n", taken.certified(SITE_NAME)) as far,
        taken.tcp(SITE4, far.port) as plain,
        taken.trusting().wrap_socket(plain, server_hostname=SITE_NAME) as client,
    ):
        assert read_until(client, b"\n") == b"* OK IMAP\r\n"
        client.sendall(b"a LOGIN\r\n")
        assert read_until(client, b"\n") == b"a LOGIN\r\n"
        client.sendall(ALLOCATE)
        assert_refused(client, ALLOCATE)
    assert far.received == b"a LOGIN\r\n"


@both
@pytest.mark.parametrize("port", [53, 443, 3478])
def test_stun_over_tcp(taken: Taken, to: str, port: int) -> None:
    with far_tcp(taken.lab, to, port) as far:
        with taken.tcp(to, port) as client:
            client.sendall(ALLOCATE)
            assert_refused(client, ALLOCATE)
        with taken.tcp(to, port) as client:  # RFC 4571, as ICE over TCP has it
            client.sendall(len(BINDING).to_bytes(2) + BINDING)
            answer = stun.parse(read(client, int.from_bytes(read(client, 2))))
            assert answer.message_class == stun.ERROR
    assert far.connections == 0
    destination = shown(to, port)
    assert recorded(taken.run.state, destination)


def test_turn_over_tcp_to_an_approved_server(taken: Taken, tmp_path: Path) -> None:
    host = APPROVED_TURN.v4
    with coturn(tmp_path / "turn", namespace=taken.lab.internet, host=host) as port:
        relayed = asyncio.run(allocate(taken.tcp(host, port)))
        assert relayed[0] == host


@both
def test_turns_to_another_server_is_not_connected_to(taken: Taken, to: str) -> None:
    tls = taken.certified(SITE_NAME)
    with far_tcp(taken.lab, to, tls=tls) as far:
        with (
            taken.tcp(to, far.port) as plain,
            taken.trusting().wrap_socket(plain, server_hostname=SITE_NAME) as client,
        ):
            client.sendall(ALLOCATE)
            assert_refused(client, ALLOCATE)
        assert far.connections == 0
    destination = shown(to, far.port)
    (event,) = recorded(taken.run.state, destination)
    assert (event["name"], event["action"]) == (SITE_NAME, "refused")


def test_turns_to_an_approved_name(taken: Taken, tmp_path: Path) -> None:
    """The name is the client's word; what proves it is the certificate of whoever is there."""
    certificate, key = taken.ca.issue(TURN_NAME, ())
    options = ["--tls-listening-port=5349", f"--cert={certificate}", f"--pkey={key}"]
    host = APPROVED_TURN.v4
    with coturn(tmp_path / "turn", *options, namespace=taken.lab.internet, host=host):
        tls = taken.trusting()
        relayed = asyncio.run(allocate(taken.tcp(host, 5349), tls, TURN_NAME))
        assert relayed[0] == host


def test_an_approved_name_at_another_server(taken: Taken) -> None:
    with (
        far_tcp(taken.lab, SITE4, 5349, tls=taken.certified(SITE_NAME)) as far,
        taken.tcp(SITE4, 5349) as plain,
        taken.trusting().wrap_socket(plain, server_hostname=TURN_NAME) as client,
    ):
        client.sendall(ALLOCATE)
        assert client.recv(1) == b""
    assert far.received == b""


# UDP -------------------------------------------------------------------------------------------


@by_udp
@both
@pytest.mark.parametrize("port", [53, 443, 3478])
@pytest.mark.parametrize(
    "request_", [BINDING, ALLOCATE, CLASSIC], ids=["Binding", "Allocate", "3489"]
)
def test_stun_over_udp(taken: Taken, to: str, port: int, request_: bytes) -> None:
    with far_udp(taken.lab, to, port) as far, taken.udp(to, port) as client:
        client.send(request_)
        answer = stun.parse(client.recv(2000))
        assert answer.message_class == stun.ERROR
        assert answer.transaction_id == stun.parse(request_).transaction_id
    assert far.received == []
    destination = shown(to, port)
    events = recorded(taken.run.state, destination)
    assert {event["action"] for event in events} == {"refused"}


@by_udp
@both
def test_stun_after_something_else(taken: Taken, to: str) -> None:
    with far_udp(taken.lab, to) as far, taken.udp(to, far.port) as client:
        client.send(b"\x16\xfe\xff" + bytes(30))
        client.send(BINDING)
        assert stun.parse(client.recv(2000)).message_class == stun.ERROR
        client.send(os.urandom(100))
        client.send(ALLOCATE)
        assert stun.parse(client.recv(2000)).method == stun.ALLOCATE
    assert far.received == []
    destination = shown(to, far.port)
    events = {event["kind"]: event for event in recorded(taken.run.state, destination)}
    assert events["udp"]["rule"] == "default:udp" and events["udp"]["action"] == "blocked"
    assert events["udp"]["reason"].startswith("DTLS")
    assert events["stun"]["action"] == "refused"


@by_udp
def test_turn_over_udp_to_an_approved_server(taken: Taken, tmp_path: Path) -> None:
    host = APPROVED_TURN.v4

    async def relayed() -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        client = taken.udp(host, PORT)
        client.setblocking(False)
        transport, turn = await loop.create_datagram_endpoint(
            lambda: TurnClientUdpProtocol((host, PORT), "u", "p", 600, 500), sock=client
        )
        try:
            made: tuple[str, int] = await asyncio.wait_for(turn.connect(), 60)
            await turn.delete()
        finally:
            transport.abort()
            await asyncio.sleep(0)
        return made

    with coturn(tmp_path / "turn", namespace=taken.lab.internet, host=host):
        assert asyncio.run(relayed())[0] == host
    assert any(event["action"] == "kept" for event in recorded(taken.run.state, f"{host}:{PORT}"))


@both
def test_tls_that_passes(taken: Taken, to: str) -> None:
    """Only the address and the name in TLS are known; the first has to be one of the second's."""
    own = ssl.create_default_context(cafile=taken.ca.certificate)
    tls = taken.certified(SITE_NAME)
    with (
        far_tcp(taken.lab, to, BANK, b"own", tls),
        taken.tcp(to, BANK) as plain,
        own.wrap_socket(plain, server_hostname=SITE_NAME) as client,
    ):
        assert read(client, 3) == b"own"
    other = PEER.v6 if ":" in to else PEER.v4
    with (
        far_tcp(taken.lab, other, BANK, b"own", tls),
        taken.tcp(other, BANK) as plain,
        taken.trusting().wrap_socket(plain, server_hostname=SITE_NAME) as client,
    ):
        assert read(client, 3) == b"own"
    (kept,) = recorded(taken.run.state, shown(to, BANK))
    (refused,) = recorded(taken.run.state, shown(other, BANK))
    assert (kept["action"], kept["rule"], refused["action"]) == ("kept", "bank", "refused")
    assert f"{other} is not an address of {SITE_NAME}" in refused["reason"]
    held = "ring 3 still judges" in kept["reason"]
    assert held == any("tunnel" in line for line in taken.run.lines), kept["reason"]


@by_udp
@both
def test_names_are_still_resolved(taken: Taken, to: str) -> None:
    query = dns.message.make_query("a.example", "A")
    answer = dns.message.make_response(query)
    answer.answer.append(dns.rrset.from_text("a.example.", 60, "IN", "A", "192.0.2.7"))
    with inside(taken.lab.internet):
        server = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((to, 53))

    def resolve() -> None:
        _, peer = server.recvfrom(2000)
        server.sendto(answer.to_wire(), peer)

    with server, taken.udp(to, 53) as client:
        thread = threading.Thread(target=resolve)
        thread.start()
        client.send(query.to_wire())
        got = dns.message.from_wire(client.recv(2000))
        thread.join(60)
        assert [str(one) for one in got.answer[0]] == ["192.0.2.7"]
        client.send(BINDING)  # on the same flow
        assert stun.parse(client.recv(2000)).message_class == stun.ERROR
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(2000)


@by_udp
@both
def test_quic_is_given_up_at_once(taken: Taken, to: str) -> None:
    with far_udp(taken.lab, to, 443) as far, taken.udp(to, 443) as client:
        quic = QuicConnection(configuration=QuicConfiguration(server_name=SITE_NAME))
        quic.connect((to, 443), now=0.0)
        for datagram, _ in quic.datagrams_to_send(now=0.0):
            client.send(datagram)
        quic.receive_datagram(client.recv(2000), (to, 443), now=0.1)
        event = quic.next_event()
        assert isinstance(event, ConnectionTerminated), event
        assert "version" in event.reason_phrase
    assert far.received == []


# Transparent mode alone ------------------------------------------------------------------------

redirected = pytest.mark.parametrize("taken", ["transparent"], indirect=True, scope="module")


@redirected
@pytest.mark.parametrize("host", [*GATEWAY.addresses, "127.0.0.1", "::1"])
def test_a_connection_to_the_proxy_itself_is_ended(taken: Taken, host: str) -> None:
    """Going where it was sent, it would come back for ever."""
    with inside(taken.lab.gateway):
        client = socket.create_connection((host, taken.run.port), timeout=60)
    with client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""

"""The firewall against real packets, between namespaces, IPv4 and IPv6.

Every row of what must not pass has its control: the same packet without the firewall arrives.
"""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from tests.lab.net import CLIENT
from tests.network.wires import (
    CLASSIC,
    STUN,
    Arrived,
    Wires,
    destination,
    stun_server,
    within,
)

FAMILIES = [4, 6]


# What a client sends to somebody, as a function of the wires and the family of IP.
Send = Callable[[Wires, int], None]


def datagram(payload: bytes, port: int) -> Send:
    def send(wires: Wires, family: int) -> None:
        with wires.udp("client", family) as client:
            client.sendto(payload, (stun_server(family), port))

    return send


def after(first: bytes, then: bytes, port: int) -> Send:
    """Two datagrams of one flow."""

    def send(wires: Wires, family: int) -> None:
        with wires.udp("client", family) as client:
            client.sendto(first, (stun_server(family), port))
            client.sendto(then, (stun_server(family), port))

    return send


def with_options(payload: bytes) -> Send:
    """IPv4 options, or IPv6 hop-by-hop and destination options, before the transport's header."""

    def send(wires: Wires, family: int) -> None:
        with wires.udp("client", family) as client:
            if family == 4:
                client.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01" * 8)
            else:
                padding = bytes([0, 0, 1, 4, 0, 0, 0, 0])
                client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, padding)
                client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, padding)
            client.sendto(payload, (stun_server(family), 3478))

    return send


def transport(number: int) -> Send:
    """A packet of another transport; what is in it begins as UDP does."""

    def send(wires: Wires, family: int) -> None:
        kind = socket.AF_INET if family == 4 else socket.AF_INET6

        def make() -> socket.socket:
            return socket.socket(kind, socket.SOCK_RAW, number)

        with within(wires.lab.client, make) as client:
            header = struct.pack("!HHHH", 5000, 3478, 8 + len(STUN), 0)
            client.sendto(header + STUN, (stun_server(family), 0))

    return send


def fragments(payload: bytes) -> Send:
    """One datagram in pieces of eight bytes: the first holds the transport's header alone."""

    def send(wires: Wires, family: int) -> None:
        datagram = struct.pack("!HHHH", 5000, 3478, 8 + len(payload), 0) + payload
        pieces = [datagram[at : at + 8] for at in range(0, len(datagram), 8)]
        kind = socket.AF_INET if family == 4 else socket.AF_INET6

        def make() -> socket.socket:
            made = socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)
            if family == 6:
                made.setsockopt(socket.IPPROTO_IPV6, 36, 1)  # IPV6_HDRINCL
            return made

        source = socket.inet_pton(kind, CLIENT.v4 if family == 4 else CLIENT.v6)
        target = socket.inet_pton(kind, stun_server(family))
        with within(wires.lab.client, make) as client:
            for index, piece in enumerate(pieces):
                more = index < len(pieces) - 1
                if family == 4:
                    flags = index | (0x2000 if more else 0)
                    head = struct.pack(
                        "!BBHHHBBH4s4s",
                        0x45,
                        0,
                        20 + len(piece),
                        77,
                        flags,
                        64,
                        17,
                        0,
                        source,
                        target,
                    )
                else:
                    length = 8 + len(piece)
                    head = struct.pack("!IHBB16s16s", 6 << 28, length, 44, 64, source, target)
                    head += struct.pack("!BBHI", 17, 0, index << 3 | more, 77)
                client.sendto(head + piece, (stun_server(family), 0))

    return send


def closed_port(wires: Wires, family: int) -> None:
    """ICMP's "port unreachable", as the kernel sends it about an answer that comes too late."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    number = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6

    def make() -> socket.socket:
        return socket.socket(kind, socket.SOCK_RAW, number)

    if family == 4:  # about a packet of zeros
        error = struct.pack("!BBHI", 3, 3, 0xFFFF - 0x0303, 0) + bytes(28)
    else:  # the kernel makes the checksum, and looks at what it is about
        sides = [socket.inet_pton(kind, host) for host in (stun_server(6), CLIENT.v6)]
        about = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + b"".join(sides) + bytes(8)
        error = b"\1\4" + bytes(6) + about
    with within(wires.lab.client, make) as client:
        client.sendto(error, (stun_server(family), 0))


def payloads(arrived: list[Arrived]) -> list[bytes]:
    return [packet.payload for packet in arrived]


FORBIDDEN: dict[str, tuple[Send, str]] = {
    "STUN": (datagram(STUN, 3478), "stun"),
    "STUN on port 19302": (datagram(STUN, 19302), "stun"),
    "STUN on port 53": (datagram(STUN, 53), "stun"),
    "STUN on port 443": (datagram(STUN, 443), "stun"),
    "STUN on port 5353": (datagram(STUN, 5353), "stun"),
    "STUN behind options": (with_options(STUN), "stun"),
    "STUN in fragments": (fragments(STUN), "stun"),
    "STUN after something else": (after(b"\x16\xfe\xfd first", STUN, 40000), "stun"),
    "STUN after DNS": (after(b"\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", STUN, 53), "stun"),
    "classic STUN": (datagram(CLASSIC, 3478), "other_udp"),
    "DTLS": (datagram(b"\x16\xfe\xfd" + bytes(40), 40000), "other_udp"),
    "one byte": (datagram(b"x", 40000), "other_udp"),
    "nothing": (datagram(b"", 40000), "other_udp"),
    "other UDP behind options": (with_options(b"other"), "other_udp"),
    "other UDP in fragments": (fragments(b"other that is longer"), "other_udp"),
    "QUIC": (datagram(b"\xc0\0\0\0\1" + bytes(1200), 443), "quic"),
    "DNS": (datagram(b"\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", 53), "dns_refused"),
    "multicast DNS": (datagram(b"query", 5353), "mdns"),
    "LLMNR": (datagram(b"query", 5355), "mdns"),
    "SCTP": (transport(132), "other_transport"),
    "DCCP": (transport(33), "other_transport"),
    "UDP-Lite": (transport(136), "other_transport"),
    "GRE": (transport(47), "other_transport"),
    "IPv6 in IP": (transport(41), "other_transport"),
    "ICMP errors": (closed_port, "errors"),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_without_the_firewall_it_arrives(wires: Wires, name: str, family: int) -> None:
    send, _ = FORBIDDEN[name]
    assert wires.arrived(lambda: send(wires, family), family)


@pytest.fixture(scope="module")
def closed(wires: Wires) -> Iterator[Wires]:
    """The firewall is up, and a responder listens."""
    with wires.responder(4) as four, wires.responder(6) as six, wires.firewall():
        wires.responders = {4: four, 6: six}
        yield wires


@contextlib.contextmanager
def counted(wires: Wires, name: str) -> Iterator[None]:
    before = wires.counts()[name].packets
    yield
    assert wires.counts()[name].packets > before


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_nothing_of_it_leaves(closed: Wires, name: str, family: int) -> None:
    send, counter = FORBIDDEN[name]
    with counted(closed, counter):
        assert not closed.arrived(lambda: send(closed, family), family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("port", [53, 443, 19302])
def test_the_responder_answers_in_the_name_of_the_server(
    closed: Wires, family: int, port: int
) -> None:
    to = (stun_server(family), port)
    request = STUN[:8] + struct.pack("!4xII", family, port)  # no other test's
    with closed.udp("client", family) as client:
        client.connect(to)
        client.send(request)
        packet = b""
        while packet != request:
            packet, ancillary, _, source = closed.responders[family].recvmsg(2000, 200)
        assert destination(ancillary) == to

        with closed.voice(family, to) as voice:
            voice.sendto(b"\1\1" + STUN[2:], source)
        assert client.recv(2000) == b"\1\1" + STUN[2:]

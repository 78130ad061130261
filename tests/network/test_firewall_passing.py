"""What the firewall lets pass, leads elsewhere or refuses with an answer; TCP most of all."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from rtcguard.policy.model import Sinkhole
from tests.lab.net import CLIENT, GATEWAY, GATEWAY_WAN
from tests.network.wires import STUN, Wires, config, destination, site, stun_server, turn, within

FAMILIES = [4, 6]
DNS = b"\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"


def original(connection: socket.socket, family: int) -> tuple[str, int]:
    """Where a led connection was meant to go: SO_ORIGINAL_DST."""
    if family == 4:
        data = connection.getsockopt(socket.SOL_IP, 80, 16)
        return socket.inet_ntop(socket.AF_INET, data[4:8]), int.from_bytes(data[2:4], "big")
    data = connection.getsockopt(socket.IPPROTO_IPV6, 80, 28)
    return socket.inet_ntop(socket.AF_INET6, data[8:24]), int.from_bytes(data[2:4], "big")


def accepts(listener: socket.socket) -> bool:
    """Whether somebody has come; who comes has come before its `connect` returned."""
    listener.settimeout(0)
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def is_reset(connection: socket.socket) -> bool:
    """Whether it ends by a reset, and not in peace."""
    try:
        while connection.recv(100):
            pass
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize("family", FAMILIES)
def test_quic_is_refused_at_once(wires: Wires, family: int) -> None:
    with wires.firewall(), wires.udp("client", family) as client:
        client.connect((site(family), 443))
        client.send(b"\xc0" + bytes(1200))
        with pytest.raises(ConnectionRefusedError):
            client.recv(100)


@pytest.mark.parametrize("family", FAMILIES)
def test_ping_passes(wires: Wires, family: int) -> None:
    def make() -> socket.socket:
        if family == 4:
            return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        return socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)

    with wires.firewall(), within(wires.lab.client, make) as client:
        client.settimeout(60)
        kind, answer = (8, 0) if family == 4 else (128, 129)
        checksum = 0xFFFF - (kind << 8)  # the kernel makes that of IPv6
        client.sendto(struct.pack("!BBHI", kind, 0, checksum, 0), (site(family), 0))
        while True:
            reply, (source, *_) = client.recvfrom(100)
            if source == site(family):
                assert reply[20 if family == 4 else 0] == answer
                break


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("transparent", ["true", "false"])
def test_approved_turn_passes_by_both_transports(
    wires: Wires, family: int, transparent: str
) -> None:
    with (
        wires.firewall(config(f"transparent: {transparent}")),
        wires.listen("gateway", family, 8082),
        wires.listen("internet", family, 3478, turn(family)) as listener,
        wires.connect("client", turn(family), 3478) as client,
    ):
        client.sendall(STUN)
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(60)
            assert accepted.recv(100) == STUN
        with wires.udp("client", family) as sender:
            send = lambda: sender.sendto(STUN, (turn(family), 3478))  # noqa: E731
            arrived = wires.arrived(send, family)  # TCP's acknowledgement may be among it
            assert [p.payload for p in arrived if p.protocol == socket.IPPROTO_UDP] == [STUN]
        with wires.udp("client", family) as sender:  # another port of the same machine
            send = lambda: sender.sendto(STUN, (turn(family), 3479))  # noqa: E731
            arrived = wires.arrived(send, family)
            assert not [p for p in arrived if p.protocol == socket.IPPROTO_UDP]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("port", [80, 3478, 5349, 22])
def test_tcp_is_led_to_the_proxy(wires: Wires, family: int, port: int) -> None:
    to = (site(family), port)
    with (
        wires.listen("internet", family, port) as far,
        wires.listen("gateway", family, 8082) as proxy,
    ):
        with wires.connect("client", *to):
            assert accepts(far)  # the control
        with (
            wires.firewall(config("transparent: true")),
            wires.connect("client", *to),
        ):
            accepted, _ = proxy.accept()
            with accepted:
                assert original(accepted, family) == to
            assert not accepts(far)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", ["the client", "the server"])
@pytest.mark.parametrize("transparent", ["true", "false"])
def test_a_connection_older_than_the_rules(
    wires: Wires, family: int, first: str, transparent: str
) -> None:
    """It ends with the client's next words, even if the server speaks in between."""
    far = wires.listen("internet", family, 3478)
    with far, wires.connect("client", site(family), 3478) as client:
        accepted, _ = far.accept()
        with accepted, wires.firewall(config(f"transparent: {transparent}")):
            if first == "the server":
                accepted.sendall(b"hello")
            reset = []

            def send() -> None:
                try:
                    client.sendall(STUN)
                except ConnectionResetError as error:  # already, by what acknowledged the hello
                    reset.append(error)

            assert STUN not in [packet.payload for packet in wires.arrived(send, family)]
            assert reset or is_reset(client)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("framed", [False, True])
def test_stun_over_tcp_is_reset_without_the_proxy(wires: Wires, family: int, framed: bool) -> None:
    message = struct.pack("!H", len(STUN)) + STUN if framed else STUN
    with wires.listen("internet", family, 8443) as far:
        with wires.connect("client", stun_server(family), 8443) as client:
            send = lambda: client.sendall(message)  # noqa: E731
            assert message in [packet.payload for packet in wires.arrived(send, family)]
        assert accepts(far)
        with (
            wires.firewall(config("transparent: false")),
            wires.connect("client", stun_server(family), 8443) as client,
        ):
            accepted, _ = far.accept()  # other TCP passes
            send = lambda: client.sendall(message)  # noqa: E731
            assert message not in [packet.payload for packet in wires.arrived(send, family)]
            assert is_reset(client)
            accepted.close()
            assert wires.counts()["stun_tcp"].packets


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("port", [3478, 5349])
def test_ports_of_turn_are_refused_without_the_proxy(wires: Wires, family: int, port: int) -> None:
    with wires.listen("internet", family, port):
        wires.connect("client", stun_server(family), port).close()
        with wires.firewall(config("transparent: false")), pytest.raises(ConnectionRefusedError):
            wires.connect("client", stun_server(family), port)


@pytest.mark.parametrize("transparent", ["true", "false"])
def test_a_server_among_the_clients_stays_reachable(wires: Wires, transparent: str) -> None:
    with (
        wires.firewall(config(f"transparent: {transparent}")),
        wires.listen("client", 6, 80) as server,
        wires.connect("internet", CLIENT.v6, 80) as visitor,
    ):
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"welcome")
            assert visitor.recv(100) == b"welcome"
            accepted.sendall(STUN)  # ICE over TCP (RFC 6544): the far side came to a candidate
            with pytest.raises(TimeoutError):
                visitor.settimeout(0.3)
                visitor.recv(100)


@pytest.fixture
def at_the_gateway(wires: Wires) -> Iterator[None]:
    """What rtcguard has open there."""
    with contextlib.ExitStack() as stack:
        for family in FAMILIES:
            for port in (8080, 8082, 22):
                stack.enter_context(wires.listen("gateway", family, port))
        yield


@pytest.mark.usefixtures("at_the_gateway")
@pytest.mark.parametrize("family", FAMILIES)
def test_who_reaches_the_ports_of_rtcguard(wires: Wires, family: int) -> None:
    outside = GATEWAY_WAN.v4 if family == 4 else GATEWAY_WAN.v6
    inside = GATEWAY.v4 if family == 4 else GATEWAY.v6

    def reached(way: tuple[str, int]) -> bool:
        role, port = way
        try:
            wires.connect(role, inside if role == "client" else outside, port, patience=1).close()
        except TimeoutError:
            return False
        return True

    def open_ways() -> list[tuple[str, int]]:
        with ThreadPoolExecutor() as pool:  # those that are closed take their time
            return [
                way for way, is_open in zip(ways, pool.map(reached, ways), strict=True) if is_open
            ]

    ways = [("internet", 8080), ("internet", 8082), ("internet", 22), ("client", 8080),
            ("client", 8082), ("client", 22)]  # fmt: skip
    assert open_ways() == ways
    with wires.firewall(config("transparent: true")):
        assert open_ways() == [("internet", 22), ("client", 8080), ("client", 22)]
    with wires.responder(family) as responder, wires.udp("internet", family) as stranger:
        stranger.sendto(b"before", (outside, 3478))
        with wires.firewall():
            stranger.sendto(b"meanwhile", (outside, 3478))
        stranger.sendto(b"after", (outside, 3478))
        assert [responder.recv(100) for _ in range(2)] == [b"before", b"after"]


@pytest.mark.parametrize("family", FAMILIES)
def test_resolvers_that_may_be_asked(wires: Wires, family: int) -> None:
    with (
        wires.firewall(config(f"transparent: true, resolvers: ['{site(family)}']")),
        wires.listen("internet", family, 53) as far,
        wires.udp("client", family) as client,
    ):
        send = lambda: client.sendto(DNS, (site(family), 53))  # noqa: E731
        assert [packet.payload for packet in wires.arrived(send, family)] == [DNS]
        send = lambda: client.sendto(STUN, (site(family), 53))  # noqa: E731
        assert not wires.arrived(send, family)
        wires.connect("client", site(family), 53).close()
        assert accepts(far)
        with pytest.raises(ConnectionRefusedError):
            wires.connect("client", stun_server(family), 53)
        assert not accepts(far)


@pytest.mark.parametrize(
    ("family", "host"),
    [(4, "0.0.0.0"), (6, "::"), (4, GATEWAY.v4), (6, GATEWAY.v6)],
)
def test_the_sinkhole_gets_all_dns(wires: Wires, family: int, host: str) -> None:
    made = replace(config("transparent: true"), sinkhole=Sinkhole(listen=((host, 5353),)))
    with (
        wires.responder(family) as responder,
        wires.udp("gateway", family, 5353) as names,
        wires.listen("gateway", family, 5353) as names_tcp,
        wires.firewall(made),
        wires.udp("client", family) as client,
    ):
        to = (stun_server(family), 53)
        client.connect(to)
        client.send(DNS)
        query, source = names.recvfrom(100)
        assert query == DNS
        names.sendto(b"answer", source)
        assert client.recv(100) == b"answer"
        client.send(STUN)  # of the same flow
        _, ancillary, _, _ = responder.recvmsg(100, 200)
        assert destination(ancillary) == to
        wires.connect("client", *to).close()
        assert accepts(names_tcp)


@pytest.mark.parametrize("family", FAMILIES)
def test_direct_networks_get_everything(wires: Wires, family: int) -> None:
    network = "198.51.100.24/29" if family == 4 else "2001:db8:100::30/124"
    with (
        wires.firewall(config(f"transparent: true, direct: ['{network}']")),
        wires.responder(family),
        wires.listen("internet", family, 80) as far,
        wires.udp("client", family) as client,
    ):
        for payload in (STUN, b"other"):
            send = lambda p=payload: client.sendto(p, (stun_server(family), 443))  # noqa: E731
            assert [packet.payload for packet in wires.arrived(send, family)] == [payload]
        wires.connect("client", stun_server(family), 80).close()
        assert accepts(far)


@pytest.mark.parametrize("family", FAMILIES)
def test_monitoring_counts_and_stops_nothing(wires: Wires, family: int) -> None:
    made = config("transparent: false", **{"version: 1": "version: 1\nmode: monitor"})
    with (
        wires.firewall(made),
        wires.responder(family),
        wires.listen("internet", family, 5349) as far,
        wires.udp("client", family) as client,
    ):
        for payload in (STUN, b"other"):
            send = lambda p=payload: client.sendto(p, (stun_server(family), 443))  # noqa: E731
            assert [packet.payload for packet in wires.arrived(send, family)] == [payload]
        wires.connect("client", stun_server(family), 5349).close()
        assert accepts(far)
        counts = wires.counts()
        assert counts["stun"].packets and counts["quic"].packets and counts["stun_tcp"].packets

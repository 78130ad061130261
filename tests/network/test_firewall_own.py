"""A machine's own traffic: the gateway stands for the machine, a user without rights for its
programs, root for rtcguard."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rtcguard.network import netfilter
from rtcguard.policy.model import Sinkhole
from tests.lab.net import GATEWAY_WAN, WAN
from tests.network.test_firewall_passing import DNS, FAMILIES, accepts, original
from tests.network.wires import (
    CLASSIC,
    STUN,
    Wires,
    config,
    destination,
    site,
    stun_server,
    turn,
    within,
)

NOBODY = 65534
OWN = "own: true, users: [root]"


@pytest.fixture(scope="module")
def responders(wires: Wires) -> Iterator[dict[int, socket.socket]]:
    with wires.responder(4) as four, wires.responder(6) as six:
        yield {4: four, 6: six}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("port", [3478, 53, 443, 5353])
def test_stun_goes_to_the_responder(
    wires: Wires, responders: dict[int, socket.socket], family: int, port: int
) -> None:
    to = (stun_server(family), port)
    with wires.udp("gateway", family, user=NOBODY) as client:
        send = lambda: client.sendto(STUN, to)  # noqa: E731
        assert wires.arrived(send, family, "gateway")
        with wires.firewall(config(OWN)):
            assert not wires.arrived(send, family, "gateway")
            packet, ancillary, _, source = responders[family].recvmsg(100, 200)
            assert packet == STUN
            assert destination(ancillary) == to

            with wires.voice(family, to) as voice:
                voice.sendto(b"answer", source)  # without the cookie it is tracked
                voice.sendto(STUN, source)
                for expected in (b"answer", STUN):
                    answer, (host, number, *_) = client.recvfrom(100)
                    assert (answer, host, number) == (expected, *to)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("payload", "port", "counter"),
    [
        (CLASSIC, 3478, "other_udp"),
        (b"\x16\xfe\xfd", 40000, "other_udp"),
        (b"query", 5353, "mdns"),
        (DNS, 53, "dns_refused"),
    ],
)
def test_other_udp_does_not_leave(
    wires: Wires, family: int, payload: bytes, port: int, counter: str
) -> None:
    to = (stun_server(family), port)
    with wires.udp("gateway", family, user=NOBODY) as client:
        send = lambda: _try(client, payload, to)  # noqa: E731
        assert wires.arrived(send, family, "gateway")
        with wires.firewall(config(OWN)):
            assert not wires.arrived(send, family, "gateway")
            assert wires.counts()[counter].packets
            with wires.udp("gateway", family) as ours:  # rtcguard itself
                send = lambda: ours.sendto(payload, to)  # noqa: E731
                assert wires.arrived(send, family, "gateway")


def _try(sender: socket.socket, payload: bytes, to: tuple[str, int]) -> None:
    """The kernel tells the sender itself that a packet was dropped."""
    with contextlib.suppress(PermissionError):
        sender.sendto(payload, to)


@pytest.mark.parametrize("family", FAMILIES)
def test_quic_is_refused(wires: Wires, family: int) -> None:
    with (
        wires.firewall(config(OWN)),
        wires.udp("gateway", family, user=NOBODY) as client,
    ):
        client.connect((site(family), 443))
        with pytest.raises((ConnectionRefusedError, PermissionError)):
            client.send(b"\xc0" + bytes(1200))
            client.recv(100)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_socket_bound_to_an_interface(wires: Wires, family: int) -> None:
    """Its packets are not routed to `lo`, so no responder gets them; nobody else does either."""
    to = (stun_server(family), 3478)
    with wires.udp("gateway", family, user=NOBODY) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, WAN.encode())
        send = lambda: _try(client, STUN, to)  # noqa: E731
        assert wires.arrived(send, family, "gateway")
        with wires.firewall(config(OWN)):
            assert not wires.arrived(send, family, "gateway")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_routing_rule_that_was_taken_away(wires: Wires, family: int) -> None:
    to = (stun_server(family), 3478)
    with wires.firewall(config(OWN)), wires.udp("gateway", family, user=NOBODY) as client:
        for route in within(wires.lab.gateway, lambda: netfilter.routed(str(family))):
            within(wires.lab.gateway, lambda route=route: netfilter.remove_route(route))
        assert not wires.arrived(lambda: _try(client, STUN, to), family, "gateway")
        assert wires.counts()["stun_unanswered"].packets


@pytest.mark.parametrize("family", FAMILIES)
def test_approved_turn_passes(wires: Wires, family: int) -> None:
    to = (turn(family), 3478)
    with wires.firewall(config(OWN)), wires.udp("gateway", family, user=NOBODY) as client:
        (packet,) = wires.arrived(lambda: client.sendto(STUN, to), family, "gateway")
        assert packet.payload == STUN


@pytest.mark.parametrize("family", FAMILIES)
def test_tcp_is_led_to_the_proxy(wires: Wires, family: int) -> None:
    to = (site(family), 443)
    with (
        wires.listen("internet", family, 443) as far,
        wires.listen("gateway", family, 8082) as proxy,
        wires.firewall(config(f"{OWN}, transparent: true")),
    ):
        with wires.connect("gateway", *to, user=NOBODY):
            accepted, _ = proxy.accept()
            with accepted:
                assert original(accepted, family) == to
            assert not accepts(far)
        with wires.connect("gateway", *to):  # rtcguard itself
            assert accepts(far)


@pytest.mark.parametrize(
    ("family", "host"), [(4, "127.0.0.1"), (6, "::1"), (4, GATEWAY_WAN.v4), (6, GATEWAY_WAN.v6)]
)
def test_dns_is_led_to_the_sinkhole(wires: Wires, family: int, host: str) -> None:
    made = replace(config(OWN), sinkhole=Sinkhole(listen=((host, 5353),)))
    with (
        wires.udp("gateway", family, 5353, host) as names,
        wires.firewall(made),
        wires.udp("gateway", family, user=NOBODY) as client,
    ):
        client.sendto(DNS, (stun_server(family), 53))
        query, source = names.recvfrom(100)
        assert query == DNS
        names.sendto(b"answer", source)
        answer, (server, port, *_) = client.recvfrom(100)
        assert (answer, server, port) == (b"answer", stun_server(family), 53)


@pytest.mark.parametrize("family", FAMILIES)
def test_services_of_the_machine_stay_reachable(wires: Wires, family: int) -> None:
    own = GATEWAY_WAN.v4 if family == 4 else GATEWAY_WAN.v6
    with (
        wires.firewall(config(f"{OWN}, transparent: true")),
        wires.listen("gateway", family, 22, user=NOBODY) as server,
        wires.connect("internet", own, 22) as visitor,
    ):
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"welcome")
            assert visitor.recv(100) == b"welcome"


@pytest.mark.parametrize("family", FAMILIES)
def test_loopback_is_left_alone(wires: Wires, family: int) -> None:
    host = "127.0.0.1" if family == 4 else "::1"
    with (
        wires.firewall(config(f"{OWN}, transparent: true")),
        wires.udp("gateway", family, host=host) as server,
        wires.udp("gateway", family, user=NOBODY) as client,
        wires.listen("gateway", family, 8000, host),
    ):
        client.sendto(STUN, server.getsockname()[:2])
        assert server.recv(100) == STUN
        wires.connect("gateway", host, 8000, user=NOBODY).close()

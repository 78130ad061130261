"""Flows older than the rules, rtcguard away, and the kernel's own filters beside ours."""

import pytest

from tests.network.test_firewall_packets import FAMILIES, datagram
from tests.network.wires import CLASSIC, STUN, Wires, config, stun_server


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("payload", [STUN, CLASSIC, b"media"], ids=["STUN", "classic", "media"])
def test_a_flow_older_than_the_rules(wires: Wires, family: int, payload: bytes) -> None:
    """Datagrams are judged each by itself, whatever connection tracking remembers."""
    to = (stun_server(family), 40000)
    with (
        wires.udp("client", family) as client,
        wires.udp("internet", family, *reversed(to)) as server,
    ):
        send = lambda: client.sendto(payload, to)  # noqa: E731
        assert wires.arrived(send, family)
        server.sendto(b"answer", server.recvfrom(100)[1])
        assert client.recv(100) == b"answer"
        assert wires.arrived(send, family)
        with wires.responder(family), wires.firewall():
            assert not wires.arrived(send, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_stays_closed_without_rtcguard(wires: Wires, family: int) -> None:
    with wires.firewall():
        assert not wires.arrived(lambda: datagram(STUN, 3478)(wires, family), family)
        assert wires.counts()["stun_unanswered"].packets == 1


def test_strict_reverse_path_filters_let_the_responder_have_it(wires: Wires) -> None:
    """Also where they ask for the route with the packet's mark, as VPN tools set it up."""
    keys = ("rp_filter", "src_valid_mark")
    try:
        for key, value in zip(keys, "11", strict=True):
            _sysctl(wires, key, value)
        with (
            wires.responder(4) as responder,
            wires.firewall(config("own: true, users: [root]")),
        ):
            datagram(STUN, 3478)(wires, 4)
            assert responder.recv(100) == STUN
            with wires.udp("gateway", 4, user=65534) as own:
                own.sendto(STUN, (stun_server(4), 3478))
            assert responder.recv(100) == STUN
    finally:
        for key in keys:
            _sysctl(wires, key, "0")


def _sysctl(wires: Wires, key: str, value: str) -> None:
    for link in ("all", "lan0", "wan0", "lo"):
        wires.lab.run(wires.lab.gateway, "sysctl", "-qw", f"net.ipv4.conf.{link}.{key}={value}")

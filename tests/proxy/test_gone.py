"""rtcguard dies while clients' packets are routed to it."""

import socket
import time
from pathlib import Path

import pytest

from rtcguard.network import stun
from tests.lab.net import SITE, Lab
from tests.proxy.test_turn import BINDING
from tests.proxy.ways_in import WayIn, far_udp, tun, udp, wireguard

SITE4, SITE6 = SITE.addresses


@pytest.mark.parametrize(
    ("way", "own"), [(tun, "rtcguard1"), (wireguard, 51821)], ids=["tun", "WireGuard"]
)
def test_nothing_passes_when_it_is_gone(lab: Lab, tmp_path: Path, way: WayIn, own: object) -> None:
    """Killed in the midst of its work: what the client sends then goes nowhere."""
    with (
        far_udp(lab, SITE4) as far4,
        far_udp(lab, SITE6) as far6,
        way(lab, tmp_path, "", own) as run,
        udp(lab, SITE4, far4.port) as by4,
        udp(lab, SITE6, far6.port) as by6,
    ):
        for client in (by4, by6):
            client.send(BINDING)
            assert stun.parse(client.recv(2000)).message_class == stun.ERROR
        run.process.kill()
        run.process.wait(60)
        assert not_any_more(by4) and not_any_more(by6)
    assert far4.received == far6.received == []


def not_any_more(client: socket.socket) -> bool:
    """Whether what a client sends is no longer answered, by rtcguard or by the far side."""
    client.settimeout(0.3)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            client.send(BINDING)
            client.recv(2000)
        except OSError:
            return True
    return False

"""The firewall's rules and the responder together: what is asked is answered, by whom was asked."""

import socket
import threading
from collections.abc import Iterator

import pytest

from rtcguard.network import stun
from rtcguard.network.server import StunServer
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from tests.lab.net import CLIENT, GATEWAY_WAN
from tests.network.wires import STUN, Wires, config, stun_server, within

NOBODY = 65534
MADE = config("own: true, users: [root]")
RECORDS: list[Record] = []


@pytest.fixture(scope="module")
def responder(wires: Wires) -> Iterator[None]:
    """rtcguard's own, on the gateway."""
    wake, stop = socket.socketpair()
    listen = MADE.stun.listen
    server = within(
        wires.lab.gateway,
        lambda: StunServer(listen, Policy(MADE), RECORDS.extend, transparent=True),
    )
    with wake, stop, server:
        serve = lambda: within(wires.lab.gateway, lambda: server.serve(stop))  # noqa: E731
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        wake.send(b"x")
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.usefixtures("responder")
@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("port", [19302, 53, 443, 3478])
@pytest.mark.parametrize(("role", "user"), [("client", 0), ("gateway", NOBODY)])
def test_stun_is_answered_in_the_name_of_whom_was_asked(
    wires: Wires, role: str, user: int, family: int, port: int
) -> None:
    to = (stun_server(family), port)
    with wires.udp(role, family, user=user) as client:
        send = lambda: client.sendto(STUN, to)  # noqa: E731
        assert wires.arrived(send, family, role), "without the rules it leaves"
        with wires.firewall(MADE):
            for _ in range(3):  # the first is judged, the others are known
                assert not wires.arrived(send, family, role)
                answer, source = client.recvfrom(100)
                assert source[:2] == to
                assert stun.parse(answer).message_class == stun.ERROR
                assert stun.parse(answer).transaction_id == STUN[8:]
    asked = f"[{to[0]}]:{port}" if family == 6 else f"{to[0]}:{port}"
    machine = CLIENT if role == "client" else GATEWAY_WAN
    who = machine.v4 if family == 4 else machine.v6
    told = [record for record in RECORDS if (record.client, record.destination) == (who, asked)]
    assert {record.action for record in told} == {"refused"}

"""What rules let through the proxy's tunnels and UDP flows, by each key that they can name."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rtcguard.network import stun
from rtcguard.network.clock import minute_of_week
from tests.process import Running, free_udp_port, running
from tests.proxy.far_sides import Listener, UdpListener, connect_through, hearing, listening, read
from tests.proxy.test_turn import ALLOCATE, BINDING, answer_of, recorded
from tests.proxy.test_udp_flows import client_of

DTLS = b"\x16\xfe\xff" + bytes(20)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass
class Shared:
    run: Running
    tcp: dict[str, Listener]
    udp: dict[str, UdpListener]
    ports: dict[str, int]  # that lead to the latter


def rules(tcp: dict[str, Listener], udp: dict[str, UdpListener]) -> str:
    """Each far side is what one rule speaks of."""
    today = _DAYS[minute_of_week() // 1440]
    days = ", ".join({today, _DAYS[(_DAYS.index(today) + 1) % 7]})  # should it become midnight
    others = ", ".join(day for day in _DAYS if day not in days)
    at = {name: far.port for name, far in (*tcp.items(), *udp.items())}
    made = [
        f'match: {{server: "turn:localhost:{at["named"]}?transport=tcp"}}, action: keep',
        f'match: {{server: "turn:127.0.0.1:{at["by address"]}"}}, action: observe',
        f"match: {{destination: loopback, port: {at['placed']}, protocol: stun}}, action: keep",
        f"match: {{destination: loopback, port: {at['today']}, time: [{days}]}}, action: keep",
        f"match: {{destination: loopback, port: {at['on other days']}, time: [{others}]}}, "
        "action: keep",
        f"match: {{destination: loopback, port: {at['blocked']}}}, action: block",
        f'match: {{server: "turn:127.0.0.1:{at["dropped"]}"}}, action: drop',
        f"match: {{port: {at['only a port']}}}, action: keep",
        f"match: {{protocol: dtls, port: {at['dtls']}}}, action: keep",
        f'match: {{server: "turns:127.0.0.1:{at["turns"]}?transport=udp"}}, action: keep',
    ]
    lines = [f"  - {{name: rule {place}, {one}}}" for place, one in enumerate(made)]
    url = f"turn:127.0.0.1:{at['blocked']}?transport=tcp"
    relay = f'relay: {{servers: [{{urls: "{url}", username: u, credential: p}}]}}\n'
    return relay + "rules:\n" + "\n".join(lines) + "\n"


TCP = (
    *("named", "by address", "placed", "today", "on other days", "blocked", "dropped"),
    "only a port",
)
UDP = ("dtls", "turns", "none")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with contextlib.ExitStack() as stack:
        tcp = {name: stack.enter_context(listening()) for name in TCP}
        udp = {name: stack.enter_context(hearing()) for name in UDP}
        ports = {name: free_udp_port() for name in UDP}
        modes = [f"reverse:udp://127.0.0.1:{udp[name].port}@{ports[name]}" for name in UDP]
        arguments = [word for mode in ("regular", *modes) for word in ("--mode", mode)]
        folder = tmp_path_factory.mktemp("rules")
        run = stack.enter_context(running(folder, rules(tcp, udp), *arguments))
        yield Shared(run, tcp, udp, ports)


@pytest.mark.parametrize(
    ("name", "host", "request_", "action", "rule"),
    [
        ("named", "localhost", ALLOCATE, "kept", "rule 0"),
        ("named", "localhost", BINDING, "", "default:servers"),  # stun: is another scheme
        ("named", "127.0.0.1", ALLOCATE, "", "relay:servers"),
        ("by address", "127.0.0.1", ALLOCATE, "observed", "rule 1"),
        ("placed", "127.0.0.1", BINDING, "kept", "rule 2"),
        ("placed", "127.0.0.1", ALLOCATE, "", "relay:servers"),
        ("today", "127.0.0.1", BINDING, "kept", "rule 3"),
        ("on other days", "127.0.0.1", BINDING, "", "default:servers"),
        ("blocked", "127.0.0.1", ALLOCATE, "", "rule 5"),  # though it is approved
        ("dropped", "127.0.0.1", ALLOCATE, "", "rule 6"),
        ("only a port", "127.0.0.1", ALLOCATE, "", "relay:servers"),
    ],
)
def test_tunnels(
    shared: Shared, name: str, host: str, request_: bytes, action: str, rule: str
) -> None:
    far = shared.tcp[name]
    with connect_through(shared.run.port, host, far.port) as tunnel:
        tunnel.sendall(request_)
        if action:
            assert read(tunnel, len(request_)) == request_
        else:
            assert answer_of(tunnel).message_class == stun.ERROR
    method = stun.parse(request_).method_name
    found: set[tuple[str, str]] = set()
    until = time.monotonic() + 60
    while not found and time.monotonic() < until:  # one of the other method may be there before
        events = recorded(shared.run.state, f"{host}:{far.port}")
        found = {(one["rule"], one["action"]) for one in events if method in one["reason"]}
        time.sleep(0.05)
    assert found == {(rule, action or "refused")}


@pytest.mark.parametrize(
    ("name", "datagram", "action", "rule"),
    [
        ("dtls", DTLS, "kept", "rule 8"),
        ("turns", DTLS, "kept", "rule 9"),
        ("none", DTLS, "blocked", "default:udp"),
    ],
)
def test_other_udp(shared: Shared, name: str, datagram: bytes, action: str, rule: str) -> None:
    with client_of(shared.ports[name]) as client:
        client.send(datagram)
        if action == "kept":
            assert client.recv(2000) == datagram
            # What was let pass as DTLS takes no STUN along.
            client.send(BINDING)
            assert stun.parse(client.recv(2000)).message_class == stun.ERROR
            client.send(datagram)
            assert client.recv(2000) == datagram
    event = recorded(shared.run.state, f"127.0.0.1:{shared.udp[name].port}")[0]
    assert (event["kind"], event["action"], event["rule"]) == ("udp", action, rule)

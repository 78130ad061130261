"""UDP to one server behind the proxy (`reverse:udp`): what the configuration makes of it.

The other ways in for UDP need the lab; they are in test_ways_in.py.
"""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rtcguard.network import stun
from tests.process import Running, free_udp_port, running
from tests.proxy.far_sides import Listener, UdpListener, hearing, listening, read
from tests.proxy.test_failing import broken
from tests.proxy.test_turn import ALLOCATE, BINDING, INDICATION, assert_refused, recorded, relay

CHANNEL_DATA = b"\x40\x00\x00\x05hello\0\0\0"


@dataclass
class Shared:
    """One proxy with several ways in, each to a far side of its own."""

    run: Running
    ports: dict[str, int]
    other: UdpListener  # nobody approved it
    approved: UdpListener
    for_tcp: UdpListener  # approved for TCP only
    fixed: Listener


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with hearing() as other, hearing() as approved, hearing() as for_tcp, listening() as fixed:
        names = ("other", "dns", "approved", "for_tcp", "tls", "socks5", "wireguard")
        ports = {name: free_udp_port() for name in names}
        urls = [f"turn:localhost:{approved.port}", f"turn:127.0.0.1:{for_tcp.port}?transport=tcp"]
        modes = [
            f"reverse:tcp://127.0.0.1:{fixed.port}",
            f"reverse:tls://127.0.0.1:{fixed.port}@{ports['tls']}",
            f"reverse:udp://127.0.0.1:{other.port}@{ports['other']}",
            f"reverse:dns://127.0.0.1:{other.port}@{ports['dns']}",
            f"reverse:udp://127.0.0.1:{approved.port}@{ports['approved']}",
            f"reverse:udp://127.0.0.1:{for_tcp.port}@{ports['for_tcp']}",
            f"socks5@{ports['socks5']}",
            f"wireguard@{ports['wireguard']}",
        ]
        arguments = [word for mode in modes for word in ("--mode", mode)]
        with running(tmp_path_factory.mktemp("shared"), relay(*urls), *arguments) as run:
            ports["tcp"] = run.port
            yield Shared(run, ports, other, approved, for_tcp, fixed)


@contextlib.contextmanager
def client_of(port: int) -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(60)
        client.connect(("127.0.0.1", port))
        yield client


@contextlib.contextmanager
def reached(folder: Path, config: str) -> Iterator[tuple[Running, socket.socket, UdpListener]]:
    """A client of a proxy that leads to a far side."""
    at = free_udp_port()
    with (
        hearing() as far,
        running(folder, config, "--mode", f"reverse:udp://127.0.0.1:{far.port}@{at}") as run,
        client_of(at) as client,
    ):
        yield run, client, far


def refused(client: socket.socket, request: bytes) -> bool:
    client.send(request)
    answer = stun.parse(client.recv(2000))
    sent = stun.parse(request)
    return (answer.message_class, answer.transaction_id) == (stun.ERROR, sent.transaction_id)


def test_each_mode_says_where_it_listens(shared: Shared) -> None:
    ports, run = shared.ports, shared.run
    lines = [
        f"proxy   127.0.0.1:{run.port} (reverse tcp://127.0.0.1:{shared.fixed.port})",
        f"proxy   127.0.0.1:{ports['other']} (reverse udp://127.0.0.1:{shared.other.port})",
        f"proxy   127.0.0.1:{ports['socks5']} (socks5)",
        f"tunnel  127.0.0.1:{ports['wireguard']} (WireGuard, udp), for the client: "
        f"{run.state}/ca/wireguard-client.conf",
    ]
    assert set(lines) < set(run.lines)
    for name in ("wireguard.conf", "wireguard-client.conf"):
        assert (run.state / "ca" / name).stat().st_mode & 0o077 == 0, "others may read a key"


def test_stun_is_answered_and_nothing_passes(shared: Shared) -> None:
    with client_of(shared.ports["other"]) as client:
        for sent in (os.urandom(40) + b"x", CHANNEL_DATA, INDICATION, b"\0"):
            client.send(sent)
        assert refused(client, BINDING), "one of the others was answered"
        for number in range(50):
            request = stun.encode(stun.ALLOCATE, stun.REQUEST, b"number--%04d" % number)
            assert refused(client, request)
        time.sleep(1.2)  # the ledger's batches are written each second
        events = recorded(shared.run.state, f"127.0.0.1:{shared.other.port}")
    assert shared.other.received == []
    told = sorted((event["kind"], event["action"], event["rule"]) for event in events)
    assert told == [  # each once
        ("stun", "blocked", "relay:servers"),
        ("stun", "refused", "default:servers"),
        ("stun", "refused", "relay:servers"),
        ("udp", "blocked", "default:udp"),
    ]


def test_an_approved_server_s_flow_passes_whole(shared: Shared) -> None:
    sent = [ALLOCATE, CHANNEL_DATA, BINDING, b"\x16\xfe\xfd" + bytes(40)]
    with client_of(shared.ports["approved"]) as client:
        for one in sent:
            client.send(one)
            assert client.recv(2000) == one
    (event,) = recorded(shared.run.state, f"127.0.0.1:{shared.approved.port}")
    assert shared.approved.received == sent
    assert (event["action"], event["rule"]) == ("kept", "relay:servers")


def test_an_approval_for_tcp_is_none_for_udp(shared: Shared) -> None:
    with client_of(shared.ports["for_tcp"]) as client:
        assert refused(client, ALLOCATE)
    assert shared.for_tcp.received == []


def test_dns_is_not_a_way_around(shared: Shared) -> None:
    with client_of(shared.ports["dns"]) as client:
        assert refused(client, BINDING)
        client.send(os.urandom(40))
    assert shared.other.received == []


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_fixed_server_is_not_connected_to_by_stun(shared: Shared, scheme: str) -> None:
    at = ("127.0.0.1", shared.ports[scheme])
    with socket.create_connection(at, timeout=60) as client:
        client.sendall(ALLOCATE)
        assert_refused(client, ALLOCATE)
    assert shared.fixed.connections == 0


def test_a_fixed_server_is_reached_by_all_else(shared: Shared) -> None:
    with socket.create_connection(("127.0.0.1", shared.ports["tcp"]), timeout=60) as client:
        client.sendall(b"\x10hello")
        assert read(client, 6) == b"\x10hello"


def test_site_servers_may_be_kept(tmp_path: Path) -> None:
    """Then what a flow begins with has to be TURN."""
    config = relay("turn:192.0.2.10", more=", site_servers: keep")
    with reached(tmp_path, config) as (_, client, far):
        client.send(CHANNEL_DATA)
        assert refused(client, BINDING)
        assert far.received == []
        for one in (ALLOCATE, CHANNEL_DATA):
            client.send(one)
            assert client.recv(2000) == one


def test_monitor_mode_changes_nothing(tmp_path: Path) -> None:
    with reached(tmp_path, "mode: monitor\n") as (run, client, far):
        for one in (b"\x80hello", BINDING):
            client.send(one)
            assert client.recv(2000) == one
        events = recorded(run.state, f"127.0.0.1:{far.port}")
    assert [(one["kind"], one["action"], one["rule"], one["would"]) for one in events] == [
        ("udp", "observed", "default:udp", "blocked"),
        ("stun", "observed", "default:servers", "refused"),
    ]


def test_a_fault_refuses(tmp_path: Path) -> None:
    """Where nothing can be recorded, nothing passes, not even to an approved server."""
    at = free_udp_port()
    with hearing() as far:
        config, mode = (
            relay(f"turn:127.0.0.1:{far.port}"),
            f"reverse:udp://127.0.0.1:{far.port}@{at}",
        )
        with broken(tmp_path, config, mode) as run, client_of(at) as client:
            assert refused(client, ALLOCATE)
            assert "RuntimeError: broken" in run.log.read_text()
    assert far.received == []

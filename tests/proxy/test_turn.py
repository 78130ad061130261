"""STUN and TURN in tunnels: on to approved servers; all else is answered and goes nowhere."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aioice.turn import TurnClientTcpProtocol
from websockets.sync.client import connect

from rtcguard.network import stream, stun
from tests.lab.ca import LabCA
from tests.origin import Origin, free_port
from tests.process import Running, running
from tests.proxy.far_sides import (
    Listener,
    connect_through,
    connect_through_socks,
    coturn,
    listening,
    read,
    read_until,
    send_slowly,
)
from tests.proxy.test_failing import broken

ALLOCATE = stun.encode(stun.ALLOCATE, stun.REQUEST, b"allocate-one", ((0x0019, b"\x11\0\0\0"),))
BINDING = stun.encode(stun.BINDING, stun.REQUEST, b"binding--one")
INDICATION = stun.encode(0x006, stun.INDICATION, b"indication-1")
CLASSIC = stun.encode(stun.BINDING, stun.REQUEST, b"classic-is-longr")


def server(*urls: str) -> str:
    quoted = ", ".join(f'"{url}"' for url in urls)
    return f"{{urls: [{quoted}], username: u, credential: p}}"


def relay(*urls: str, more: str = "") -> str:
    return f"relay: {{servers: [{server(*urls)}]{more}}}\n"


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A proxy whose one approved server is none of those that the tests ask for."""
    config = relay("turn:192.0.2.10?transport=tcp", "turn:127.0.0.1:9?transport=udp")
    with running(tmp_path_factory.mktemp("guard"), config) as run:
        yield run


@pytest.fixture
def far() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


def answer_of(tunnel: socket.socket) -> stun.Message:
    head = read(tunnel, 20)
    return stun.parse(head + read(tunnel, int.from_bytes(head[2:4])))


def assert_refused(tunnel: socket.socket, request: bytes) -> None:
    answer = answer_of(tunnel)
    sent = stun.parse(request)
    assert (answer.message_class, answer.method) == (stun.ERROR, sent.method)
    assert answer.transaction_id == sent.transaction_id
    is_allocate = sent.method == stun.ALLOCATE and not sent.classic
    code = stun.error_code(300 if is_allocate else 403, "Forbidden")
    assert answer.attribute(stun.ERROR_CODE) == code


def recorded(state: Path, destination: str) -> list[dict[str, Any]]:
    """The ledger's network events of one destination; written within a second."""
    until = time.monotonic() + 60
    while True:
        with contextlib.closing(sqlite3.connect(state / "ledger.sqlite3")) as database:
            database.row_factory = sqlite3.Row
            select = "select * from events where ring = 'network' and destination = ?"
            rows = [dict(row) for row in database.execute(select, (destination,))]
        if rows or time.monotonic() > until:
            return rows
        time.sleep(0.05)


async def allocate(
    tunnel: socket.socket, tls: ssl.SSLContext | None = None, name: str = "localhost"
) -> tuple[str, int]:
    """A real allocation by aioice on a tunnel, and its end."""
    loop = asyncio.get_running_loop()
    tunnel.setblocking(False)
    transport, client = await loop.create_connection(
        lambda: TurnClientTcpProtocol(("127.0.0.1", 1), "u", "p", 600, 500),
        sock=tunnel,
        ssl=tls,
        server_hostname=None if tls is None else name,
    )
    try:
        relayed = await asyncio.wait_for(client.connect(), 60)
        await client.delete()
    finally:
        transport.abort()
        await asyncio.sleep(0)
    return relayed


# What passes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_an_approved_server_relays(tmp_path: Path, mode: str) -> None:
    with coturn(tmp_path / "turn") as port:
        url = f"turn:127.0.0.1:{port}?transport=tcp"
        with running(tmp_path / "guard", relay(url), "--mode", mode) as run:
            through = connect_through if mode == "regular" else connect_through_socks
            host, at = asyncio.run(allocate(through(run.port, "127.0.0.1", port)))
            assert host == "127.0.0.1" and 21000 <= at < 21100
            (event,) = recorded(run.state, f"127.0.0.1:{port}")
    assert (event["action"], event["kind"], event["client"]) == ("kept", "stun", "127.0.0.1")
    assert event["rule"] == "relay:servers"


def test_an_approved_name_is_known_by_its_addresses_too(tmp_path: Path) -> None:
    with coturn(tmp_path / "turn") as port:
        url = f"turn:localhost:{port}?transport=tcp"
        with running(tmp_path / "guard", relay(url)) as run:
            for host in ("localhost", "LOCALHOST", "127.0.0.1"):
                relayed = asyncio.run(allocate(connect_through(run.port, host, port)))
                assert relayed[0] == "127.0.0.1"


def test_turn_over_tls(tmp_path: Path) -> None:
    """`turns:` is opened like HTTPS; inside it stands the same TURN."""
    ca = LabCA(tmp_path)
    certificate, key = ca.issue("localhost", ("127.0.0.1",))
    port = free_port()
    options = [f"--tls-listening-port={port}", f"--cert={certificate}", f"--pkey={key}"]
    config = relay(f"turns:localhost:{port}") + f"upstream: {{trusted_ca: {ca.certificate}}}\n"
    with coturn(tmp_path / "turn", *options), running(tmp_path / "guard", config) as run:
        tls = ssl.create_default_context(cafile=run.state / "ca" / "mitmproxy-ca-cert.pem")
        tunnel = connect_through(run.port, "localhost", port)
        assert asyncio.run(allocate(tunnel, tls))[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("config", "action"),
    [
        (relay("turn:192.0.2.10?transport=tcp", more=", site_servers: keep"), "kept"),
        ("mode: monitor\n", "observed"),
    ],
)
def test_the_configuration_may_let_any_server(
    tmp_path: Path, far: Listener, config: str, action: str
) -> None:
    with running(tmp_path, config) as run:
        with connect_through(run.port, "127.0.0.1", far.port) as tunnel:
            tunnel.sendall(ALLOCATE)
            assert read(tunnel, len(ALLOCATE)) == ALLOCATE
        (event,) = recorded(run.state, f"127.0.0.1:{far.port}")
        assert event["action"] == action
        assert event["would"] == ("refused" if action == "observed" else "")
        with connect_through(run.port, "127.0.0.1", far.port) as tunnel:
            tunnel.sendall(BINDING)  # to a STUN server only monitor mode lets it
            answer = answer_of(tunnel)
    assert (answer.message_class == stun.ERROR) == (action == "kept")


# What does not ---------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [ALLOCATE, BINDING], ids=["Allocate", "Binding"])
def test_another_server_is_never_connected_to(
    guard: Running, far: Listener, request_: bytes
) -> None:
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(request_)
        assert_refused(tunnel, request_)
        tunnel.sendall(ALLOCATE)
        assert_refused(tunnel, ALLOCATE)
    (event,) = recorded(guard.state, f"127.0.0.1:{far.port}")
    assert (event["kind"], event["action"]) == ("stun", "refused")
    assert (event["client"], event["direction"]) == ("127.0.0.1", "outbound")
    if request_ == ALLOCATE:
        assert event["rule"] == "relay:servers"
        assert event["reason"].endswith(
            f"relay.servers does not name turn:127.0.0.1:{far.port}?transport=tcp: to approve this "
            "server, write it there"
        )
    else:
        assert event["rule"] == "default:servers"
    assert far.connections == 0


def test_a_refused_name_is_recorded_as_such(guard: Running, far: Listener) -> None:
    with connect_through(guard.port, "LocalHost", far.port) as tunnel:
        tunnel.sendall(ALLOCATE)
        assert_refused(tunnel, ALLOCATE)
    (event,) = recorded(guard.state, f"localhost:{far.port}")
    assert event["name"] == "localhost"
    assert far.connections == 0


def test_the_port_does_not_matter(guard: Running) -> None:
    """What goes to 53 is DNS for mitmproxy."""
    with connect_through(guard.port, "127.0.0.1", 53) as tunnel:
        tunnel.sendall(ALLOCATE)
        assert_refused(tunnel, ALLOCATE)


def test_an_approval_for_udp_is_none_for_tcp(tmp_path: Path, far: Listener) -> None:
    with (
        running(tmp_path, relay(f"turn:127.0.0.1:{far.port}?transport=udp")) as run,
        connect_through(run.port, "127.0.0.1", far.port) as tunnel,
    ):
        tunnel.sendall(ALLOCATE)
        assert_refused(tunnel, ALLOCATE)
    assert far.connections == 0


def test_a_client_that_a_rule_blocks_reaches_no_approved_server(
    tmp_path: Path, far: Listener
) -> None:
    rule = "rules: [{name: no guests, match: {client: [127.0.0.0/8]}, action: block}]\n"
    config = relay(f"turn:127.0.0.1:{far.port}?transport=tcp") + rule
    with running(tmp_path, config) as run:
        with connect_through(run.port, "127.0.0.1", far.port) as tunnel:
            tunnel.sendall(ALLOCATE)
            assert_refused(tunnel, ALLOCATE)
        (event,) = recorded(run.state, f"127.0.0.1:{far.port}")
    assert event["rule"] == "no guests"
    assert far.connections == 0


def test_through_socks(tmp_path: Path, far: Listener) -> None:
    with running(tmp_path, "", "--mode", "socks5") as run:
        with connect_through_socks(run.port, "127.0.0.1", far.port) as tunnel:
            tunnel.sendall(ALLOCATE)
            assert_refused(tunnel, ALLOCATE)
        assert recorded(run.state, f"127.0.0.1:{far.port}")
    assert far.connections == 0


def test_over_tls_the_server_is_not_connected_to(tmp_path: Path) -> None:
    ca = LabCA(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*ca.issue("localhost", ("127.0.0.1",)))
    trusted = f"upstream: {{trusted_ca: {ca.certificate}}}\n"
    with listening(tls=tls) as far, running(tmp_path / "guard", trusted) as run:
        ours = ssl.create_default_context(cafile=run.state / "ca" / "mitmproxy-ca-cert.pem")
        with (
            connect_through(run.port, "localhost", far.port) as tunnel,
            ours.wrap_socket(tunnel, server_hostname="localhost") as inner,
        ):
            inner.sendall(ALLOCATE)
            assert_refused(inner, ALLOCATE)
        (event,) = recorded(run.state, f"localhost:{far.port}")
        assert f"turns:localhost:{far.port}?transport=tcp" in event["reason"]
    assert far.connections == 0


def test_ice_over_tcp(guard: Running, far: Listener) -> None:
    """RFC 4571's length stands before each message, and before the answer."""
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(len(BINDING).to_bytes(2) + BINDING)
        size = int.from_bytes(read(tunnel, 2))
        answer = stun.parse(read(tunnel, size))
        assert answer.message_class == stun.ERROR
    assert far.connections == 0


@pytest.mark.parametrize("request_", [ALLOCATE, CLASSIC], ids=["cookie", "RFC 3489"])
def test_in_pieces(guard: Running, far: Listener, request_: bytes) -> None:
    pieces = [request_[i : i + 1] for i in range(len(request_))]
    if request_ == CLASSIC:  # without a cookie it is known as a whole only
        pieces = [request_]
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        send_slowly(tunnel, pieces)
        assert_refused(tunnel, request_)
    assert far.connections == 0


def test_what_has_no_answer_is_swallowed(guard: Running, far: Listener) -> None:
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(INDICATION + ALLOCATE)
        assert_refused(tunnel, ALLOCATE)
    (event,) = recorded(guard.state, f"127.0.0.1:{far.port}")
    assert event["action"] == "blocked"
    assert far.connections == 0


def test_a_message_that_never_ends(guard: Running, far: Listener) -> None:
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(ALLOCATE[:-4])
        assert tunnel.recv(1) == b"", "it is not ended"
    (event,) = recorded(guard.state, f"127.0.0.1:{far.port}")
    assert event["action"] == "blocked"
    assert far.connections == 0


@pytest.mark.parametrize("how", ["closed", "half closed"])
def test_a_message_that_is_broken_off(guard: Running, far: Listener, how: str) -> None:
    """What was held of it goes no further when its client has gone."""
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(ALLOCATE[:-4])
        if how == "half closed":
            tunnel.shutdown(socket.SHUT_WR)
            assert tunnel.recv(1) == b"", "it is not ended"
    (event,) = recorded(guard.state, f"127.0.0.1:{far.port}")
    assert event["action"] == "blocked"
    assert far.connections == 0


def test_after_something_else(guard: Running, far: Listener) -> None:
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(b"\x10hello")
        assert read(tunnel, 6) == b"\x10hello"
        tunnel.sendall(ALLOCATE)
        assert_refused(tunnel, ALLOCATE)
    assert recorded(guard.state, f"127.0.0.1:{far.port}")
    assert far.received == b"\x10hello"


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 5, 7, 9, 15])
def test_in_the_midst_of_a_piece(guard: Running, far: Listener, framed: bool, cut: int) -> None:
    """What stands before it goes on; where its header was cut, a part of that too."""
    request = stream.frame(BINDING, framed=framed)
    text = b"GET it\n" * 20
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(b"\x10hello")
        assert read(tunnel, 6) == b"\x10hello"
        send_slowly(tunnel, [text + request[:cut], request[cut:] + b"more"])
        answered = b""
        while not answered.endswith(b"Forbidden\0\0\0"):
            answered += read(tunnel, 1)
    assert far.received.startswith(b"\x10hello" + text)
    assert stun.COOKIE.to_bytes(4) not in far.received and b"more" not in far.received


def test_a_fault_refuses(tmp_path: Path, far: Listener) -> None:
    """Where nothing can be recorded, nothing passes, not even to an approved server."""
    config = relay(f"turn:127.0.0.1:{far.port}?transport=tcp")
    with broken(tmp_path, config) as run:
        with connect_through(run.port, "127.0.0.1", far.port) as tunnel:
            tunnel.sendall(ALLOCATE)
            assert_refused(tunnel, ALLOCATE)
        assert "RuntimeError: broken" in run.log.read_text()
    assert far.connections == 0


# What is none of this --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["regular", "socks5"])
def test_a_server_that_speaks_first(tmp_path: Path, mode: str) -> None:
    through = connect_through if mode == "regular" else connect_through_socks
    with (
        listening(b"220 mail.example ESMTP\r\n") as far,
        running(tmp_path, "", "--mode", mode) as run,
        through(run.port, "127.0.0.1", far.port) as tunnel,
    ):
        assert read_until(tunnel, b"\n") == b"220 mail.example ESMTP\r\n"
        tunnel.sendall(b"EHLO a\r\n")
        assert read_until(tunnel, b"\n") == b"EHLO a\r\n"
        tunnel.sendall(ALLOCATE)
        assert_refused(tunnel, ALLOCATE)
        assert far.received == b"EHLO a\r\n"


def test_through_an_upstream_proxy(tmp_path: Path) -> None:
    """It is asked for a tunnel when that is allowed; by a silent client, too."""
    opened = b"HTTP/1.1 200 OK\r\n\r\n220 mail.example ESMTP\r\n"
    with listening(opened) as upstream:
        config = f"upstream: {{proxy: http://127.0.0.1:{upstream.port}}}\n"
        with running(tmp_path, config) as run:
            with connect_through(run.port, "192.0.2.1", 3478) as tunnel:
                tunnel.sendall(ALLOCATE)
                assert_refused(tunnel, ALLOCATE)
            assert upstream.connections == 0
            with connect_through(run.port, "192.0.2.1", 25) as tunnel:
                assert read_until(tunnel, b"SMTP\r\n") == b"220 mail.example ESMTP\r\n"
                read_until(tunnel, b"\r\n\r\n")  # it echoes what it was asked
                tunnel.sendall(ALLOCATE)
                assert_refused(tunnel, ALLOCATE)
    assert upstream.received.startswith(b"CONNECT 192.0.2.1:25 HTTP/1.1\r\n")
    assert stun.COOKIE.to_bytes(4) not in upstream.received


def test_raw_bytes_pass_in_both_directions(guard: Running, far: Listener) -> None:
    sent = b"\x16" + os.urandom(200_000)
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        for start in range(0, len(sent), 5000):
            tunnel.sendall(sent[start : start + 5000])
            assert read(tunnel, len(sent[start : start + 5000])) == sent[start : start + 5000]


def test_a_few_bytes_that_might_become_stun_do_not_wait_for_ever(
    guard: Running, far: Listener
) -> None:
    with connect_through(guard.port, "127.0.0.1", far.port) as tunnel:
        tunnel.sendall(b"\x00\x01")
        assert read(tunnel, 2) == b"\x00\x01"


def test_tunnels_of_web_traffic(guard: Running, origin: Origin) -> None:
    with connect_through(guard.port, "127.0.0.1", origin.port) as tunnel:
        body = b"hello"
        head = f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        tunnel.sendall(head.encode() + body)
        assert read_until(tunnel, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert read(tunnel, len(body)) == body
    with connect(
        f"ws://127.0.0.1:{origin.port}/ws", proxy=f"http://127.0.0.1:{guard.port}"
    ) as channel:
        channel.send("hello")
        assert channel.recv(timeout=60) == "hello"


def test_a_server_that_is_not_there(guard: Running) -> None:
    with connect_through(guard.port, "127.0.0.1", free_port()) as tunnel:
        tunnel.sendall(b"\x10hello")
        assert tunnel.recv(1) == b""
    with connect_through(guard.port, "127.0.0.1", free_port()) as tunnel:
        assert tunnel.recv(1) == b"", "it waits for a server that nobody reaches"
    with connect_through(guard.port, "127.0.0.1", free_port()) as tunnel:
        tunnel.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_until(tunnel, b"\r\n").startswith(b"HTTP/1.1 502")

"""What a tunnel may lead to: a server that counts, and coturn; all on loopback."""

import contextlib
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.origin import free_port


@dataclass
class Listener:
    """A TCP server that remembers who came and what was sent; it greets, and echoes or answers."""

    port: int
    connections: int = 0
    received: bytearray = field(default_factory=bytearray)
    peers: list[str] = field(default_factory=list)  # who came


@contextlib.contextmanager
def listening(
    greeting: bytes = b"",
    tls: ssl.SSLContext | None = None,
    at: tuple[str, int] = ("127.0.0.1", 0),
    *,
    page: bytes = b"",
) -> Iterator[Listener]:
    """`page` is the answer to what ends as the head of a request does; without, it echoes."""
    family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
    server = socket.create_server(at, family=family)
    listener = Listener(server.getsockname()[1])
    # Only its own thread closes a connection: in the midst of TLS, OpenSSL would go on with the
    # number of the socket, which may be that of the next one by then.
    taken: list[tuple[socket.socket, threading.Thread]] = []

    def serve_one(one: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            one,
            tls.wrap_socket(one, server_side=True) if tls else one as talking,
        ):
            if greeting:
                talking.sendall(greeting)
            while data := talking.recv(65536):
                listener.received += data
                if not page:
                    talking.sendall(data)
                elif listener.received.endswith(b"\r\n\r\n"):
                    talking.sendall(page)

    def accept() -> None:
        while True:
            try:
                one, peer = server.accept()
            except OSError:
                return
            listener.connections += 1
            listener.peers.append(peer[0])
            serving = threading.Thread(target=serve_one, args=(one,), daemon=True)
            taken.append((one.dup(), serving))
            serving.start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(60)
        for same, serving in taken:
            with same, contextlib.suppress(OSError):  # it is ended already
                same.shutdown(socket.SHUT_RDWR)
            serving.join(60)


@dataclass
class UdpListener:
    """A UDP server that remembers what came; it echoes."""

    port: int
    received: list[bytes] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)


@contextlib.contextmanager
def hearing(at: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[UdpListener]:
    family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind(at)
        listener = UdpListener(server.getsockname()[1])
        ended = threading.Event()

        def echo() -> None:
            server.settimeout(0.1)
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    data, peer = server.recvfrom(65536)
                    listener.received.append(data)
                    listener.peers.append(peer[0])
                    server.sendto(data, peer)

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            ended.set()
            thread.join(60)


@contextlib.contextmanager
def coturn(
    folder: Path, *options: str, namespace: str = "", host: str = "127.0.0.1"
) -> Iterator[int]:
    """A TURN server for the user `u` with the password `p`; yields its port."""
    folder.mkdir()
    port = free_port() if not namespace else 3478
    command = ["ip", "netns", "exec", namespace] if namespace else []
    command += ["turnserver", "-n", f"--listening-ip={host}", f"--listening-port={port}"]
    command += [f"--relay-ip={host}", "--min-port=21000", "--max-port=21099", "--realm=test"]
    command += ["--lt-cred-mech", "--user=u:p", "--no-cli", "--no-dtls", "--log-file=stdout"]
    command += [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'turndb'}", *options]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        with inside(namespace) if namespace else contextlib.nullcontext():
            _wait_until_open(host, port, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_open(host: str, port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Sockets and threads that this thread makes meanwhile are in a network namespace."""
    with open("/proc/thread-self/ns/net") as own, open(f"/run/netns/{namespace}") as other:
        os.setns(other.fileno(), os.CLONE_NEWNET)
        try:
            yield
        finally:
            os.setns(own.fileno(), os.CLONE_NEWNET)


def connect_through(proxy: int, host: str, port: int) -> socket.socket:
    """A tunnel by CONNECT, as a browser asks for one."""
    tunnel = socket.create_connection(("127.0.0.1", proxy), timeout=60)
    at = f"{host}:{port}"
    tunnel.sendall(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n".encode())
    head = read_until(tunnel, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return tunnel


def connect_through_socks(proxy: int, host: str, port: int) -> socket.socket:
    """The same by SOCKS5 (RFC 1928), with a name."""
    tunnel = socket.create_connection(("127.0.0.1", proxy), timeout=60)
    tunnel.sendall(b"\x05\x01\x00")
    assert read(tunnel, 2) == b"\x05\x00"
    tunnel.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + port.to_bytes(2))
    assert read(tunnel, 10)[:2] == b"\x05\x00"
    return tunnel


def read(tunnel: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = tunnel.recv(size - len(data))
        assert more, f"it ended after {data!r}"
        data += more
    return data


def read_until(tunnel: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += read(tunnel, 1)
    return data


def send_slowly(tunnel: socket.socket, pieces: Sequence[bytes]) -> None:
    """Each piece in a segment of its own."""
    tunnel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        tunnel.sendall(piece)
        time.sleep(0.01)

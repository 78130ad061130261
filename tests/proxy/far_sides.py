"""What a tunnel may lead to: a server that counts, and coturn; all on loopback."""

import contextlib
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
    """A TCP server that remembers who came and what was sent; it greets, and echoes."""

    port: int
    connections: int = 0
    received: bytearray = field(default_factory=bytearray)


@contextlib.contextmanager
def listening(greeting: bytes = b"", tls: ssl.SSLContext | None = None) -> Iterator[Listener]:
    server = socket.create_server(("127.0.0.1", 0))
    listener = Listener(server.getsockname()[1])
    taken: list[socket.socket] = []

    def serve_one(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            talking = one if tls is None else tls.wrap_socket(one, server_side=True)
            taken.append(talking)
            if greeting:
                talking.sendall(greeting)
            while data := talking.recv(65536):
                listener.received += data
                talking.sendall(data)

    def accept() -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            listener.connections += 1
            taken.append(one)
            threading.Thread(target=serve_one, args=(one,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for one in taken:
            one.close()
        thread.join(10)


@contextlib.contextmanager
def coturn(folder: Path, *options: str) -> Iterator[int]:
    """A TURN server for the user `u` with the password `p`; yields its TCP port."""
    folder.mkdir()
    port = free_port()
    command = ["turnserver", "-n", "--listening-ip=127.0.0.1", f"--listening-port={port}"]
    command += ["--relay-ip=127.0.0.1", "--min-port=21000", "--max-port=21099", "--realm=test"]
    command += ["--lt-cred-mech", "--user=u:p", "--no-cli", "--no-dtls", "--log-file=stdout"]
    command += [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'turndb'}", *options]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait_until_open(port, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_open(port: int, log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def connect_through(proxy: int, host: str, port: int) -> socket.socket:
    """A tunnel by CONNECT, as a browser asks for one."""
    tunnel = socket.create_connection(("127.0.0.1", proxy), timeout=20)
    at = f"{host}:{port}"
    tunnel.sendall(f"CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n".encode())
    head = read_until(tunnel, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return tunnel


def connect_through_socks(proxy: int, host: str, port: int) -> socket.socket:
    """The same by SOCKS5 (RFC 1928), with a name."""
    tunnel = socket.create_connection(("127.0.0.1", proxy), timeout=20)
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

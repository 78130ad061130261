"""Real coturns: on the loopback interface, or wherever a test has its addresses."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.origin import free_port

ADDRESS = "127.0.0.1"
RELAY_PORTS = (20200, 20399)
USER, PASSWORD = "approved-user", "approved-password"
START_SECONDS = 60.0


def arguments(
    folder: Path, port: int, addresses: Sequence[str], relay_ports: tuple[int, int], realm: str
) -> list[str]:
    """coturn's command line; its database and its pid file are in this folder, its log is what it
    prints. Who may use it, and TLS, are further options."""
    return [
        "turnserver",
        "-n",  # the machine's /etc/turnserver.conf is none of the tests' business
        f"--listening-port={port}",
        f"--realm={realm}",
        f"--min-port={relay_ports[0]}",
        f"--max-port={relay_ports[1]}",
        f"--pidfile={folder / 'pid'}",
        f"--userdb={folder / 'turndb'}",
        "--log-file=stdout",
        "--simple-log",
        "--relay-threads=1",
        "--fingerprint",
        "--no-dtls",
        "--no-cli",
        "--no-rfc5780",
        *(f"--listening-ip={address}" for address in addresses),
        *(f"--relay-ip={address}" for address in addresses),
    ]


@contextmanager
def coturn(
    folder: Path, *options: str, relay_ports: tuple[int, int] = RELAY_PORTS
) -> Iterator[int]:
    """One on loopback with these further options, listening; yields its port."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    argv = [*arguments(folder, port, [ADDRESS], relay_ports, "page.test"), *options]
    log = folder / "coturn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait_listening(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Turn:
    """A running TURN server; `server` is its RTCIceServer dictionary."""

    port: int

    @property
    def server(self) -> dict[str, object]:
        urls = [f"turn:{ADDRESS}:{self.port}?transport=udp"]
        return {"urls": urls, "username": USER, "credential": PASSWORD}


@contextmanager
def running_turn(folder: Path) -> Iterator[Turn]:
    """The approved TURN server of guarded page tests."""
    user = ["--lt-cred-mech", f"--user={USER}:{PASSWORD}"]
    with coturn(folder, *user, "--allow-loopback-peers", "--no-tls") as port:
        yield Turn(port)


def _wait_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((ADDRESS, port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"coturn did not start:\n{log.read_text()}") from None
            time.sleep(0.03)

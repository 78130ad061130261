"""A real coturn on the loopback interface: the approved TURN server of guarded page tests."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.origin import free_port

ADDRESS = "127.0.0.1"
RELAY_PORTS = (20200, 20399)
USER, PASSWORD = "approved-user", "approved-password"
START_SECONDS = 10.0


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
    """coturn on a free port; its log and its database are in this folder."""
    port = free_port()
    argv = [
        "turnserver",
        "-n",  # the machine's /etc/turnserver.conf is none of the tests' business
        f"--listening-port={port}",
        f"--listening-ip={ADDRESS}",
        f"--relay-ip={ADDRESS}",
        f"--min-port={RELAY_PORTS[0]}",
        f"--max-port={RELAY_PORTS[1]}",
        f"--pidfile={folder / 'pid'}",
        f"--userdb={folder / 'turndb'}",
        "--realm=page.test",
        "--lt-cred-mech",
        f"--user={USER}:{PASSWORD}",
        "--allow-loopback-peers",
        "--log-file=stdout",
        "--simple-log",
        "--relay-threads=1",
        "--fingerprint",
        "--no-tls",
        "--no-dtls",
        "--no-cli",
        "--no-rfc5780",
    ]
    log = folder / "coturn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait_listening(process, port, log)
        yield Turn(port)
    finally:
        process.terminate()
        process.wait()


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

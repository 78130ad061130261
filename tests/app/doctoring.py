"""What the doctor finds out, as values."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtcguard.app.doctor import turn
from rtcguard.app.doctor.check import Check, Result, Setup, Status, run
from rtcguard.app.settings import State, read_config, read_policy
from rtcguard.network.server import StunServer
from rtcguard.policy.model import Policy


@dataclass
class Found:
    passed: bool
    rows: list[tuple[str, Result]] = field(default_factory=list)

    def of(self, status: Status) -> list[str]:
        return [result.what for _, result in self.rows if result.status == status]

    def the(self, status: Status, part: str) -> Result:
        """The one result of this status that has `part` in it."""
        fitting = [r for _, r in self.rows if r.status == status and part in r.what]
        assert len(fitting) == 1, self.rows
        return fitting[0]


def examine(checks: Sequence[Check]) -> Found:
    rows: list[tuple[str, Result]] = []

    def tell(check: Check, results: Sequence[Result]) -> None:
        rows.extend((check.name, result) for result in results)

    return Found(asyncio.run(run(checks, tell)), rows)


def setup_of(folder: Path, text: str, state: Path | None = None) -> Setup:
    """A configuration (without its version), and `state`, or a folder that is not there."""
    file = folder / "doctor.yaml"
    web = "" if "web:" in text else "web: {listen: null}\n"
    file.write_text(f"version: 1\n{web}{text}")
    return Setup(read_policy(read_config(file)), State(state or folder / "no-state"))


def relays(
    folder: Path, *servers: str, more: str = "", clock: Callable[[], float] = time.time
) -> Found:
    """What it finds out about these entries of `relay.servers`."""
    file = folder / "doctor.yaml"
    file.write_text(f"version: 1\nrelay: {{servers: [{', '.join(servers)}]}}\n{more}")
    return examine(turn.checks(read_policy(read_config(file)), clock))


def with_secret(folder: Path, secret: str, *urls: str, more: str = "") -> str:
    """An entry of `relay.servers`."""
    file = folder / "turn.secret"
    file.write_text(secret)
    file.chmod(0o600)
    quoted = ", ".join(f'"{url}"' for url in urls)
    return f"{{urls: [{quoted}], shared_secret_file: {file}{more}}}"


def with_user(user: str, password: str, *urls: str) -> str:
    quoted = ", ".join(f'"{url}"' for url in urls)
    return f"{{urls: [{quoted}], username: {user}, credential: {password}}}"


@contextlib.contextmanager
def responder(policy: Policy) -> Iterator[int]:
    """A STUN responder of ours on loopback; yields its port."""
    stop, stopped = socket.socketpair()
    with stopped, StunServer([("127.0.0.1", 0)], policy, lambda _: None) as server:
        thread = threading.Thread(target=server.serve, args=(stopped,))
        thread.start()
        try:
            yield server.addresses[0][1]
        finally:
            stop.close()
            thread.join()


@contextlib.contextmanager
def closing() -> Iterator[int]:
    """A port that takes connections, hears what is said first, and closes them: unheard, a reset
    might come in place of the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with listening.accept()[0] as taken:
                        taken.recv(4096)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()

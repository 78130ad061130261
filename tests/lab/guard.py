"""rtcguard itself on the lab's gateway, started as a user would start it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record

from .net import APPROVED_TURN, GATEWAY, LAN, SINK
from .process import LabError
from .servers import APPROVED_SECRET, PORT
from .world import ROOT, World

PROXY_PORT = 8080
PROXY = f"{GATEWAY.v4}:{PROXY_PORT}"
READY_SECONDS = 120.0
RUNS_AGAIN = "process runs again"  # what the log says of each that died


# As the gateway of its clients: nobody is told of a proxy or of a resolver, and the responder
# answers for others.
GATEWAY_CONFIG = f"""\
stun: {{listen: ["0.0.0.0:3478", "[::]:3478"]}}
sinkhole: {{listen: ["0.0.0.0:5300", "[::]:5300"], upstream: ["{SINK.v4}"],
           clients: ["10.77.0.0/24", "2001:db8:77::/64"]}}
gateway: {{interfaces: [{LAN}], transparent: true}}
"""
PROXY_CONFIG = f"""\
stun: {{listen: ["{GATEWAY.v4}:3478"]}}
"""


# The text of a configuration, when it is known where the TURN server's secret is.
Configuration = Callable[[World, Path], str]


def _configuration(page_guard: bool, transport: str, gateway: bool, more: str) -> Configuration:
    def written(world: World, secret: Path) -> str:
        return f"""\
version: 1
listen: {PROXY}
web: {{listen: null}}
relay:
  servers:
    - urls: ["turn:{APPROVED_TURN.v4}:{PORT}?transport={transport}"]
      shared_secret_file: {secret}
      lifetime: 12h
  site_servers: drop
page: {{guard: {str(page_guard).lower()}}}
upstream: {{trusted_ca: {world.ca.certificate}}}
{GATEWAY_CONFIG if gateway else PROXY_CONFIG}{more}"""

    return written


def _command_line(pid: int) -> bytes:
    """Empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Guard:
    """One run of `rtcguard run`, and what it has to report afterwards."""

    def __init__(
        self, world: World, directory: Path, configuration: Configuration, gateway: bool
    ) -> None:
        directory.mkdir()
        secret = directory / "turn.secret"
        secret.touch(mode=0o600)
        secret.write_text(APPROVED_SECRET + "\n")
        self._world = world
        self._state = directory / "state"
        self.config = directory / "rtcguard.yaml"
        self.config.write_text(configuration(world, secret))
        self._environment = {
            **os.environ,
            "RTCGUARD_STATE_DIR": str(self._state),
            "PYTHONPATH": str(ROOT),
        }
        if gateway:  # first, so that nothing passes before rtcguard is ready
            self.command("gateway", "up")
        self.start()

    def start(self) -> None:
        """`rtcguard run`; also once more, after it was ended or killed."""
        argv = [sys.executable, "-m", "rtcguard", "run", "--config", str(self.config)]
        self._process = self._world.lab.start(
            self._world.lab.gateway, "rtcguard", [*argv, "--listen", PROXY], env=self._environment
        )

    @property
    def ca(self) -> Path:
        """What the browser is told to trust; the lab's own CA it need not know."""
        return self._state / "ca" / "mitmproxy-ca-cert.pem"

    def wait(self) -> None:
        self._process.wait_log("ready", READY_SECONDS)
        self._process.wait_port("tcp", GATEWAY.v4, PROXY_PORT)
        if not self.ca.is_file():
            raise LabError(f"rtcguard is ready without {self.ca}")

    def processes(self) -> list[int]:
        """The process ids of those that `rtcguard run` watches over."""
        run = self._process.pid
        found = Path(f"/proc/{run}/task/{run}/children").read_text().split()
        return [pid for pid in map(int, found) if b"multiprocessing-fork" in _command_line(pid)]

    def kill(self, pid: int) -> None:
        """Kill one of them, and wait until it runs again."""
        before = self.log.count(RUNS_AGAIN)
        os.kill(pid, signal.SIGKILL)
        self._process.wait_until(
            "process that runs again", lambda: self.log.count(RUNS_AGAIN) > before, READY_SECONDS
        )

    def kill_all(self) -> None:
        """Kill the one that watches; the others end by themselves, and are waited for."""
        others = self.processes()
        self._process.stop(signal.SIGKILL)
        deadline = time.monotonic() + READY_SECONDS
        while any(map(_command_line, others)):
            if time.monotonic() > deadline:
                raise LabError(f"these outlive rtcguard: {others}\n{self._process.tail()}")
            time.sleep(0.03)

    def stop(self) -> None:
        """End it, so that everything it knows is in the ledger."""
        self._process.stop()

    @property
    def log(self) -> str:
        return self._process.log.read_text(errors="replace")

    def report(self, by: str) -> dict[str, dict[str, Any]]:
        """`rtcguard report --by ... --format json`: its rows by their key."""
        text = self.command("report", "--format", "json", "--by", by)
        return {str(row["key"]): row for row in json.loads(text)["rows"]}

    def outcomes(self) -> list[str]:
        """`rtcguard report --calls`: what became of each call, the last one first."""
        made = json.loads(self.command("report", "--calls", "--format", "json"))
        return [str(call["outcome"]) for call in made["calls"]]

    def records(self) -> list[Record]:
        """All that the ledger has, in its order; to be asked when it has ended."""
        with contextlib.closing(Store(self._state / "ledger.sqlite3")) as store:
            return [event.record for _, event in store.after(0, 100_000)]

    def command(self, name: str, *arguments: str) -> str:
        """What a command of rtcguard's says on the gateway, with this configuration."""
        lab = self._world.lab
        variables = [
            f"{key}={self._environment[key]}" for key in ("RTCGUARD_STATE_DIR", "PYTHONPATH")
        ]
        rtcguard = ["env", *variables, sys.executable, "-m", "rtcguard", name, *arguments]
        return lab.run(lab.gateway, *rtcguard, "--config", str(self.config))


@contextmanager
def running_guard(
    world: World,
    *,
    page_guard: bool = True,
    transport: str = "udp",
    gateway: bool = False,
    more: str = "",
    configuration: Configuration | None = None,
) -> Iterator[Guard]:
    """rtcguard with a state folder of its own, for the time of a `with` block. `transport`: how
    the approved TURN server is to be spoken to; `gateway`: with the firewall up, and clients that
    know of no proxy; `more`: further keys of the configuration; `configuration`: another one than
    what is made of these."""
    number = len(list(world.lab.directory.glob("guard-*")))
    directory = world.lab.directory / f"guard-{number}"
    made = configuration or _configuration(page_guard, transport, gateway, more)
    guard = Guard(world, directory, made, gateway)
    try:
        guard.wait()
        yield guard
    finally:
        guard.stop()
        if gateway:
            guard.command("gateway", "down")

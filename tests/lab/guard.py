"""rtcguard itself on the lab's gateway, started as a user would start it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .net import APPROVED_TURN, GATEWAY
from .process import LabError
from .servers import APPROVED_SECRET, PORT
from .world import ROOT, World

PROXY_PORT = 8080
PROXY = f"{GATEWAY.v4}:{PROXY_PORT}"
READY_SECONDS = 15.0


def _config(world: World, directory: Path, page_guard: bool, transport: str) -> Path:
    secret = directory / "turn.secret"
    secret.touch(mode=0o600)
    secret.write_text(APPROVED_SECRET + "\n")
    file = directory / "rtcguard.yaml"
    file.write_text(f"""\
version: 1
listen: {PROXY}
relay:
  servers:
    - urls: ["turn:{APPROVED_TURN.v4}:{PORT}?transport={transport}"]
      shared_secret_file: {secret}
      lifetime: 12h
  site_servers: drop
page: {{guard: {str(page_guard).lower()}}}
stun: {{listen: ["{GATEWAY.v4}:3478"]}}
upstream: {{trusted_ca: {world.ca.certificate}}}
""")
    return file


class Guard:
    """One run of `rtcguard run`, and what it has to report afterwards."""

    def __init__(self, world: World, directory: Path, page_guard: bool, transport: str) -> None:
        directory.mkdir()
        self._world = world
        self._state = directory / "state"
        self._config = _config(world, directory, page_guard, transport)
        self._environment = {
            **os.environ,
            "RTCGUARD_STATE_DIR": str(self._state),
            "PYTHONPATH": str(ROOT),
        }
        argv = [sys.executable, "-m", "rtcguard", "run", "--config", str(self._config)]
        self._process = world.lab.start(
            world.lab.gateway, "rtcguard", [*argv, "--listen", PROXY], env=self._environment
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

    def stop(self) -> None:
        """End it, so that everything it knows is in the ledger."""
        self._process.stop()

    @property
    def log(self) -> str:
        return self._process.log.read_text(errors="replace")

    def report(self, by: str) -> dict[str, dict[str, Any]]:
        """`rtcguard report --by ... --format json`: its rows by their key."""
        lab = self._world.lab
        argv = [sys.executable, "-m", "rtcguard", "report", "--config", str(self._config)]
        variables = [
            f"{name}={self._environment[name]}" for name in ("RTCGUARD_STATE_DIR", "PYTHONPATH")
        ]
        text = lab.run(lab.gateway, "env", *variables, *argv, "--format", "json", "--by", by)
        return {str(row["key"]): row for row in json.loads(text)["rows"]}


@contextmanager
def running_guard(
    world: World, *, page_guard: bool = True, transport: str = "udp"
) -> Iterator[Guard]:
    """rtcguard with a state folder of its own, for the time of a `with` block. `transport`: how
    the approved TURN server is to be spoken to."""
    number = len(list(world.lab.directory.glob("guard-*")))
    guard = Guard(world, world.lab.directory / f"guard-{number}", page_guard, transport)
    try:
        guard.wait()
        yield guard
    finally:
        guard.stop()

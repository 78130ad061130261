"""rtcguard as a user starts it: a process, its lines, its ledger."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from tests.origin import free_port

HERE = (sys.executable, "-m", "rtcguard")  # as this checkout has it


@dataclass
class Running:
    """`rtcguard run`, ready; its standard error is in `log`."""

    process: subprocess.Popen[str]
    port: int
    state: Path
    log: Path
    lines: list[str] = field(default_factory=list)

    def request(
        self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """One request through the proxy."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, url, body, headers or {})
            response = connection.getresponse()
            return response, response.read()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def report(self, by: str) -> list[dict[str, Any]]:
        made = rtcguard(["report", "--by", by, "--format", "json"], self.state)
        rows: list[dict[str, Any]] = json.loads(made.stdout)["rows"]
        return rows


def free_udp_port() -> int:
    """One that is free for TCP, too: the responder and the sinkhole listen on both."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as held, socket.socket() as other:
            held.bind(("127.0.0.1", 0))
            port: int = held.getsockname()[1]
            with contextlib.suppress(OSError):
                other.bind(("127.0.0.1", port))
                return port


def environment(state: Path, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    return {**variables, "RTCGUARD_STATE_DIR": str(state)}


def rtcguard(
    arguments: Sequence[str],
    state: Path,
    *,
    stdin: bytes = b"",
    variables: Mapping[str, str] = os.environ,
) -> subprocess.CompletedProcess[bytes]:
    """One command to its end; `variables` are those of its session."""
    return subprocess.run(
        [*HERE, *arguments],
        input=stdin,
        capture_output=True,
        env=environment(state, variables),
        timeout=60,
        check=False,
    )


@contextlib.contextmanager
def running(
    folder: Path,
    config: str = "",
    *arguments: str,
    within: Sequence[str] = (),
    host: str = "127.0.0.1",
    variables: Mapping[str, str] = os.environ,
    program: Sequence[str] = HERE,
) -> Iterator[Running]:
    """`rtcguard run` with this configuration (without its version, stun and web), on a free port;
    `within` is what runs it elsewhere, as `ip netns exec` does; `program` is another rtcguard."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "rtcguard.yaml"
    stun = "" if "stun:" in config else "stun: {listen: []}\n"
    web = "" if "web:" in config else "web: {listen: null}\n"
    file.write_text(f"version: 1\n{stun}{config}\n{web}")
    port, log = free_port(), folder / "log"
    command = ["run", "--config", str(file), "--listen", f"{host}:{port}", *arguments]
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [*within, *program, *command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(folder / "state", variables),
        )
    run = Running(process, port, folder / "state", log)
    try:
        _wait_ready(run)
        yield run
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
            assert process.stdout is not None
            process.stdout.close()


def _wait_ready(run: Running) -> None:
    """Reads lines until `ready`; they may be looked at afterwards."""
    lines: queue.Queue[str] = queue.Queue()
    assert run.process.stdout is not None
    stream = run.process.stdout

    def read() -> None:
        for line in stream:
            lines.put(line.strip())
            if "ready" in line:
                return
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while True:
        line = lines.get(timeout=60)
        if not line:
            raise AssertionError(f"rtcguard did not start: {run.log.read_text()}")
        run.lines.append(line)
        if "ready" in line:
            return

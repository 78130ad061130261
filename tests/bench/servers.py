"""The servers that are measured, and the origin behind the proxies; loopback, on free ports."""

import functools
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.process import LOAD_CORE, MEASURED_CORE, Process
from tests.bench.table import BenchError

ROOT: Final = Path(__file__).resolve().parents[2]
_ADDON: Final = ROOT / "addons" / "rtcguard_addon.py"
_MITMDUMP: Final = "from mitmproxy.tools.main import mitmdump; mitmdump()"


@dataclass(frozen=True, slots=True)
class Server:
    """A running process, and the port at which it answers."""

    process: Process
    port: int
    state: Path
    seconds: float  # from its start until it was ready


@dataclass(slots=True)
class Servers:
    """Starts servers, each with a folder of its own below `folder`. The caller stops them."""

    folder: Path
    _number: int = 0

    def environment(self, state: Path) -> dict[str, str]:
        """As a user has it: with compiled modules kept, but not between the checkout's files."""
        made = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return made | {
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(self.folder / "pycache"),
            "RTCGUARD_STATE_DIR": str(state),
        }

    def origin(self) -> Server:
        """The HTTP server of `origin.py`."""
        port, folder = free_port(), self._folder("origin")
        argv = [sys.executable, "-m", "tests.bench.origin", str(port)]
        return self._ready(argv, folder, port, LOAD_CORE)

    def rtcguard(
        self, *, stun: int = 0, state: Path | None = None, measured: bool = False, web: int = 0
    ) -> Server:
        """`rtcguard run` with one worker; with `stun`, its responder listens at this port, with
        `web` its site; `measured`: with figures for Prometheus, and an export."""
        port, folder = free_port(), self._folder("rtcguard")
        config = self._config(folder, stun, web)
        if measured:
            with config.open("a") as file:
                file.write(f"metrics: {{listen: '127.0.0.1:{free_port()}'}}\n")
                file.write(f"exports: {{to: jsonl, file: {folder / 'events.jsonl'}}}\n")
        argv = [sys.executable, "-m", "rtcguard", "run"]
        argv += ["--config", str(config), "--listen", f"127.0.0.1:{port}"]
        return self._ready(argv, folder, port, MEASURED_CORE, state)

    def mitmdump(self, *, addon: bool = False, state: Path | None = None) -> Server:
        """mitmdump without a terminal's output: bare, or with rtcguard's addon."""
        port, folder = free_port(), self._folder("addon" if addon else "mitmdump")
        state = state or folder / "state"
        argv = [sys.executable, "-c", _MITMDUMP, "-q", "--set", f"confdir={state / 'ca'}"]
        argv += ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
        if addon:
            argv += ["-s", str(_ADDON), "--set", f"rtcguard_config={self._config(folder, 0)}"]
        return self._listening(argv, folder, port, state)

    def coturn(self) -> Server:
        """coturn that answers STUN over UDP, and nothing else. Raises BenchError without one."""
        program = shutil.which("turnserver", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise BenchError("turnserver (Debian: coturn) is not installed")
        port, folder = free_port(socket.SOCK_DGRAM), self._folder("coturn")
        argv = [program, "-n", "--stun-only", "--listening-ip=127.0.0.1"]
        argv += [f"--listening-port={port}", "--relay-threads=1", f"--pidfile={folder / 'pid'}"]
        argv += [f"--userdb={folder / 'db'}", "--log-file=stdout", "--simple-log"]
        argv += ["--no-tcp", "--no-tls", "--no-dtls", "--no-cli", "--no-rfc5780"]
        process = Process(argv, folder / "coturn.log", core=MEASURED_CORE)
        wait = functools.partial(_bound_udp, port)
        return Server(process, port, folder, _or_stop(process, "UDP socket", wait))

    def _ready(
        self, argv: list[str], folder: Path, port: int, core: int, state: Path | None = None
    ) -> Server:
        """Of a program that says `ready`."""
        state = state or folder / "state"
        process = Process(argv, folder / f"{folder.name}.log", self.environment(state), core)

        def said() -> bool:
            return "ready" in process.log.read_text(errors="replace").splitlines()

        return Server(process, port, state, _or_stop(process, "'ready'", said))

    def _listening(self, argv: list[str], folder: Path, port: int, state: Path) -> Server:
        """Of a program that does not say when it is ready: its port can be connected to."""
        log = folder / f"{folder.name}.log"
        process = Process(argv, log, self.environment(state), MEASURED_CORE)
        wait = functools.partial(_accepts, port)
        return Server(process, port, state, _or_stop(process, "listening port", wait))

    def _config(self, folder: Path, stun: int, web: int = 0) -> Path:
        """A usual configuration: one approved relay, with credentials of limited lifetime. The
        load is one source; what it may be answered in a second is more than any can be."""
        secret, file = folder / "turn.secret", folder / "rtcguard.yaml"
        secret.touch(mode=0o600)
        secret.write_text("a-secret-of-this-benchmark\n")
        listen = f'["127.0.0.1:{stun}"]' if stun else "[]"
        site = f'"127.0.0.1:{web}"' if web else "null"
        file.write_text(f"""\
version: 1
web: {{listen: {site}}}
relay:
  servers:
    - urls: ["turn:192.0.2.30:3478?transport=udp", "turns:192.0.2.30:443?transport=tcp"]
      shared_secret_file: {secret}
stun: {{listen: {listen}, rate: 100000000}}
""")
        return file

    def _folder(self, name: str) -> Path:
        self._number += 1
        made = self.folder / f"{name}-{self._number}"
        made.mkdir()
        return made


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def _or_stop(process: Process, what: str, happened: Callable[[], bool]) -> float:
    try:
        return process.wait_until(what, happened)
    except BaseException:
        process.stop()
        raise


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _bound_udp(port: int) -> bool:
    """Whether somebody has bound this UDP port of 127.0.0.1 (as the kernel writes it)."""
    return f" 0100007F:{port:04X} " in Path("/proc/net/udp").read_text()

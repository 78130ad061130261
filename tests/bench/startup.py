"""How long a person waits: `rtcguard --help`, and `rtcguard run` until it says `ready`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.servers import Server, Servers, free_port
from tests.bench.table import BenchError, Line, alternate, single

_ROUNDS: Final = 3


def run(servers: Servers) -> Iterator[Line]:
    state = servers.folder / "startup"
    state.mkdir()
    environment = servers.environment(state)

    def seconds(*argv: str) -> float:
        started = time.perf_counter()
        made = subprocess.run(argv, env=environment, capture_output=True, timeout=30, check=False)
        if made.returncode:
            raise BenchError(f"{argv}: {made.stderr.decode(errors='replace')}")
        return time.perf_counter() - started

    def help_() -> float:
        return seconds(sys.executable, "-m", "rtcguard", "--help")

    def python() -> float:
        return seconds(sys.executable, "-c", "pass")

    help_()  # compiles what is imported, as the first start after an installation does
    ours, bare = alternate((help_, python), 3 * _ROUNDS)
    yield single("rtcguard --help, s (bare: python -c pass)", ours, "{:.3f}", bare, 0.3)

    def guarded(folder: Path | None) -> float:
        return _start(servers.rtcguard(stun=free_port(), state=folder))

    def dumped(folder: Path | None) -> float:
        return _start(servers.mitmdump(state=folder))

    guarded(None), dumped(None)  # compiles, as above
    ours, bare = alternate((lambda: guarded(None), lambda: dumped(None)), _ROUNDS)
    what = "run until ready, s (bare: until mitmdump listens)"
    yield single(f"first {what}", ours, "{:.2f}", bare, 3)
    ours, bare = alternate((lambda: guarded(state), lambda: dumped(state)), _ROUNDS)
    yield single(what, ours, "{:.2f}", bare, 3)


def _start(server: Server) -> float:
    server.process.stop()
    return server.seconds

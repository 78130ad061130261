"""`python -m tests.bench [CASE]...`: runs the benchmarks, and prints one table."""

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.bench import (
    download,
    first_byte,
    flood,
    guard,
    ledger,
    live,
    measuring,
    messages,
    policy,
    proxy,
    rewrite,
    scan,
    site,
    startup,
    stun,
)
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, render

_CASES: Final[dict[str, Callable[[Servers], Iterator[Line]]]] = {
    "startup": startup.run,
    "rewrite": rewrite.run,
    "policy": policy.run,
    "ledger": ledger.run,
    "site": site.run,
    "live": live.run,
    "guard": guard.run,
    "proxy": proxy.run,
    "first_byte": first_byte.run,
    "messages": messages.run,
    "download": download.run,
    "stun": stun.run,
    "flood": flood.run,
    "scan": scan.run,
    "measuring": measuring.run,
}
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in _CASES]
    if unknown:
        _say(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(_CASES)}")
        return 2
    for number in _ENDINGS:
        signal.signal(number, _end)
    started, failed = time.monotonic(), 0
    lines: list[Line] = []
    _say(
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, "
        f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(prefix="rtcguard-bench-") as folder:
        servers = Servers(Path(folder))
        for name in names or _CASES:
            sys.stderr.write(f"{name} …\n")
            try:
                lines += _CASES[name](servers)
            except BenchError as error:
                lines.append(Line(f"{name}: FAILED, see below"))
                sys.stderr.write(f"{name}: {error}\n")
                failed = 1
    for text in render(lines):
        _say(text)
    _say(
        f"{time.monotonic() - started:.0f} s, load after: {os.getloadavg()[0]:.1f}; "
        "ratio = with rtcguard / bare"
    )
    return failed


def _end(number: int, _: object) -> None:
    """Unwinds, which stops all servers; a second Ctrl-C must not leave one behind."""
    for one in _ENDINGS:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

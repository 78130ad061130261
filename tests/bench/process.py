"""A process of a benchmark: pinned to a core, measured through /proc, stopped by its own id."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from tests.bench.table import BenchError

_CORES: Final = sorted(os.sched_getaffinity(0))
# What is measured has a core to itself; the load and the origin share another (if there is one).
MEASURED_CORE: Final = _CORES[0]
LOAD_CORE: Final = _CORES[-1]

_STOP_WAIT: Final = 8.0
_POLL: Final = 0.005


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keeps this process, which is the load, off the core of what it measures (or on it)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """`argv`, running from here on; its output goes to `log`."""

    def __init__(
        self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None, core: int = -1
    ) -> None:
        self.log = log
        self.started = time.perf_counter()
        cores = {core} if core >= 0 else set(_CORES)
        with log.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal reaches the benchmark, which then stops
            # this; and its children are found by its id.
            self._popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )

    def wait_until(self, what: str, happened: Callable[[], bool], seconds: float = 30) -> float:
        """Waits for it, and returns the seconds since the start; BenchError when it does not."""
        while not happened():
            waited = time.perf_counter() - self.started
            if self._exited() or waited > seconds:
                text = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
                raise BenchError(f"{self.log.stem}: no {what} after {waited:.1f} s\n{text}")
            time.sleep(_POLL)
        return time.perf_counter() - self.started

    def wait_line(self, line: str) -> float:
        """Waits until it has written `line`."""
        return self.wait_until(repr(line), lambda: line in self.log.read_text().splitlines())

    def members(self) -> list[int]:
        """Its id, and those of its children and theirs."""
        found = [self._popen.pid]
        for pid in found:
            found += _children(pid)
        return found

    def cpu_seconds(self) -> float:
        """What all its threads have used of the CPU, from the scheduler's own count."""
        return sum(_run_time(pid) for pid in self.members()) / 1e9

    def peak_mb(self) -> float:
        """The largest resident set that any of its processes had, in MB.

        Of `rtcguard run` that is the proxy worker: the supervisor and the STUN process load
        nothing of mitmproxy.
        """
        return max(map(_peak_kb, self.members())) / 1024

    def settle(self, seconds: float = 5.0) -> None:
        """Waits until it has nothing left to do (a ledger to write), so that it disturbs nobody."""
        until = time.monotonic() + seconds
        before = self.cpu_seconds()
        while time.monotonic() < until:
            time.sleep(0.2)
            now = self.cpu_seconds()
            if now - before < 0.01:
                return
            before = now

    def stop(self) -> None:
        """Asks it to end, waits, and then ends whatever it has left behind."""
        if self._popen.returncode is not None:
            return  # stopped before
        if not self._exited():
            os.kill(self._popen.pid, signal.SIGTERM)
            until = time.monotonic() + _STOP_WAIT
            while not self._exited() and time.monotonic() < until:
                time.sleep(_POLL)
        # Not reaped yet, so the id is still its own, and that of the group of its children.
        os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _exited(self) -> bool:
        """Whether it has ended; without reaping it, which would give its id away."""
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._popen.pid, flags) is not None


def _tasks(pid: int) -> Iterator[Path]:
    try:
        yield from Path(f"/proc/{pid}/task").iterdir()
    except FileNotFoundError:
        return


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _tasks(pid):
        found += map(int, (task / "children").read_text().split())
    return found


def _run_time(pid: int) -> int:
    return sum(int((task / "schedstat").read_text().split()[0]) for task in _tasks(pid))


def _peak_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0  # a zombie has no memory

"""A process in one network namespace: its output in a file, stopped by its own id.

Nothing here looks a process up by its name: the machine may well run a coturn, a browser or a proxy
of its own.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from rtcguard.errors import StartError

# Far above what is needed: they end a run in which something is broken.
PORT_WAIT: Final = 60.0
STOP_WAIT: Final = 30.0


class NetworkError(StartError):
    """The network, or a program in it, could not be built or run; says nothing about leaks."""


class Process:
    """`argv` running in network namespace `namespace`; standard output and error go to `log`."""

    def __init__(
        self,
        namespace: str,
        argv: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.namespace = namespace
        self.name = log.stem
        self.log = log
        with log.open("wb") as output:
            # `ip netns exec` replaces itself by the command, so this pid is the command's own. A
            # session of its own keeps a Ctrl-C in the terminal from reaching it before we do.
            self._popen = subprocess.Popen(
                ["ip", "netns", "exec", namespace, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def tail(self, lines: int = 25) -> str:
        """The end of the log, for error messages."""
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"

    def wait_until(self, what: str, happened: Callable[[], bool], seconds: float) -> None:
        """Poll `happened`; a process that dies or is late fails with the end of its log."""
        deadline = time.monotonic() + seconds
        while not happened():
            code = self._popen.poll()
            if code is not None:
                raise NetworkError(f"{self.name} ended with {code} before {what}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise NetworkError(f"{self.name}: no {what} after {seconds:g} s:\n{self.tail()}")
            time.sleep(0.03)

    def wait_log(self, word: str, seconds: float = PORT_WAIT) -> None:
        """Wait until the log has `word`."""
        self.wait_until(repr(word), lambda: word in self.log.read_text(errors="replace"), seconds)

    def wait_port(
        self, protocol: Literal["tcp", "udp"], address: str, port: int, seconds: float = PORT_WAIT
    ) -> None:
        """Wait until a socket in this namespace listens at exactly this address and port."""
        host = f"[{address}]" if ":" in address else address
        argv = ["ip", "netns", "exec", self.namespace, "ss", "-Hln", f"--{protocol}"]

        def listens() -> bool:
            sockets = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            local = (line.split()[3] for line in sockets.splitlines() if len(line.split()) > 3)
            return f"{host}:{port}" in local

        self.wait_until(f"listener on {protocol} {host}:{port}", listens, seconds)

    def wait_end(self, seconds: float) -> None:
        """Wait until it has ended by itself, and well."""
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise NetworkError(f"{self.name} runs after {seconds:g} s:\n{self.tail()}") from None
        if code != 0:
            raise NetworkError(f"{self.name} ended with {code}:\n{self.tail()}")

    def stop(self, ask: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, wait, and kill it only if it does not; harmless when already ended."""
        if self._popen.poll() is None:
            self._popen.send_signal(ask)
            try:
                self._popen.wait(STOP_WAIT)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()

"""A shell at a terminal, in which somebody types."""

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator, Sequence

_CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r")


class Terminal:
    """What is typed into the shell, and what it shows."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = b""

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def wait(self, text: str) -> str:
        """Everything shown since the last call, up to and with `text`."""
        until = time.monotonic() + 60
        while text.encode() not in (seen := _CONTROLS.sub(b"", self._shown)):
            left = max(0.0, until - time.monotonic())
            if not select.select([self._descriptor], [], [], left)[0]:
                raise AssertionError(f"{text!r} was not shown, but {seen.decode()!r}")
            self._shown += os.read(self._descriptor, 4096)
        before, found, after = seen.partition(text.encode())
        self._shown = after
        return (before + found).decode()


@contextlib.contextmanager
def terminal(command: Sequence[str], environment: dict[str, str]) -> Iterator[Terminal]:
    """The shell as it runs at a terminal of its own."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm", "PS1": "$ "},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(ours)
    finally:
        process.kill()
        process.wait(60)
        os.close(ours)

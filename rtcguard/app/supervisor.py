"""The supervisor of `rtcguard run`: starts the processes, starts a dead one again, ends them all.

While a process is dead its port is closed, so nothing passes in the meantime. One that cannot keep
up is given up on: the whole run ends, and says why.
"""

import contextlib
import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

from rtcguard.errors import RtcguardError, StartError

_START_TIMEOUT: Final = 30.0  # seconds until a process has to be ready
_STOP_TIMEOUT: Final = 5.0
_SOON: Final = 10.0  # seconds; a process that dies within them was not well
_GIVE_UP: Final = 5  # such deaths, one after the other

type _Pipe = connection.Connection[Any, Any]

logger = logging.getLogger(__name__)

# Fresh interpreters: nothing of the supervisor's memory, threads or sockets gets into a worker.
_CONTEXT = multiprocessing.get_context("spawn")

Target = Callable[[Any, Any], None]


@dataclass(slots=True)
class _Child:
    name: str
    target: Target
    process: BaseProcess | None = None
    pipe: _Pipe | None = None
    started: float = 0.0
    deaths: int = 0


@dataclass(slots=True)
class Supervisor:
    """`settings` goes to every process as it is."""

    settings: Any
    _children: list[_Child] = field(default_factory=list)

    def start(self, name: str, target: Target) -> None:
        """Starts a process and waits until it is ready. Raises StartError with what it said."""
        child = _Child(name, target)
        self._children.append(child)
        self._launch(child)

    def watch(self) -> None:
        """Returns on SIGINT or SIGTERM. Raises RtcguardError when a process cannot be kept up."""
        with _signals() as wakeup:
            while True:
                alive = {child.process.sentinel: child for child in self._children if child.process}
                ready = connection.wait([*alive, wakeup])
                if wakeup in ready:
                    return
                for sentinel in ready:
                    if isinstance(sentinel, int):
                        self._revive(alive[sentinel])

    def stop(self) -> None:
        """Ends every process: by its pipe, and by force where it does not listen."""
        for child in self._children:
            if child.pipe is not None:
                child.pipe.close()
        until = time.monotonic() + _STOP_TIMEOUT
        for child in self._children:
            if child.process is not None:
                child.process.join(max(0.0, until - time.monotonic()))
                if child.process.is_alive():
                    child.process.kill()
                    child.process.join()

    def _launch(self, child: _Child) -> None:
        ours, theirs = _CONTEXT.Pipe()
        child.process = _CONTEXT.Process(
            target=child.target, args=(self.settings, theirs), name=child.name, daemon=True
        )
        child.pipe, child.started = ours, time.monotonic()
        child.process.start()
        theirs.close()
        try:
            answer = ours.recv() if ours.poll(_START_TIMEOUT) else "took too long to start"
        except EOFError:
            answer = f"the {child.name} process died while it started"
        if answer is not None:
            raise StartError(answer)

    def _revive(self, child: _Child) -> None:
        assert child.process is not None and child.pipe is not None
        child.process.join()
        child.pipe.close()
        soon = time.monotonic() - child.started < _SOON
        child.deaths = child.deaths + 1 if soon else 1
        logger.error("the %s process ended (%s)", child.name, child.process.exitcode)
        if child.deaths >= _GIVE_UP:
            raise RtcguardError(f"the {child.name} process died {child.deaths} times in a row")
        time.sleep(0.1 * 2**child.deaths)
        self._launch(child)
        logger.error("the %s process runs again", child.name)


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket that becomes readable when the process is asked to end."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)
    }
    signal.set_wakeup_fd(writer.fileno())
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()

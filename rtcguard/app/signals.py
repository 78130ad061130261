"""Signals of `rtcguard run`, as something that can be waited for beside pipes and sockets."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


class Ended(Exception):
    """The user asked for the end."""


@dataclass(slots=True)
class Signals:
    """`reader` becomes readable with each; `take` says what came."""

    reader: socket.socket
    reloads: bool = False  # SIGHUP came

    def take(self) -> None:
        """Reads what is there. Raises Ended on SIGINT and SIGTERM."""
        with contextlib.suppress(BlockingIOError):
            came = self.reader.recv(4096)
            self.reloads |= signal.SIGHUP in came
            if any(number in came for number in _ENDING):
                raise Ended


@contextlib.contextmanager
def caught() -> Iterator[Signals]:
    """From here on no signal ends the process at once."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    before = {
        number: signal.signal(number, lambda *_: None) for number in (*_ENDING, signal.SIGHUP)
    }
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield Signals(reader)
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()

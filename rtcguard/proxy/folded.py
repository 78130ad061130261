"""Records of the proxy that a client can make many of, told as one line a minute of each kind."""

import asyncio
import time
from collections.abc import Callable

from rtcguard.network.folding import Folding
from rtcguard.policy.record import Record


class Folded:
    """Takes records in the event loop of the proxy, and hands over what is to be told."""

    def __init__(self, record: Callable[[list[Record]], object]) -> None:
        self._record = record
        self._folding = Folding()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, record: Record) -> None:
        now = time.time()
        self._folding.add(record, now)
        if self._timer is None:
            wait = max(0.0, self._folding.due - now)
            self._timer = asyncio.get_running_loop().call_later(wait, self.settle)
        self._tell()

    def settle(self) -> None:
        """Tells what was counted; at the end of each minute, and at the end of all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._folding.settle()
        self._tell()

    def _tell(self) -> None:
        if told := self._folding.take():
            self._record(told)

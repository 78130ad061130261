"""Delivery: reads the store behind a place of its own, hands over in batches, tries again.

A failure is said once, in the log and in the ledger, and again when it is over. Events that
retention removed before the receiver had them, and those that it refused, are counted and said.
"""

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from rtcguard.ledger.event import Event
from rtcguard.ledger.exports.sink import Outage, Sink, explained
from rtcguard.policy.record import Record

BATCH: Final = 1000
LEAST: Final = 30  # what a slow line takes in the time that there is for a batch
LOOK_EVERY: Final = 1.0  # seconds, where there was nothing more to send
FIRST_WAIT: Final = 1.0  # seconds after a failure; it doubles
LONGEST_WAIT: Final = 60.0
_TELL_EVERY: Final = 600.0  # seconds between two notices of refused events: each is an event, too

logger = logging.getLogger(__name__)


class Source(Protocol):
    """What is asked of the store; see `Store`."""

    def after(self, seq: int, most: int) -> list[tuple[int, Event]]: ...
    def cursor(self, name: str) -> int: ...
    def advance(self, name: str, seq: int) -> None: ...


@dataclass(slots=True)
class Progress:
    """How an export is doing, for its metrics: counts since the process began."""

    name: str
    up: bool = True
    sent: int = 0
    refused: int = 0  # by the receiver, for good
    removed: int = 0  # from the ledger, before the receiver had them


class Delivery:
    """One export. Used by one thread, but for `progress`, which any may read."""

    def __init__(
        self,
        name: str,
        sink: Sink,
        tell: Callable[[Iterable[Record]], object],
    ) -> None:
        self.progress = Progress(name)
        self._name, self._sink, self._tell = name, sink, tell
        self._seq: int | None = None
        self._most = BATCH  # less after failures, until all is sent
        self._failures = 0  # in a row
        self._refused = 0  # not yet told of
        self._told = float("-inf")

    def run(self, source: Source, stop: threading.Event) -> None:
        """Delivers until it is told to stop."""
        while not stop.wait(self.turn(source)):
            pass
        self._sink.close()

    def turn(self, source: Source) -> float:
        """One batch; the seconds until the next one. Raises nothing."""
        try:
            return self._deliver(source)
        except Outage as error:
            return self._failed(explained(error), error.wait, smaller=error.reached)
        except sqlite3.Error as error:
            return self._failed(f"the ledger cannot be asked: {error}")
        except Exception as error:
            return self._failed(explained(error))

    def _deliver(self, source: Source) -> float:
        if self._seq is None:
            self._seq = source.cursor(self._name)
        seq = self._seq
        most = self._most
        found = source.after(seq, most)
        if found:
            last = found[-1][0]
            refused = self._sink.send([event for _, event in found])
            source.advance(self._name, last)
            self._seq = last
            self._works()
            self._count(len(found) - refused, refused, removed=last - seq - len(found))
        if len(found) == most:
            return 0.0
        self._most = BATCH
        return LOOK_EVERY

    def _count(self, sent: int, refused: int, removed: int) -> None:
        progress = self.progress
        progress.sent += sent
        progress.refused += refused
        progress.removed += removed
        self._refused += refused
        if removed:
            self._say(f"{removed} events were removed from the ledger before it had them")
        if self._refused and time.monotonic() - self._told > _TELL_EVERY:
            self._told = time.monotonic()
            self._say(f"it refused {self._refused} events, which are not sent again")
            self._refused = 0

    def _failed(self, why: str, wait: float = 0.0, *, smaller: bool = True) -> float:
        self._failures += 1
        if smaller:
            self._most = max(LEAST, self._most // 2)
        self.progress.up = False
        if self._failures == 1:
            self._say(f"{why} (it is tried again; the ledger keeps the events)")
        wait = max(wait, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failures - 1, 16)))
        return wait * random.uniform(0.9, 1.1)  # several nodes must not come back at once

    def _works(self) -> None:
        if self._failures:
            self._say("works again")
        self._failures = 0
        self.progress.up = True

    def _say(self, what: str) -> None:
        logger.warning("%s: %s", self._name, what)
        reason = f"export {self._name}: {what}"
        self._tell([Record(ring="ledger", kind="rtcguard", action="observed", reason=reason)])

"""The ledger live: events as they are committed, by whichever process."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rtcguard.errors import DamagedError
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store

EVERY: Final = 0.25  # seconds between two looks
AT_ONCE: Final = 1000  # events of one look
_LOOKED: Final = 20_000  # events, to come up with those that somebody missed


class Tail:
    """What is committed from now on. A ledger that was moved away and made anew is read from its
    beginning. Use it from one thread. Raises as `Store.read_only`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store, self._identity = Store.read_only(path), identity(path)
        self.seq = self._store.last_seq()

    def read(self) -> list[tuple[int, Event]]:
        """What is new, in the order of its places (`seq`), no more than AT_ONCE. With less than
        that, there is no more for now. Raises DamagedError."""
        try:
            found = self._store.after(self.seq, AT_ONCE)
        except sqlite3.DatabaseError as error:
            raise DamagedError(f"{self._path}: the ledger cannot be read ({error})") from error
        if found:
            self.seq = found[-1][0]
        elif identity(self._path) not in (self._identity, None):
            self._store.close()
            self._store, self._identity = Store.read_only(self._path), identity(self._path)
            self.seq = 0
        return found

    def behind(self, id: str, asked: Filter) -> tuple[list[Event], bool] | None:
        """What of a filter was committed after the event of this id, as far as it is read: the last
        AT_ONCE of it, and whether that is all. None where there is no such event (any longer)."""
        seq = self._store.seq_of(id)
        if seq is None:
            return None
        first = max(seq, self.seq - _LOOKED)
        found = self._store.between(first, self.seq, asked, AT_ONCE)
        return found, first == seq and len(found) < AT_ONCE

    def skip(self, most: int) -> int:
        """Leaves out all but the last `most` of what is new; how many these were."""
        gone = max(0, self._store.last_seq() - most - self.seq)
        self.seq += gone
        return gone

    def close(self) -> None:
        self._store.close()


def follow(path: Path, asked: Filter) -> Iterator[Event]:
    """New events of a filter, for ever. Raises as `Tail`."""
    tail = Tail(path)
    try:
        while True:
            found = tail.read()
            yield from (event for _, event in found if asked.takes(event))
            if len(found) < AT_ONCE:
                time.sleep(EVERY)
    finally:
        tail.close()


def identity(path: Path) -> tuple[int, int] | None:
    """Which file it is; None while there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

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

_EVERY: Final = 0.25  # seconds
_AT_ONCE: Final = 1000  # events


def follow(path: Path, asked: Filter) -> Iterator[Event]:
    """New events of a filter, for ever. A ledger that was moved away and made anew is followed from
    its beginning. Raises as `Store.read_only`."""
    store, identity = Store.read_only(path), _identity(path)
    seq = store.last_seq()
    try:
        while True:
            found = store.after(seq, _AT_ONCE)
            yield from (event for _, event in found if asked.takes(event))
            seq = found[-1][0] if found else seq
            if len(found) == _AT_ONCE:
                continue
            time.sleep(_EVERY)
            if _identity(path) not in (identity, None):
                store.close()
                store, identity, seq = Store.read_only(path), _identity(path), 0
    except sqlite3.DatabaseError as error:
        raise DamagedError(f"{path}: the ledger cannot be read ({error})") from error
    finally:
        store.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is; None while there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

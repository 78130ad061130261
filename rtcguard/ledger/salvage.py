"""What can be read of a damaged ledger: its events, piece by piece, into a store of their own.

The damaged file is only read. SQLite reports damage where it meets it, so events are asked for in
small ranges, and a range that fails in halves, until what is left out is what cannot be read.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rtcguard.ledger.event import COLUMNS, END, Event
from rtcguard.ledger.query import Filter
from rtcguard.ledger.schema import quoted
from rtcguard.ledger.store import Store

_MAGIC: Final = b"SQLite format 3\0"
_MOST_MISSING: Final = 100  # times what is there: a header may be damaged too
_RANGE: Final = 4096  # events
_MOST_FAILURES: Final = 20_000
_MOST: Final = 200_000  # events


def salvage(damaged: Path, folder: Path, asked: Filter) -> tuple[Store, int]:
    """A store in `folder` with the last events of `damaged` that can be read and lie in the times
    of a filter, and how many these are."""
    store = Store(folder / "salvaged.sqlite3")
    count = 0
    whole = _of_full_length(damaged, folder)
    with (
        contextlib.closing(sqlite3.connect(f"{whole.absolute().as_uri()}?mode=ro", uri=True)) as db,
        contextlib.suppress(sqlite3.DatabaseError),
    ):  # not even its table can be found
        for events in _readable(db, asked):
            store.add(events)
            count += len(events)
            if count >= _MOST:
                break
    return store, count


def _of_full_length(path: Path, folder: Path) -> Path:
    """The file, or where its end is missing, which SQLite refuses to read at all, a copy that has
    zeros there. The header tells the length (https://sqlite.org/fileformat.html section 1.3)."""
    with path.open("rb") as file:
        header = file.read(32)
    size = int.from_bytes(header[16:18]) * int.from_bytes(header[28:32])
    there = path.stat().st_size
    if not header.startswith(_MAGIC) or not there < size < _MOST_MISSING * there:
        return path
    copy = folder / "copied.sqlite3"
    try:
        shutil.copyfile(path, copy)
        os.truncate(copy, size)
        log = path.with_name(f"{path.name}-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
    except OSError:  # no room, or a length that no file has
        return path
    return copy


def _readable(db: sqlite3.Connection, asked: Filter) -> Iterator[list[Event]]:
    """From the last events on, backwards; or from the first, where the last cannot be found."""
    try:
        low, high = _bounds(db)
    except sqlite3.DatabaseError:
        # What is left of a file that was cut. It ends by raising: a page of zeros is no page.
        for first in range(1, 2**62, _RANGE):
            yield _between(db, first, first + _RANGE, asked)
    waiting = [(first, first + _RANGE) for first in range(low, high + 1, _RANGE)]
    failures = 0
    while waiting and failures < _MOST_FAILURES:
        first, end = waiting.pop()
        try:
            yield _between(db, first, end, asked)
        except sqlite3.DatabaseError:
            failures += 1
            middle = (first + end) // 2
            if middle > first:
                waiting += [(first, middle), (middle, end)]


def _bounds(db: sqlite3.Connection) -> tuple[int, int]:
    """The first and the last place there may be an event at."""
    low = 1
    with contextlib.suppress(sqlite3.DatabaseError):
        low = db.execute("SELECT MIN(seq) FROM events").fetchone()[0] or 1
    try:
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    except sqlite3.DatabaseError:
        row = db.execute("SELECT MAX(seq) FROM events").fetchone()
    return low, (row[0] if row else None) or 0


def _between(db: sqlite3.Connection, first: int, end: int, asked: Filter) -> list[Event]:
    """Events of a range. Raises DatabaseError, also for values that no event has."""
    query = f"""
        SELECT {quoted(COLUMNS)} FROM events NOT INDEXED
        WHERE seq >= ? AND seq < ? AND time >= ? AND time < ?
    """
    found = []
    for row in db.execute(query, (first, end, asked.since, asked.until or END)):
        for name, value in zip(COLUMNS, row, strict=True):
            if not isinstance(value, int if name in ("port", "count") else str):
                raise sqlite3.DatabaseError(f"{value!r} as {name}")
        found.append(Event.of_row(row))
    return found

"""The events summed by day and by what reports ask for, as they are written."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from rtcguard.ledger.event import Event, storable
from rtcguard.ledger.schema import SUMMED, quoted

# Sums of one day. A flood with a new address in each packet makes a new sum of each event; beyond
# this, what varies is told as `OTHERS`.
MOST: Final = 200_000
OTHERS: Final = "(others)"

_COUNT_AGAIN: Final = 20_000  # new sums, at most, until the day's are counted again
_VARYING: Final = ("site", "client", "user", "address", "destination")
_PLACES: Final = tuple(1 + SUMMED.index(name) for name in _VARYING)
_ADDRESS: Final = 1 + SUMMED.index("address")
_of = attrgetter(*(name for name in SUMMED if name != "node"))
_UPSERT: Final = f"""
    INSERT INTO sums (day, {quoted(SUMMED)}, count, first, last)
    VALUES ({", ".join("?" for _ in range(len(SUMMED) + 4))})
    ON CONFLICT DO UPDATE SET count = count + excluded.count,
        first = MIN(first, excluded.first), last = MAX(last, excluded.last)
"""

type Key = tuple[str, ...]


@dataclass(slots=True)
class Sum:
    count: int
    first: str
    last: str


def summed(events: Iterable[Event]) -> dict[Key, Sum]:
    """The events by (day, *SUMMED)."""
    assert SUMMED[0] == "node"
    made: dict[Key, Sum] = {}
    for event in events:
        record = event.record
        key = (event.time[:10], event.node, *map(storable, _of(record)))
        if record.scope == "mdns":
            key = (*key[:_ADDRESS], "*.local", *key[_ADDRESS + 1 :])
        known = made.get(key)
        if known is None:
            made[key] = Sum(record.count, event.time, event.last)
        else:
            known.count += record.count
            known.first = min(known.first, event.time)
            known.last = max(known.last, event.last)
    return made


class Sums:
    """The table of sums behind one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._counted: dict[str, tuple[int, int]] = {}  # by day: sums, and those since then at most

    def add(self, events: Iterable[Event]) -> None:
        """Adds events, within the caller's transaction."""
        made = summed(events)
        for day in {key[0] for key in made}:
            if self._is_full(day, sum(key[0] == day for key in made)):
                made = _folded(made, day)
        self._db.executemany(
            _UPSERT, [(*key, one.count, one.first, one.last) for key, one in made.items()]
        )

    def _is_full(self, day: str, more: int) -> bool:
        counted, since = self._counted.get(day, (0, _COUNT_AGAIN))
        if since + more > _COUNT_AGAIN and counted < MOST:
            query = "SELECT COUNT(*) FROM sums WHERE day = ?"
            counted, since = self._db.execute(query, (day,)).fetchone()[0], 0
        self._counted = {day: (counted, since + more)}  # of one day; another one is counted anew
        return counted >= MOST


def _folded(made: dict[Key, Sum], day: str) -> dict[Key, Sum]:
    """The sums with those of a day told without what varies."""
    folded: dict[Key, Sum] = {}
    for key, one in made.items():
        if key[0] == day:
            key = tuple(OTHERS if i in _PLACES and v else v for i, v in enumerate(key))
        known = folded.setdefault(key, Sum(0, one.first, one.last))
        known.count += one.count
        known.first, known.last = min(known.first, one.first), max(known.last, one.last)
    return folded

"""Events a page at a time, the newest first: each page costs the same, however many there are.

A page looks through so many events and no more. What is seldom may stand behind many others; then
a page has few events, or none, and tells how far it has looked.
"""

from dataclasses import dataclass
from typing import Final

from rtcguard.ledger.dialect import Database
from rtcguard.ledger.event import COLUMNS, END, Event
from rtcguard.ledger.query import Filter, conditions, indexed
from rtcguard.ledger.schema import quoted

LOOKED: Final = 20_000  # events that one page looks through


@dataclass(frozen=True, slots=True)
class Page:
    """`older` is the event that the next page is before; "": there is no more. `whole`: so many
    were found as a page may have, or all there are; else it has looked no further back than to the
    time of `looked_to`."""

    events: list[Event]
    older: str = ""
    looked_to: str = ""

    @property
    def whole(self) -> bool:
        return not self.looked_to


@dataclass(frozen=True, slots=True)
class _Place:
    """Of an event, in the order of time and then of writing."""

    time: str
    seq: int
    id: str


def newest(
    db: Database, asked: Filter, most: int, before: str = "", looked: int = LOOKED
) -> Page | None:
    """The last events of a filter, no more than `most`; with the id of an event, those before it.
    None where there is no such event (any longer)."""
    high = _Place(asked.until or END, 0, "")
    if before:
        row = db.execute("SELECT time, seq, id FROM events WHERE id = ?", (before,)).fetchone()
        if row is None:
            return None
        high = min(high, _Place(*row), key=lambda place: (place.time, place.seq))
    by_index, given = indexed(asked)
    begun = f"{by_index} AND {_SPAN}"
    last = _last(db, begun, [*given, asked.since, *_until(high)], looked)
    condition, values = conditions(db.dialect, asked)
    rows = db.execute(
        f"SELECT {quoted(COLUMNS)} FROM events WHERE {begun} AND {condition}"
        " AND (time > ? OR seq >= ?) ORDER BY time DESC, seq DESC LIMIT ?",
        (
            *(*given, last.time if last else asked.since, *_until(high)),
            *(*values, *(("", 0) if last is None else (last.time, last.seq)), most + 1),
        ),
    ).fetchall()
    found = [Event.of_row(row) for row in rows[:most]]
    if len(rows) > most:
        return Page(found, found[-1].id)
    return Page(found, last.id, last.time) if last is not None else Page(found)


# From a time on, and up to a place. One bound each way: of two, SQLite may take the farther one.
_SPAN: Final = "time >= ? AND time <= ? AND (time < ? OR seq < ?)"


def _until(place: _Place) -> tuple[str, str, int]:
    return place.time, place.time, place.seq


def _last(db: Database, begun: str, given: list[str | int], looked: int) -> _Place | None:
    """The last event that is looked at, where there are more than that: the index alone tells."""
    rows = db.execute(
        f"SELECT time, seq, id FROM events WHERE {begun} ORDER BY time DESC, seq DESC"
        " LIMIT 2 OFFSET ?",
        (*given, looked - 1),
    ).fetchall()
    return _Place(*rows[0]) if len(rows) > 1 else None

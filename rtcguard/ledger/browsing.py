"""Events a page at a time, the newest first: each page costs the same, however many there are.

A page looks through so many events and no more. What is seldom may stand behind many others; then
a page has few events, or none, and tells how far it has looked.
"""

from dataclasses import dataclass
from typing import Final

from rtcguard.ledger.dialect import Database
from rtcguard.ledger.event import COLUMNS, Event
from rtcguard.ledger.query import Filter, conditions
from rtcguard.ledger.schema import quoted

LOOKED: Final = 10_000  # events that one page looks through
_END: Final = "~"  # behind every time
_INDEXED: Final = ("client", "site")


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
    place = _place(db, before) if before else None
    if before and place is None:
        return None
    begin, given = _within(asked, place)
    last = _last(db, begin, given, looked)
    if last is not None:
        begin += " AND time >= ? AND (time > ? OR seq >= ?)"
        given += [last.time, last.time, last.seq]
    condition, values = conditions(db.dialect, asked)
    rows = db.execute(
        f"SELECT {quoted(COLUMNS)} FROM events WHERE {begin} AND {condition}"
        " ORDER BY time DESC, seq DESC LIMIT ?",
        (*given, *values, most + 1),
    ).fetchall()
    found = [Event.of_row(row) for row in rows[:most]]
    if len(rows) > most:
        return Page(found, found[-1].id)
    return Page(found, last.id, last.time) if last is not None else Page(found)


def _place(db: Database, id: str) -> _Place | None:
    row = db.execute("SELECT time, seq, id FROM events WHERE id = ?", (id,)).fetchone()
    return _Place(*row) if row else None


def _within(asked: Filter, before: _Place | None) -> tuple[str, list[str | int]]:
    """A condition for the span, and for what an index has beside the time."""
    terms = ["time >= ?", "time < ?"]
    given: list[str | int] = [asked.since, asked.until or _END]
    if before is not None:
        terms.append("time <= ? AND (time < ? OR seq < ?)")
        given += [before.time, before.time, before.seq]
    for name in _INDEXED:
        value = getattr(asked, name)
        if value and "*" not in value:
            terms.append(f"{name} = ? AND {name} != ''")  # as the index of sites says of itself
            given.append(value)
    return " AND ".join(terms), given


def _last(db: Database, begin: str, given: list[str | int], looked: int) -> _Place | None:
    """The last event that is looked at, where there are more than that: the index alone tells."""
    rows = db.execute(
        f"SELECT time, seq, id FROM events WHERE {begin} ORDER BY time DESC, seq DESC"
        " LIMIT 2 OFFSET ?",
        (*given, looked - 1),
    ).fetchall()
    return _Place(*rows[0]) if len(rows) > 1 else None

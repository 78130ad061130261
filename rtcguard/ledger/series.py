"""More questions to the ledger: events counted over time, and events themselves.

Days come from the totals, as in `query`; hours, and the parts of days at both ends of a span, from
the events.
"""

from dataclasses import dataclass

from rtcguard.ledger.dialect import Database
from rtcguard.ledger.event import COLUMNS, END, Event
from rtcguard.ledger.query import Filter, conditions, dimension_of, edges, from_events, indexed
from rtcguard.ledger.schema import COMMON, quoted


@dataclass(frozen=True, slots=True)
class Count:
    """Events of one day (`2026-01-31`) or hour (`2026-01-31T09`) in UTC, with one value."""

    at: str
    key: str
    count: int


def over_time(db: Database, by: str, asked: Filter, *, hours: bool) -> list[Count]:
    """The events of a filter by day, or by hour, and by one of `COMMON` (ValueError for another),
    in the order of time. Hours read each event: ask for some days of them at most."""
    if by not in COMMON:
        raise ValueError(f"{by!r} is none of {COMMON}")
    length = 13 if hours else 10
    dimension = dimension_of("", asked)
    parts, values = [], []
    spans = [(asked.since, asked.until or END)]
    if not hours and dimension is not None:
        condition, given = conditions(db.dialect, asked)
        key = f', key AS "{dimension}"' if dimension else ""
        low = asked.since if len(asked.since) <= 10 else f"{asked.since[:10]}~"
        parts.append(
            f'SELECT substr(period, 2) AS at, "{by}" AS key, count'
            f" FROM (SELECT *{key} FROM totals) AS one"
            f" WHERE dimension = ? AND period >= ? AND period < ? AND {condition}"
        )
        values += [dimension, f"d{low}", f"d{asked.until[:10] or END}", *given]
        spans = list(edges(asked))
    for since, until in spans:
        events, given = from_events(db.dialect, (by,), asked, since, until)
        parts.append(f'SELECT substr(first, 1, {length}) AS at, "{by}" AS key, count FROM {events}')
        values += given
    table = " UNION ALL ".join(parts)
    query = f"""
        SELECT at, key, CAST(SUM(count) AS BIGINT) FROM ({table}) AS found
        GROUP BY at, key ORDER BY at, key
    """
    return [Count(*row) for row in db.execute(query, values)]


def events(db: Database, asked: Filter, most: int) -> list[Event]:
    """The last events of a filter, no more than `most`, in the order of time."""
    condition, values = conditions(db.dialect, asked)
    by_index, given = indexed(asked)
    rows = db.execute(
        f"SELECT {quoted(COLUMNS)} FROM events WHERE time >= ? AND time < ? AND {by_index}"
        f" AND {condition} ORDER BY time DESC, seq DESC LIMIT ?",
        (asked.since, asked.until or END, *given, *values, most),
    )
    return [Event.of_row(row) for row in rows][::-1]


def named(db: Database, name: str, most: int) -> list[Event]:
    """Events with this ICE user name fragment, or else those whose id begins so."""
    for condition, values in (
        ("ufrag = ? AND ufrag != ''", (name,)),
        ("id >= ? AND id < ?", (name, f"{name}~")),
    ):
        rows = db.execute(
            f"SELECT {quoted(COLUMNS)} FROM events WHERE {condition} ORDER BY time, seq LIMIT ?",
            (*values, most),
        )
        if found := [Event.of_row(row) for row in rows]:
            return found
    return []

"""Questions to the ledger: events counted by what they have in common, over any span of time.

Whole months and days come from the totals, the rest of the first and of the last day from the
events, so an answer is exact and is not slower with ten million events than with ten thousand.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ledger.dialect import Database, Dialect
from rtcguard.ledger.event import END, Event
from rtcguard.ledger.schema import COMMON, DIMENSIONS, GROUPS, INDEXED, LINKED, LOCAL, quoted

_ADDRESS: Final = f"CASE WHEN scope = 'mdns' THEN '{LOCAL}' ELSE address END"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: times as events have them, `since` included and `until` not; empty is any.

    In the others `*` stands for any characters: `*.example.org`, `10.9.*`.
    """

    since: str = ""
    until: str = ""
    address: str = ""
    site: str = ""
    client: str = ""
    user: str = ""
    destination: str = ""
    rule: str = ""
    node: str = ""
    ring: str = ""
    kind: str = ""
    action: str = ""
    would: str = ""
    direction: str = ""
    scope: str = ""
    page: str = ""

    def given(self) -> dict[str, str]:
        """What is asked of the values, without the times."""
        names = (field.name for field in fields(self) if field.name not in ("since", "until"))
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def takes(self, event: Event) -> bool:
        """Whether an event is one of these; its time is not looked at."""
        for name, value in self.given().items():
            has = event.node if name == "node" else getattr(event.record, name)
            if has != value and not ("*" in value and _fits(has, value)):
                return False
        return True


def _fits(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern with `*`, in time that grows with both lengths and no faster:
    whoever asks may choose the one, and a page the other."""
    first, *middle, last = pattern.split("*")
    if not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end) + len(part)
        if at < len(part):
            return False
    return at <= end


@dataclass(slots=True)
class Group:
    """What happened around one value. `actions` counts each; `would` what monitor mode let pass.

    `clients`, `sites` and `destinations` are those that the value was seen with in that time: each
    one between its first day with it and the last, whatever else is asked for. They are told of
    `LINKED_TO`, and where a filter names one of `DIMENSIONS`."""

    key: str
    count: int = 0
    first: str = ""
    last: str = ""
    scope: str = ""
    actions: dict[str, int] = field(default_factory=dict)
    would: dict[str, int] = field(default_factory=dict)
    clients: list[str] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    destinations: list[str] = field(default_factory=list)


def grouped(db: Database, by: str, asked: Filter, keys: Sequence[str] | None = None) -> list[Group]:
    """The events of a filter by one of `GROUPS` (ValueError for another), the most frequent first;
    of these `keys` alone, where they are given.

    Inbound candidates are the far side's addresses and are left out by `address`. Filters by two of
    `DIMENSIONS`, the one grouped by among them, are answered by the events alone, which takes long
    where there are millions.
    """
    if by not in GROUPS:
        raise ValueError(f"{by!r} is none of {GROUPS}")
    table, values = source(db, by, asked, keys)
    outbound = "AND direction != 'inbound'" if by == "address" else ""
    query = f"""
        SELECT "{by}", action, would, CAST(SUM(count) AS BIGINT), MIN(first), MAX(last), MAX(scope)
        FROM {table} WHERE "{by}" != '' {outbound} GROUP BY "{by}", action, would
    """
    made: dict[str, Group] = {}
    for key, action, would, count, first, last, scope in db.execute(query, values):
        group = made.setdefault(key, Group(key, first=first, last=last))
        group.count += count
        group.first, group.last = min(group.first, first), max(group.last, last)
        group.scope = max(group.scope, scope) if by == "address" else ""
        group.actions[action] = group.actions.get(action, 0) + count
        if would:
            group.would[would] = group.would.get(would, 0) + count
    for group in made.values() if by in LINKED else ():
        getattr(group, f"{by}s").append(group.key)
    for key, other, found in _links(db, by, asked, keys):
        for group in made.values() if not key else [made[key]] if key in made else []:
            getattr(group, f"{other}s").extend(found)
    return sorted(made.values(), key=lambda group: (-group.count, group.key))


def source(
    db: Database, by: str, asked: Filter, keys: Sequence[str] | None = None
) -> tuple[str, list[str]]:
    """A table expression with `by`, the columns of `COMMON`, `count`, `first` and `last`, and its
    values: each event of the filter is in it once, alone or in a total. `by` may be empty. With
    `keys`, only events whose `by` is one of these."""
    dimension = dimension_of(by, asked)
    columns = (*(name for name in COMMON if name != by), *((by,) if by else ()))
    if dimension is None:
        return from_events(db.dialect, columns, asked, asked.since, asked.until or END, keys)
    parts, given = [], []
    terms, values = conditions(db.dialect, asked)
    span = "period >= ? AND period < ?"
    if keys is not None:  # the index has the key behind the period: so each pair is one look
        terms += f' AND "{by}" IN {_marks(keys)}'
        values += keys
        span = f"period IN (SELECT period FROM totals WHERE dimension = '' AND {span})"
    key = f', key AS "{dimension}"' if dimension else ""
    for first, last in _periods(db, asked):
        parts.append(
            f"SELECT {quoted(columns)}, count, first, last FROM (SELECT *{key} FROM totals) AS one"
            f" WHERE dimension = ? AND {span} AND {terms}"
        )
        given += [dimension, first, last, *values]
    for since, until in edges(asked):
        events, more = from_events(db.dialect, columns, asked, since, until, keys)
        parts.append(f"SELECT * FROM {events}")
        given += more
    return "(" + " UNION ALL ".join(parts) + ") AS found", given


def dimension_of(by: str, asked: Filter) -> str | None:
    """The dimension whose totals have the answer, if one has."""
    needed = {name for name in (by, *asked.given()) if name in DIMENSIONS}
    return None if len(needed) > 1 else needed.pop() if needed else ""


def conditions(
    dialect: Dialect, asked: Filter, names: tuple[str, ...] = (*DIMENSIONS, *COMMON)
) -> tuple[str, list[str]]:
    """A condition for what is asked of these, and its values. What the database's patterns know
    besides `*` is taken as it is written."""
    terms, values = ["TRUE"], []
    for name, value in asked.given().items():
        if name not in names:
            continue
        if "*" in value:
            terms.append(f'"{name}" {dialect.fits} ?')
            value = dialect.pattern(value)
        else:
            terms.append(f'"{name}" = ?')
        values.append(value)
    return " AND ".join(terms), values


def from_events(
    dialect: Dialect,
    columns: tuple[str, ...],
    asked: Filter,
    since: str,
    until: str,
    keys: Sequence[str] | None = None,
) -> tuple[str, list[str]]:
    """The same from the events of a span; `by` is the last of the columns."""
    terms, values = conditions(dialect, asked)
    if keys is not None:
        terms += f' AND "{columns[-1]}" IN {_marks(keys)}'
        values += keys
    names = quoted((*DIMENSIONS, *COMMON)).replace('"address"', f'{_ADDRESS} AS "address"')
    by_index, given = indexed(asked)
    table = f"""(SELECT {quoted(columns)}, count, first, last
        FROM (SELECT {names}, count, time AS first, last, time FROM events
            WHERE {by_index}) AS one
        WHERE time >= ? AND time < ? AND {terms}) AS many"""
    return table, [*given, since, until, *values]


def indexed(asked: Filter) -> tuple[str, list[str]]:
    """A condition for the table of the events, and its values, that leaves out nothing asked for:
    the one with the fewest events, of what has an index. Some of these have a condition of their
    own, which has to be said; so of two, the database takes the one that is meant."""
    for name, condition in INDEXED.items():
        value = getattr(asked, name)
        if value and "*" not in value and (name != "address" or addresses.scope(value) != "mdns"):
            return f'"{name}" = ? AND {condition}', [value]
    return "TRUE", []


def _periods(db: Database, asked: Filter) -> Iterator[tuple[str, str]]:
    """Ranges of periods, the last one of each not in it: the months that have totals and lie within
    the span, and the days between them. Of a time that is a day, or a year, all is within."""
    low = asked.since if len(asked.since) <= 10 else f"{asked.since[:10]}~"
    high = asked.until[:10] or END
    query = "SELECT DISTINCT period FROM totals WHERE dimension = '' AND period > 'm' ORDER BY 1"
    for (period,) in db.execute(query).fetchall():
        month = period[1:]
        if low <= f"{month}-01" and f"{month}~" <= high:
            yield f"d{low}", f"d{month}"
            yield period, f"{period}~"
            low = f"{month}~"
    yield f"d{low}", f"d{high}"


def edges(asked: Filter) -> Iterator[tuple[str, str]]:
    """The parts of days at both ends of the span."""
    since, until = asked.since, asked.until or END
    if len(since) > 10:
        yield since, min(f"{since[:10]}~", until)
    if len(until) > 10 and until[:10] > since[:10]:
        yield until[:10], until


def _marks(values: Sequence[str]) -> str:
    return f"({', '.join('?' for _ in values)})"


def _links(
    db: Database, by: str, asked: Filter, keys: Sequence[str] | None
) -> Iterator[tuple[str, str, list[str]]]:
    """What each key was seen with: (key, one of `LINKED`, the values); "" is every key. Only of
    these `keys`, where they are given."""
    dimension = dimension_of(by, asked)
    if dimension is None:
        others = [other for other in LINKED if other != by]
        lists = ", ".join(db.dialect.array.format(f'DISTINCT "{other}"') for other in others)
        table, values = from_events(
            db.dialect, (*others, by), asked, asked.since, asked.until or END, keys
        )
        for key, *found in db.execute(f'SELECT "{by}", {lists} FROM {table} GROUP BY 1', values):
            for other, one in zip(others, found, strict=True):
                yield key, other, [value for value in json.loads(one) if value]
        return
    name = dimension or by
    terms, values = conditions(db.dialect, asked, (name,))
    if keys is not None and name == by:
        terms += f" AND key IN {_marks(keys)}"
        values += keys
    query = f"""
        SELECT key, other, {db.dialect.array.format("value")}
        FROM (SELECT *, key AS "{name}" FROM links) AS one
        WHERE dimension = ? AND last >= ? AND first <= ? AND {terms} GROUP BY key, other
    """
    days = asked.since[:10], asked.until[:10] or END
    for key, other, found in db.execute(query, (name, *days, *values)):
        yield key if name == by else "", other, json.loads(found)

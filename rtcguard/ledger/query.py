"""Questions to the ledger: events counted by what they have in common, over any span of time.

Whole days come from the sums, the rest of the first and of the last day from the events, so that an
answer is exact and is not slower with ten million events than with ten thousand.
"""

import json
import sqlite3
from dataclasses import dataclass, fields
from typing import Any, Final

from rtcguard.ledger.schema import SUMMED, SUMMED_ADDRESS, quoted

# What reports group by.
GROUPS: Final = (
    *("address", "site", "client", "destination", "ring"),
    *("user", "node", "kind", "action", "scope", "rule"),
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: times as events have them, `since` included and `until` not; empty is any.

    In the others `*` stands for any characters: `*.example.org`, `10.9.*`.
    """

    since: str = ""
    until: str = ""
    node: str = ""
    ring: str = ""
    kind: str = ""
    action: str = ""
    direction: str = ""
    site: str = ""
    client: str = ""
    user: str = ""
    address: str = ""
    scope: str = ""
    destination: str = ""
    rule: str = ""
    page: str = ""

    def where(self) -> tuple[str, list[str]]:
        """A condition for all but the times, and its values. SQL's GLOB also knows `?` and `[`,
        which are taken as they are written."""
        terms, values = ["1"], []
        for field in fields(self):
            value = getattr(self, field.name)
            if not value or field.name in ("since", "until"):
                continue
            if "*" in value:
                terms.append(f'"{field.name}" GLOB ?')
                value = value.replace("[", "[[]").replace("?", "[?]")
            else:
                terms.append(f'"{field.name}" = ?')
            values.append(value)
        return " AND ".join(terms), values


def source(asked: Filter) -> tuple[str, list[str]]:
    """A table expression with the columns of `SUMMED` and `count`, `first`, `last`, and its values:
    every event of the filter is in it once, alone or in a sum."""
    where, values = asked.where()
    from_sums = f"SELECT {quoted(SUMMED)}, count, first, last FROM sums WHERE {where}"
    folded = quoted(SUMMED).replace('"address"', f'{SUMMED_ADDRESS} AS "address"')
    rows = f"SELECT {folded}, count, time AS first, last FROM events"
    # The condition is asked of the folded address too.
    from_events = f"SELECT * FROM ({rows} WHERE time >= ? AND time < ?) WHERE {where}"
    # A time that is a day, or a year, has no part of a day to be looked at.
    since, until = asked.since, asked.until or "~"
    from_day, to_day = since[:10], until[:10]
    within = ">" if len(since) > 10 else ">="
    parts, given = [f"{from_sums} AND day {within} ? AND day < ?"], [*values, from_day, to_day]
    edges = [(since, min(f"{from_day}~", until))] if len(since) > 10 else []
    if len(until) > 10 and to_day > from_day:
        edges.append((to_day, until))
    for edge in edges:
        parts.append(from_events)
        given += [*edge, *values]
    return "(" + " UNION ALL ".join(parts) + ")", given


def grouped(db: sqlite3.Connection, by: str, asked: Filter) -> list[tuple[Any, ...]]:
    """Rows (key, action, would, count, first, last, clients, sites, destinations, scope).

    The three are lists. Inbound candidates are the far side's addresses and are left out by
    `address`. Raises ValueError for a `by` that is none of `GROUPS`.
    """
    if by not in GROUPS:
        raise ValueError(f"{by!r} is none of {GROUPS}")
    table, values = source(asked)
    outbound = "AND direction != 'inbound'" if by == "address" else ""
    rows = db.execute(
        f"""
        SELECT "{by}", action, would, SUM(count), MIN(first), MAX(last),
               json_group_array(DISTINCT client), json_group_array(DISTINCT site),
               json_group_array(DISTINCT destination), MAX(scope)
        FROM {table} WHERE "{by}" != '' {outbound} GROUP BY "{by}", action, would
        """,
        values,
    )
    return [(*row[:6], *map(json.loads, row[6:9]), row[9]) for row in rows]

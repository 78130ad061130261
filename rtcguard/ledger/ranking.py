"""The first rows of a report, by what is sorted by: where there are a hundred thousand, the others
are only counted."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from rtcguard.ledger.dialect import Database
from rtcguard.ledger.query import Filter, Group, grouped, source
from rtcguard.ledger.schema import GROUPS

# What comes first: the most frequent, the newest by its end or its beginning, or the alphabet.
SORTS: Final = {
    "count": "SUM(count) DESC",
    "last": "MAX(last) DESC",
    "first": "MIN(first) DESC",
    "key": "1",
}


@dataclass(frozen=True, slots=True)
class Ranked:
    """`rows` are the first of `total`."""

    rows: list[Group]
    total: int


def ranked(db: Database, by: str, asked: Filter, sort: str, most: int | None) -> Ranked:
    """The first `most` rows by one of `GROUPS` (ValueError for another), or all, in the order of
    one of `SORTS`."""
    if by not in GROUPS:
        raise ValueError(f"{by!r} is none of {GROUPS}")
    if most is None:
        rows = sorted(grouped(db, by, asked), key=attrgetter("key"))
        if sort != "key":
            rows.sort(key=attrgetter(sort), reverse=True)
        return Ranked(rows, len(rows))
    table, values = source(db, by, asked)
    outbound = "AND direction != 'inbound'" if by == "address" else ""
    query = f"""
        SELECT "{by}", COUNT(*) OVER () FROM {table} WHERE "{by}" != '' {outbound}
        GROUP BY "{by}" ORDER BY {SORTS[sort]}, 1 LIMIT ?
    """
    found = db.execute(query, [*values, most]).fetchall()
    total = found[0][1] if found else 0
    place = {key: number for number, (key, _) in enumerate(found)}
    rows = grouped(db, by, asked, None if total <= most else list(place))
    # Events may have come between the two questions.
    rows = [row for row in rows if row.key in place]
    return Ranked(sorted(rows, key=lambda row: place[row.key]), total)


def scopes(db: Database, asked: Filter) -> list[tuple[str, int, int]]:
    """Each scope, how many addresses of it tried to get out, and how often; what is most first."""
    table, values = source(db, "address", asked)
    query = f"""
        SELECT scope, COUNT(*), CAST(SUM(count) AS BIGINT) FROM (
            SELECT MAX(scope) AS scope, SUM(count) AS count FROM {table}
            WHERE address != '' AND direction != 'inbound' GROUP BY address
        ) AS each GROUP BY scope ORDER BY 3 DESC, 1
    """
    return list(db.execute(query, values))

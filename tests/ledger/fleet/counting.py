"""What a fleet's database has, and what its totals and links have to be by its events alone."""

from typing import Any

import psycopg

from rtcguard.ledger.schema import COMMON, DIMENSIONS, LINKED, LINKED_TO, LOCAL, quoted

Row = tuple[Any, ...]

_EVENTS = f"""
    (SELECT *, CASE WHEN scope = 'mdns' THEN '{LOCAL}' ELSE address END AS shown FROM events) AS one
"""


def rows(url: str, query: str) -> list[Row]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def _column(name: str) -> str:
    return "shown" if name == "address" else f'"{name}"'


def assert_counted(url: str, *, links: bool = True) -> None:
    """Totals are what plain SQL makes of the events, by day, and by those months that have some;
    `links` too, where no event was removed."""
    common = quoted(COMMON)
    places = ", ".join(map(str, range(1, 3 + len(COMMON))))
    for dimension in ("", *DIMENSIONS):
        key = _column(dimension) if dimension else "''"
        condition = f"WHERE {key} != ''" if dimension else ""
        expected = rows(
            url,
            f"SELECT 'd' || substr(time, 1, 10), {key}, {common}, SUM(count)::bigint, MIN(time),"
            f" MAX(last) FROM {_EVENTS} {condition} GROUP BY {places}",
        )
        expected += rows(
            url,
            f"SELECT 'm' || substr(time, 1, 7), {key}, {common}, SUM(count)::bigint, MIN(time),"
            f" MAX(last) FROM {_EVENTS} {condition or 'WHERE TRUE'} AND 'm' || substr(time, 1, 7)"
            f" IN (SELECT period FROM totals WHERE dimension = '') GROUP BY {places}",
        )
        found = rows(
            url,
            f"SELECT period, key, {common}, count, first, last FROM totals"
            f" WHERE dimension = '{dimension}'",
        )
        assert sorted(found) == sorted(expected), dimension
    if links:
        _assert_linked(url)


def _assert_linked(url: str) -> None:
    links = []
    for name in LINKED_TO:
        for other in LINKED:
            if name != other:
                key, value = _column(name), _column(other)
                links += rows(
                    url,
                    f"SELECT '{name}', {key}, '{other}', {value}, MIN(substr(time, 1, 10)),"
                    f" MAX(substr(time, 1, 10)) FROM {_EVENTS}"
                    f" WHERE {key} != '' AND {value} != '' GROUP BY 2, 4",
                )
    found = rows(url, "SELECT dimension, key, other, value, first, last FROM links")
    assert sorted(found) == sorted(links)

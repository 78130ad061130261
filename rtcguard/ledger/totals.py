"""Counts of the events by day, for each value that reports group by, made as events are written.

They make a report over months as quick as one over a day. What a value was seen with (its links) is
kept from the first day to the last, not for each day.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from rtcguard.ledger.dialect import Database
from rtcguard.ledger.event import Event, storable
from rtcguard.ledger.schema import COMMON, DIMENSIONS, LINKED, LINKED_TO, LOCAL, quoted

# New combinations of values in a day. A flood with a new address in each packet makes one of each
# event; beyond this, what has many values is told as `OTHERS`.
MOST: Final = 200_000
OTHERS: Final = "(others)"

_MANY: Final = tuple(name for name in DIMENSIONS if name != "rule")
_VALUES: Final = (*DIMENSIONS, *COMMON)
_NODE: Final = _VALUES.index("node")
_before_node = attrgetter(*_VALUES[:_NODE])
_behind_node = attrgetter(*_VALUES[_NODE + 1 :])
# What is seen with what, and where either stands in `_VALUES`.
_LINKS: Final = tuple(
    (name, _VALUES.index(name), other, _VALUES.index(other))
    for name in LINKED_TO
    for other in LINKED
    if name != other
)
_UPSERT: Final = f"""
    INSERT INTO totals (dimension, period, key, {quoted(COMMON)}, count, first, last)
    VALUES ({", ".join("?" for _ in range(len(COMMON) + 6))})
    ON CONFLICT (dimension, period, key, {quoted(COMMON)}) DO UPDATE SET
        count = totals.count + excluded.count,
        first = {{least}}(totals.first, excluded.first),
        last = {{greatest}}(totals.last, excluded.last)
"""
_LINK: Final = """
    INSERT INTO links (dimension, key, other, value, first, last) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (dimension, key, other, value) DO UPDATE SET
        first = {least}(links.first, excluded.first),
        last = {greatest}(links.last, excluded.last)
    WHERE excluded.first < links.first OR excluded.last > links.last
"""
_ROLL: Final = f"""
    INSERT INTO totals SELECT dimension, ?, key, {quoted(COMMON)}, SUM(count), MIN(first), MAX(last)
    FROM totals WHERE dimension = ? AND period >= ? AND period < ?
    GROUP BY dimension, key, {quoted(COMMON)}
"""

type _Total = list[Any]  # count, first, last


class Totals:
    """The tables of totals and links behind one connection; every call is within a transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db
        words = {"least": db.dialect.least, "greatest": db.dialect.greatest}
        self._upsert, self._link = _UPSERT.format(**words), _LINK.format(**words)
        self._day = ""  # of the combinations that are known
        self._known: set[tuple[str, ...]] = set()

    def add(self, events: Iterable[Event], *, linked: bool = True) -> None:
        """Counts events in; `linked`: what their values were seen with is not known yet."""
        made: dict[tuple[str, ...], _Total] = {}
        links: dict[tuple[str, ...], tuple[str, str]] = {}
        for (day, *told), total in _combined(events).items():
            values, is_new = self._counted(day, storable(tuple(told)))
            if is_new and linked:
                for name, at, other, beside in _LINKS:
                    if values[at] and values[beside]:
                        link = name, values[at], other, values[beside]
                        known = links.get(link)
                        if known is None or known[0] > day or known[1] < day:
                            links[link] = _span(known, day)
            period, common = f"d{day}", values[len(DIMENSIONS) :]
            _merge(made, ("", period, "", *common), total)
            for name, value in zip(DIMENSIONS, values, strict=False):
                if value:
                    _merge(made, (name, period, value, *common), total)
        self._late(made)
        # In one order everywhere: who holds a row waits only for later ones, so no two wait for
        # each other.
        rows = sorted((*key, *total) for key, total in made.items())
        self._db.executemany(self._upsert, rows)
        self._db.executemany(self._link, sorted((*link, *days) for link, days in links.items()))

    def _counted(self, day: str, values: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        """The values as they are counted, and whether these were not seen on this day; if there are
        too many of them, what varies is folded."""
        if day != self._day:
            self._day = day
            self._known.clear()
        if values in self._known:
            return values, False
        if len(self._known) >= MOST:
            many = (name in _MANY for name in _VALUES)
            folded = zip(values, many, strict=True)
            return tuple(OTHERS if one and is_many else one for one, is_many in folded), True
        self._known.add(values)
        return values, True

    def _late(self, made: dict[tuple[str, ...], _Total]) -> None:
        """What comes for a month that has its totals already is counted there too."""
        months = {key[1][1:8] for key in made}
        rolled = {month for month in months if self._is_rolled(month)}
        for key, total in list(made.items()):
            if key[1][1:8] in rolled:
                _merge(made, (key[0], f"m{key[1][1:8]}", *key[2:]), total)

    def _is_rolled(self, month: str) -> bool:
        query = "SELECT 1 FROM totals WHERE dimension = '' AND period = ? LIMIT 1"
        return self._db.execute(query, (f"m{month}",)).fetchone() is not None

    def open_months(self, before: str) -> list[str]:
        """The months before this one (`2026-01`) that have days, and no totals of their own."""
        query = """
            SELECT DISTINCT substr(period, 2, 7) FROM totals
            WHERE dimension = '' AND period >= 'd' AND period < ?
        """
        months = [month for (month,) in self._db.execute(query, (f"d{before}",)).fetchall()]
        return [month for month in months if not self._is_rolled(month)]

    def roll(self, month: str) -> None:
        """Makes the totals of a month that is over, if it has none."""
        if not self._is_rolled(month):
            self._roll(month)

    def _roll(self, month: str) -> None:
        for name in ("", *DIMENSIONS):
            self._db.execute(_ROLL, (f"m{month}", name, f"d{month}", f"d{month}~"))

    def forget_before(self, day: str, left: Iterable[Event] | None = None) -> None:
        """Removes what is older than a day. Where a part of that day goes too, `left` are the
        events that are left of it."""
        month = day[:7]
        was_rolled = self._is_rolled(month)
        end = f"d{day}" if left is None else f"d{day}~"
        for name in ("", *DIMENSIONS):
            for first, last in (("d", end), ("m", f"m{month}~")):
                condition = "dimension = ? AND period >= ? AND period < ?"
                self._db.execute(f"DELETE FROM totals WHERE {condition}", (name, first, last))
        self._db.execute("DELETE FROM links WHERE last < ?", (day,))
        if left is not None:
            self.add(left, linked=False)
        if was_rolled:
            self._roll(month)


def _combined(events: Iterable[Event]) -> dict[tuple[str, ...], _Total]:
    """The events by their day and `_VALUES`: most calls of a page are like the one before."""
    made: dict[tuple[str, ...], _Total] = {}
    for event in events:
        record = event.record
        values = _before_node(record)
        if record.scope == "mdns":
            values = (LOCAL, *values[1:])  # the address
        key = (event.time[:10], *values, event.node, *_behind_node(record))
        _merge(made, key, (record.count, event.time, event.last))
    return made


def _merge(made: dict[tuple[str, ...], _Total], key: tuple[str, ...], total: Sequence[Any]) -> None:
    known = made.get(key)
    if known is None:
        made[key] = list(total)
        return
    known[0] += total[0]
    if total[1] < known[1]:
        known[1] = total[1]
    if total[2] > known[2]:
        known[2] = total[2]


def _span(known: tuple[str, str] | None, day: str) -> tuple[str, str]:
    return (min(known[0], day), max(known[1], day)) if known else (day, day)

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
_FIELDS: Final = tuple(name for name in (*DIMENSIONS, *COMMON) if name != "node")
_of = attrgetter(*_FIELDS)
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
        for event in events:
            day, record = event.time[:10], event.record
            values = dict(zip(_FIELDS, storable(_of(record)), strict=True))
            values["node"] = event.node
            if record.scope == "mdns":
                values["address"] = LOCAL
            if self._is_new(day, values) and linked:
                for name in LINKED_TO:
                    for other in LINKED:
                        if name != other and values[name] and values[other]:
                            link = name, values[name], other, values[other]
                            known = links.get(link)
                            if known is None or known[0] > day or known[1] < day:
                                links[link] = _span(known, day)
            period, common = f"d{day}", tuple(map(values.__getitem__, COMMON))
            total = record.count, event.time, event.last
            _merge(made, ("", period, "", *common), total)
            for name in DIMENSIONS:
                if values[name]:
                    _merge(made, (name, period, values[name], *common), total)
        self._late(made)
        # In one order everywhere: who holds a row waits only for later ones, so no two wait for
        # each other.
        rows = sorted((*key, *total) for key, total in made.items())
        self._db.executemany(self._upsert, rows)
        self._db.executemany(self._link, sorted((*link, *days) for link, days in links.items()))

    def _is_new(self, day: str, values: dict[str, str]) -> bool:
        """Whether the combination of values was not seen on this day; if there are too many of
        them, what varies is folded."""
        if day != self._day:
            self._day = day
            self._known.clear()
        combination = tuple(values.values())
        if combination in self._known:
            return False
        if len(self._known) >= MOST:
            values.update({name: OTHERS for name in _MANY if values[name]})
            return True
        self._known.add(combination)
        return True

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

    def roll(self, before: str) -> None:
        """Makes the totals of every month before this one (`2026-01`) that has none."""
        query = """
            SELECT DISTINCT substr(period, 2, 7) FROM totals
            WHERE dimension = '' AND period >= 'd' AND period < ?
        """
        months = [month for (month,) in self._db.execute(query, (f"d{before}",)).fetchall()]
        for month in months:
            if not self._is_rolled(month):
                self._roll(month)

    def _roll(self, month: str) -> None:
        for name in ("", *DIMENSIONS):
            self._db.execute(_ROLL, (f"m{month}", name, f"d{month}", f"d{month}~"))

    def forget_before(self, day: str, events: Iterable[Event]) -> None:
        """Removes what is older than a day; `events` are those that are left of that day."""
        month = day[:7]
        was_rolled = self._is_rolled(month)
        for name in ("", *DIMENSIONS):
            for first, last in (("d", f"d{day}~"), ("m", f"m{month}~")):
                condition = "dimension = ? AND period >= ? AND period < ?"
                self._db.execute(f"DELETE FROM totals WHERE {condition}", (name, first, last))
        self._db.execute("DELETE FROM links WHERE last < ?", (day,))
        self.add(events, linked=False)
        if was_rolled:
            self._roll(month)


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

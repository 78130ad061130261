"""The tables of the ledger in SQLite, and the steps from each older version to this one.

events   what happened, in the order of the commits (`seq`)
sums     the same by day and by what reports group by: small, whatever the events come to
rings    what says of itself that it is in force, until when
cursors  how far each reader of the events has come (exports, a fleet's database)
"""

from typing import Final

from rtcguard.ledger.event import COLUMNS

VERSION: Final = 4

_INTEGERS: Final = ("port", "count")
# What the events are summed by, besides the day: what reports filter and group by.
SUMMED: Final = (
    *("node", "ring", "kind", "action", "would", "direction", "site", "client", "user"),
    *("address", "scope", "candidate_type", "destination", "rule", "page"),
)


def quoted(columns: tuple[str, ...]) -> str:
    """Names of columns for a statement; `user` is a word of SQL's own."""
    return ", ".join(f'"{column}"' for column in columns)


_EVENTS: Final = f"""
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    {", ".join(f'"{c}" {"INTEGER" if c in _INTEGERS else "TEXT"} NOT NULL' for c in COLUMNS)},
    UNIQUE (id)
);
"""
_INDEXES: Final = """
CREATE INDEX events_time ON events (time);
CREATE INDEX events_guard ON events (client, site, time) WHERE kind = 'guard';
CREATE INDEX events_ufrag ON events (ufrag, client) WHERE ufrag != '';
CREATE INDEX events_told ON events (client, destination) WHERE kind IN ('server', 'name');
"""
_SUMS: Final = f"""
CREATE TABLE sums (
    day TEXT NOT NULL, {", ".join(f'"{c}" TEXT NOT NULL' for c in SUMMED)},
    count INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
    PRIMARY KEY (day, {quoted(SUMMED)})
) WITHOUT ROWID;
CREATE TABLE cursors (name TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL);
"""
_RINGS: Final = """
CREATE TABLE rings (
    node TEXT NOT NULL, ring TEXT NOT NULL, name TEXT NOT NULL, until TEXT NOT NULL,
    detail TEXT NOT NULL, PRIMARY KEY (node, ring, name)
);
"""
_FROM_1: Final = f"""
ALTER TABLE events ADD COLUMN page TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN last TEXT NOT NULL DEFAULT '';
UPDATE events SET last = time;
{_RINGS}"""
_FROM_2: Final = """
ALTER TABLE events ADD COLUMN "user" TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN would TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN policy TEXT NOT NULL DEFAULT '';
"""
# A `.local` name is made anew for every page and says nothing of itself: all of them are one.
SUMMED_ADDRESS: Final = "CASE WHEN scope = 'mdns' THEN '*.local' ELSE address END"


def sums_of(events: str) -> str:
    """The statement that sums the events of a condition."""
    keys = quoted(SUMMED).replace('"address"', SUMMED_ADDRESS)
    return f"""INSERT INTO sums SELECT substr(time, 1, 10) AS day, {keys}, SUM(count), MIN(time),
        MAX(last) FROM events WHERE {events} GROUP BY day, {keys}"""


_FROM_3: Final = f"""
ALTER TABLE events RENAME TO before;
{_EVENTS}
INSERT INTO events ({quoted(COLUMNS)}) SELECT {quoted(COLUMNS)} FROM before ORDER BY time;
DROP TABLE before;
{_INDEXES}{_SUMS}
{sums_of("1")};
"""
# By the version that a file has (0: a new one), what makes it one of VERSION.
STEPS: Final = {
    0: _EVENTS + _INDEXES + _SUMS + _RINGS,
    1: _FROM_1 + _FROM_2 + _FROM_3,
    2: _FROM_2 + _FROM_3,
    3: _FROM_3,
}

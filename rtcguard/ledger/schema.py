"""The tables of the ledger in SQLite, and the steps from each older version to this one.

- events: what happened, in the order of the commits (`seq`)
- totals: counts by day, and by month once that is over, for each value of each dimension
- links: which clients, sites and destinations a value was seen with, from when to when
- rings: what says of itself that it is in force, until when
- cursors: how far each reader of the events has come (exports, a fleet's database)
- metrics: what each process measures of itself, for Prometheus; `label` is a bucket's bound

Totals and links are small beside the events, and answer what would take too long to count.
"""

from typing import Final

from rtcguard.ledger.event import COLUMNS

VERSION: Final = 5

# What has many values: totals are kept for each one by itself, and for all together (dimension "").
DIMENSIONS: Final = ("address", "site", "client", "user", "destination", "rule")
# What has few values: each total is for one of each of these.
COMMON: Final = ("node", "ring", "kind", "action", "would", "direction", "scope", "page")
# What reports group by, what they tell beside a value, and of which values they tell it.
GROUPS: Final = (
    *("address", "site", "client", "destination", "ring"),
    *("user", "rule", "node", "kind", "action", "would", "scope", "direction", "page"),
)
LINKED: Final = ("client", "site", "destination")
LINKED_TO: Final = (*DIMENSIONS, "ring")
# A `.local` name is made anew for every page and says nothing of itself: all of them are one.
LOCAL: Final = "*.local"

INTEGERS: Final = ("port", "count")


def quoted(columns: tuple[str, ...]) -> str:
    """Names of columns for a statement; `user` is a word of SQL's own."""
    return ", ".join(f'"{column}"' for column in columns)


_EVENTS: Final = f"""
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    {", ".join(f'"{c}" {"INTEGER" if c in INTEGERS else "TEXT"} NOT NULL' for c in COLUMNS)},
    UNIQUE (id)
);
"""
# What has an index, the most telling first. Some have only some rows: a question has to say so, for
# the database to take it.
INDEXED: Final = {
    "client": "TRUE",
    "address": "address != '' AND scope != 'mdns'",
    "user": "\"user\" != ''",
    "destination": "destination != ''",
    "site": "site != ''",
}
INDEXES: Final = f"""
CREATE INDEX events_time ON events (time);
CREATE INDEX events_client ON events (client, time);
CREATE INDEX events_site ON events (site, time) WHERE {INDEXED["site"]};
CREATE INDEX events_guard ON events (client, site, time) WHERE kind = 'guard';
CREATE INDEX events_ufrag ON events (ufrag, client) WHERE ufrag != '';
CREATE INDEX events_told ON events (client, destination) WHERE kind IN ('server', 'name');
"""
# For the events of one address, of one user, or towards one destination. Names that are made anew
# for every page are asked for by nobody.
INDEXES_5: Final = f"""
CREATE INDEX events_address ON events (address, time) WHERE {INDEXED["address"]};
CREATE INDEX events_user ON events ("user", time) WHERE {INDEXED["user"]};
CREATE INDEX events_destination ON events (destination, time) WHERE {INDEXED["destination"]};
"""
# A period is `d2026-01-31` or `m2026-01`.
_TOTALS: Final = f"""
CREATE TABLE totals (
    dimension TEXT NOT NULL, period TEXT NOT NULL, key TEXT NOT NULL,
    {", ".join(f"{c} TEXT NOT NULL" for c in COMMON)},
    count INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
    PRIMARY KEY (dimension, period, key, {quoted(COMMON)})
) WITHOUT ROWID;
CREATE TABLE links (
    dimension TEXT NOT NULL, key TEXT NOT NULL, other TEXT NOT NULL, value TEXT NOT NULL,
    first TEXT NOT NULL, last TEXT NOT NULL, PRIMARY KEY (dimension, key, other, value)
) WITHOUT ROWID;
CREATE TABLE cursors (name TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL);
"""
_METRICS: Final = """
CREATE TABLE metrics (
    node TEXT NOT NULL, process TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL,
    value REAL NOT NULL, PRIMARY KEY (node, process, name, label)
) WITHOUT ROWID;
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
_FROM_3: Final = f"""
ALTER TABLE events RENAME TO before;
{_EVENTS}
INSERT INTO events ({quoted(COLUMNS)}) SELECT {quoted(COLUMNS)} FROM before ORDER BY time;
DROP TABLE before;
{INDEXES}{_TOTALS}{_METRICS}"""
_FROM_4: Final = INDEXES_5
# By the version that a file has (0: a new one), what makes it one of VERSION; where that is older
# than TOTALS_SINCE, the totals of the events that are there have to be made then.
TOTALS_SINCE: Final = 4
STEPS: Final = {
    0: _EVENTS + INDEXES + INDEXES_5 + _TOTALS + _METRICS + _RINGS,
    1: _FROM_1 + _FROM_2 + _FROM_3 + _FROM_4,
    2: _FROM_2 + _FROM_3 + _FROM_4,
    3: _FROM_3 + _FROM_4,
    4: _FROM_4,
}

"""The store: one SQLite file (WAL), written in batches, read by reports and by other processes.

What has been committed survives the death of the process (WAL, `synchronous=NORMAL`). The schema
has a version in `user_version`; a file of a newer version is refused, never guessed at.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from rtcguard.errors import StartError
from rtcguard.ledger.event import COLUMNS, Event
from rtcguard.policy.rule import Network

SCHEMA_VERSION: Final = 3
_PATIENCE: Final = 10.0  # seconds that another's lock is waited for
GROUPS: Final = ("address", "site", "client", "destination", "ring")

_INTEGERS: Final = ("port", "count")
_RINGS: Final = """
CREATE INDEX events_ufrag ON events (ufrag, client) WHERE ufrag != '';
CREATE INDEX events_told ON events (client, destination) WHERE kind IN ('server', 'name');
CREATE TABLE rings (
    node TEXT NOT NULL, ring TEXT NOT NULL, name TEXT NOT NULL, until TEXT NOT NULL,
    detail TEXT NOT NULL, PRIMARY KEY (node, ring, name)
);
"""
_SCHEMA: Final = f"""
CREATE TABLE events (
    {", ".join(f'"{c}" {"INTEGER" if c in _INTEGERS else "TEXT"} NOT NULL' for c in COLUMNS)},
    PRIMARY KEY (id)
);
CREATE INDEX events_time ON events (time);
CREATE INDEX events_guard ON events (client, site, time) WHERE kind = 'guard';
{_RINGS}"""
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
# By the version that a file has: what makes it one of SCHEMA_VERSION.
_STEPS: Final = {0: _SCHEMA, 1: _FROM_1 + _FROM_2, 2: _FROM_2}
_INSERT: Final = (
    f"INSERT OR IGNORE INTO events ({', '.join(f'"{c}"' for c in COLUMNS)}) "
    f"VALUES ({', '.join('?' for _ in COLUMNS)})"
)


class Store:
    """One connection to the ledger's file. Use it from one thread."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it. Raises StartError where that cannot be done."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            try:
                self._use_wal()
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise StartError(
                f"{path}: the ledger cannot be opened ({error}); "
                "set RTCGUARD_STATE_DIR to a folder that can be written"
            ) from error

    def _use_wal(self) -> None:
        """Asks until it is so: for this, SQLite does not wait for the locks of others, and
        several processes may open a new file at once."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _prepare(self) -> None:
        with self._transaction():  # two processes may come to a new file at once
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version in _STEPS:
                for statement in _STEPS[version].split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        if version > SCHEMA_VERSION:
            raise StartError(
                f"{self.path}: the ledger is of version {version}, this rtcguard knows "
                f"{SCHEMA_VERSION}; update rtcguard, or move the file away"
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def add(self, events: Iterable[Event]) -> None:
        """Writes a batch as one transaction; an event that is there already stays as it is."""
        with self._transaction():
            self._db.executemany(_INSERT, (event.to_row() for event in events))

    def forget_before(self, time: str) -> None:
        """Removes the events older than `time` (retention)."""
        with self._transaction():
            self._db.execute("DELETE FROM events WHERE time < ?", (time,))

    def guard_seen(self, client: str, site: str, since: str) -> bool:
        """Whether the page guard has reported in for this client and site since then."""
        row = self._db.execute(
            "SELECT 1 FROM events WHERE kind = 'guard' AND client = ? AND site = ? AND time >= ?"
            " LIMIT 1",
            (client, site, since),
        ).fetchone()
        return row is not None

    def ring_up(self, node: str, ring: str, name: str, until: str, detail: str) -> None:
        """A part of a ring says that it is in force until then, unless it says so again before.

        `detail` is the part's own: the gateway's are the networks whose clients it holds."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO rings (node, ring, name, until, detail)"
                " VALUES (?, ?, ?, ?, ?)",
                (node, ring, name, until, detail),
            )

    def rings_up(self, now: str) -> list[tuple[str, str, str, str]]:
        """Rows (node, ring, name, detail) of what is in force."""
        query = "SELECT node, ring, name, detail FROM rings WHERE until >= ?"
        return self._db.execute(query, (now,)).fetchall()

    def held_networks(self, now: str) -> tuple[Network, ...]:
        """Whose clients a firewall holds that says so: its interfaces' networks."""
        return tuple(
            ip_network(network)
            for _, ring, name, detail in self.rings_up(now)
            if (ring, name) == ("network", "gateway")
            for network in detail.split()
        )

    def site_of_ufrag(self, client: str, ufrag: str, since: str) -> str:
        """The site whose page or signaling had this user name fragment for this client, or ""."""
        return self._one(
            "SELECT site FROM events WHERE ufrag = ? AND client = ? AND site != '' AND time >= ?"
            " ORDER BY time DESC LIMIT 1",
            (ufrag, client, since),
        )

    def told_of(self, client: str, destination: str, since: str) -> tuple[str, str, str] | None:
        """(kind, site, name) of the last ICE server, or name asked for, that led this client to a
        destination: as the event has it (`host:port`), or a bare address for names."""
        row: tuple[str, str, str] | None = self._db.execute(
            "SELECT kind, site, name FROM events WHERE client = ? AND destination = ?"
            " AND kind IN ('server', 'name') AND time >= ? ORDER BY time DESC LIMIT 1",
            (client, destination, since),
        ).fetchone()
        return row

    def last_guarded(self, client: str, since: str) -> str:
        """The site whose page guard reported in last for this client, or ""."""
        return self._one(
            "SELECT site FROM events WHERE kind = 'guard' AND client = ? AND time >= ?"
            " ORDER BY time DESC LIMIT 1",
            (client, since),
        )

    def server_names(self, since: str, most: int) -> list[str]:
        """The hosts of ICE servers that were taken from pages since then, the last ones first."""
        rows = self._db.execute(
            "SELECT iif(name != '', name, destination) AS host, MAX(time) FROM events"
            " WHERE kind = 'server' AND action IN ('stripped', 'refused', 'blocked')"
            " AND time >= ? GROUP BY host ORDER BY 2 DESC LIMIT ?",
            (since, most),
        ).fetchall()
        return [host for host, _ in rows]

    def _one(self, query: str, values: tuple[str, ...]) -> str:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else ""

    def grouped(self, by: str, since: str) -> list[tuple[Any, ...]]:
        """Rows (key, action, count, first, last, clients, sites, destinations, scope) since then.

        The three are lists. Inbound candidates are the far side's addresses and
        are left out by `address`.
        """
        if by not in GROUPS:
            raise ValueError(f"{by!r} is none of {GROUPS}")
        where = "AND direction != 'inbound'" if by == "address" else ""
        query = f"""
            SELECT {by}, action, SUM(count), MIN(time), MAX(last),
                   json_group_array(DISTINCT client), json_group_array(DISTINCT site),
                   json_group_array(DISTINCT destination), MAX(scope)
            FROM events WHERE {by} != '' AND time >= ? {where} GROUP BY {by}, action
        """
        rows = self._db.execute(query, (since,)).fetchall()
        return [(*row[:5], *map(json.loads, row[5:8]), row[8]) for row in rows]

    def close(self) -> None:
        self._db.close()

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
from itertools import batched
from pathlib import Path
from typing import Final

from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger import browsing, schema
from rtcguard.ledger.browsing import Page
from rtcguard.ledger.dialect import SqliteConnection
from rtcguard.ledger.event import COLUMNS, Event
from rtcguard.ledger.masking import Mask, unmasked
from rtcguard.ledger.measures import Row
from rtcguard.ledger.query import Filter, conditions
from rtcguard.ledger.questions import Questions
from rtcguard.ledger.schema import quoted
from rtcguard.ledger.totals import Totals
from rtcguard.policy.rule import Network

_PATIENCE: Final = 10.0  # seconds that another's lock is waited for
_AT_ONCE: Final = 20_000  # events
_LEFT: Final = ("page", "left")  # in `rings`: pages are left as they are
_FOR_EVER: Final = "9999"
_INSERT: Final = (
    f"INSERT INTO events ({quoted(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})"
)


class Store(Questions):
    """One connection to the ledger's file. Use it from one thread."""

    _db: SqliteConnection

    def __init__(self, path: Path, mask: Mask = unmasked) -> None:
        """Opens the file, or makes it. Raises StartError where that cannot be done. `mask` is what
        its clients' addresses were written with: questions about one client need it."""
        self.path, self._mask = path, mask
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(
                path, timeout=_PATIENCE, isolation_level=None, factory=SqliteConnection
            )
            try:
                self._use_wal()
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._totals = Totals(self._db)
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise StartError(
                f"{path}: the ledger cannot be opened ({error}); "
                "set RTCGUARD_STATE_DIR to a folder that can be written"
            ) from error

    @classmethod
    def read_only(cls, path: Path, mask: Mask = unmasked) -> "Store":
        """The file for questions alone: it is neither made, nor written to, nor brought to another
        version. Raises StartError, or DamagedError for what is no sound database."""
        store = cls.__new__(cls)
        store.path, store._mask = path, mask
        try:
            if not path.is_file():
                raise StartError(f"{path}: there is no ledger yet; `rtcguard run` makes it")
            store._db = _opened(path)
            store._totals = Totals(store._db)
            (version,) = store._db.execute("PRAGMA user_version").fetchone()
        except (OSError, sqlite3.OperationalError) as error:
            raise StartError(f"{path}: the ledger cannot be opened ({error})") from error
        except sqlite3.DatabaseError as error:
            raise DamagedError(f"{path}: the ledger is damaged ({error})") from error
        if version != schema.VERSION:
            store.close()
            hint = "update rtcguard" if version > schema.VERSION else "`rtcguard run` takes it over"
            what = f"the ledger is of version {version}, this rtcguard reads {schema.VERSION}"
            raise StartError(f"{path}: {what}; {hint}" if version else f"{path}: is no ledger")
        return store

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
            for statement in schema.STEPS.get(version, "").split(";"):
                self._db.execute(statement)
            if version < schema.TOTALS_SINCE:
                for part in batched(self._read("1"), _AT_ONCE):
                    self._totals.add(event for _, event in part)
            if version < schema.VERSION:
                self._db.execute(f"PRAGMA user_version = {schema.VERSION}")
        if version > schema.VERSION:
            raise StartError(
                f"{self.path}: the ledger is of version {version}, this rtcguard knows "
                f"{schema.VERSION}; update rtcguard, or move the file away"
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._totals = Totals(self._db)  # what the other took for written is not
            if self._db.in_transaction:  # a full disk has ended it already
                self._db.execute("ROLLBACK")
            raise

    def add(self, events: Iterable[Event]) -> None:
        """Writes a batch as one transaction; an event that is there already stays as it is."""
        new: dict[str, Event] = {}
        for event in events:
            new.setdefault(event.id, event)
        with self._transaction():
            query = "SELECT id FROM events WHERE id IN (SELECT value FROM json_each(?))"
            for (known,) in self._db.execute(query, (json.dumps(list(new)),)).fetchall():
                del new[known]
            self._db.executemany(_INSERT, (event.to_row() for event in new.values()))
            self._totals.add(new.values())

    def after(self, seq: int, most: int) -> list[tuple[int, Event]]:
        """Events in the order in which they were written, from behind `seq` on."""
        return list(self._read("seq > ? ORDER BY seq LIMIT ?", seq, most))

    def newest(self, asked: Filter, most: int, before: str = "") -> Page | None:
        """As `browsing.newest`."""
        return browsing.newest(self._db, asked, most, before)

    def between(self, first: int, last: int, asked: Filter, most: int) -> list[Event]:
        """The last of a filter's events whose places are behind `first` and not behind `last`, in
        the order of writing; times are not looked at."""
        condition, values = conditions(self._db.dialect, asked)
        rows = self._db.execute(
            f"SELECT {quoted(COLUMNS)} FROM events WHERE seq > ? AND seq <= ? AND {condition}"
            " ORDER BY seq DESC LIMIT ?",
            (first, last, *values, most),
        )
        return [Event.of_row(row) for row in rows][::-1]

    def seq_of(self, id: str) -> int | None:
        """The place of an event, if it is there."""
        row = self._db.execute("SELECT seq FROM events WHERE id = ?", (id,)).fetchone()
        return row[0] if row else None

    def _read(self, condition: str, *values: str | int) -> Iterator[tuple[int, Event]]:
        rows = self._db.execute(
            f"SELECT seq, {quoted(COLUMNS)} FROM events WHERE {condition}", values
        )
        return ((row[0], Event.of_row(row[1:])) for row in rows)

    def last_seq(self) -> int:
        """The place of the event that was written last; 0 where there was none."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return row[0] if row else 0

    def cursor(self, name: str) -> int:
        """How far a reader has come: the place of the last event that it has dealt with."""
        row = self._db.execute("SELECT seq FROM cursors WHERE name = ?", (name,)).fetchone()
        return row[0] if row else 0

    def advance(self, name: str, seq: int) -> None:
        """A reader has dealt with all events up to this place."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO cursors (name, seq) VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET seq = excluded.seq",
                (name, seq),
            )

    def counted_after(self, seq: int) -> tuple[int, list[tuple[str, str, str, str, int]]]:
        """What was written behind `seq`, summed up: the place of the last one, and rows (ring,
        kind, action, scope, count)."""
        last = self.last_seq()
        rows = self._db.execute(
            "SELECT ring, kind, action, scope, SUM(count) FROM events WHERE seq > ? AND seq <= ?"
            " GROUP BY 1, 2, 3, 4",
            (seq, last),
        ).fetchall()
        return last, rows

    def sorts(self) -> list[tuple[str, str, str, str]]:
        """Which (ring, kind, action, scope) the ledger's totals know."""
        query = "SELECT DISTINCT ring, kind, action, scope FROM totals WHERE dimension = ''"
        return self._db.execute(query).fetchall()

    def measure(self, node: str, process: str, rows: Iterable[Row]) -> None:
        """Puts what a process measured in the place of what it had measured before."""
        with self._transaction():
            whose = (node, process)
            self._db.execute("DELETE FROM metrics WHERE node = ? AND process = ?", whose)
            self._db.executemany(
                "INSERT INTO metrics (node, process, name, label, value) VALUES (?, ?, ?, ?, ?)",
                ((*whose, *row) for row in rows),
            )

    def forget_measures(self, node: str) -> None:
        """Removes what the processes of a node measured."""
        with self._transaction():
            self._db.execute("DELETE FROM metrics WHERE node = ?", (node,))

    def measured(self, node: str) -> dict[str, list[Row]]:
        """What each process of a node measured last."""
        found: dict[str, list[Row]] = {}
        query = "SELECT process, name, label, value FROM metrics WHERE node = ?"
        for process, *row in self._db.execute(query, (node,)):
            found.setdefault(process, []).append((row[0], row[1], row[2]))
        return found

    def forget_before(self, time: str) -> None:
        """Removes the events older than `time` (retention), a part at a time."""
        self._forget("time < ?", time)
        day = time[:10]
        with self._transaction():
            rest = self._read("time >= ? AND time < ?", day, f"{day}~")
            self._totals.forget_before(day, (event for _, event in rest))

    def roll(self, now: str) -> None:
        """Counts the months together that are over."""
        with self._transaction():
            for month in self._totals.open_months(now[:7]):
                self._totals.roll(month)

    def shrink_to(self, size: int) -> int:
        """Removes the oldest events until what is used of the file is no more than `size` bytes;
        how many there were. The totals stay: reports by whole days go on telling of these."""
        gone = 0
        while self._used() > size:
            first = self._db.execute("SELECT MIN(seq), MAX(seq) FROM events").fetchone()
            if first[0] is None:
                break
            gone += self._forget("seq < ?", first[0] + max(1, (first[1] - first[0]) // 50))
        return gone

    def _used(self) -> int:
        """Bytes of the file that hold something."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _forget(self, condition: str, value: str | int) -> int:
        """Removes events, in transactions short enough for writers to wait for."""
        gone = 0
        chosen = f"SELECT seq FROM events WHERE {condition} LIMIT {_AT_ONCE}"
        while True:
            with self._transaction():
                query = f"DELETE FROM events WHERE seq IN ({chosen})"
                count = self._db.execute(query, (value,)).rowcount
            gone += count
            if count < _AT_ONCE:
                return gone

    def guard_seen(self, client: str, site: str, since: str, *, watches: bool = False) -> bool:
        """Whether the page guard has reported in for this client and site since then, and was in
        force the last time; or, where `watches` is set, only watched."""
        row = self._db.execute(
            "SELECT would FROM events WHERE kind = 'guard' AND client = ? AND site = ?"
            " AND time >= ? ORDER BY time DESC LIMIT 1",
            (self._mask(client), site, since),
        ).fetchone()
        return row is not None and (watches or not row[0])

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

    def leave_pages(self, node: str, now: str, *, still: bool) -> None:
        """Says that pages load without a guard on this node from now on, or (`still` is false) that
        this ends now, if it was so."""
        with self._transaction():
            if still:
                self._db.execute(
                    "INSERT OR REPLACE INTO rings (node, ring, name, until, detail)"
                    " VALUES (?, ?, ?, ?, '')",
                    (node, *_LEFT, _FOR_EVER),
                )
            else:
                self._db.execute(
                    "UPDATE rings SET until = ? WHERE node = ? AND ring = ? AND name = ?"
                    " AND until = ?",
                    (now, node, *_LEFT, _FOR_EVER),
                )

    def pages_left(self, node: str) -> str:
        """Until when pages loaded without a guard on this node; "" where they never did."""
        query = "SELECT until FROM rings WHERE node = ? AND ring = ? AND name = ?"
        return self._one(query, (node, *_LEFT))

    def site_of_ufrag(self, client: str, ufrag: str, since: str) -> str:
        """The site whose page or signaling had this user name fragment for this client, or ""."""
        return self._one(
            "SELECT site FROM events WHERE ufrag = ? AND client = ? AND site != '' AND time >= ?"
            " ORDER BY time DESC LIMIT 1",
            (ufrag, self._mask(client), since),
        )

    def told_of(self, client: str, destination: str, since: str) -> tuple[str, str, str] | None:
        """(kind, site, name) of the last ICE server, or name asked for, that led this client to a
        destination: as the event has it (`host:port`), or a bare address for names."""
        row: tuple[str, str, str] | None = self._db.execute(
            "SELECT kind, site, name FROM events WHERE client = ? AND destination = ?"
            " AND kind IN ('server', 'name') AND time >= ? ORDER BY time DESC LIMIT 1",
            (self._mask(client), destination, since),
        ).fetchone()
        return row

    def last_guarded(self, client: str, since: str) -> str:
        """The site whose page guard reported in last for this client, or ""."""
        return self._one(
            "SELECT site FROM events WHERE kind = 'guard' AND client = ? AND time >= ?"
            " ORDER BY time DESC LIMIT 1",
            (self._mask(client), since),
        )

    def server_names(self, since: str, most: int) -> list[str]:
        """The hosts of ICE servers that were taken from pages since then, the last ones first."""
        rows = self._db.execute(
            "SELECT iif(name != '', name, destination) AS host, MAX(time) FROM events"
            " WHERE kind = 'server' AND iif(would = '', action, would)"
            " IN ('stripped', 'refused', 'blocked')"
            " AND time >= ? GROUP BY host ORDER BY 2 DESC LIMIT ?",
            (since, most),
        ).fetchall()
        return [host for host, _ in rows]

    def _one(self, query: str, values: tuple[str, ...]) -> str:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else ""

    def close(self) -> None:
        self._db.close()


def _opened(path: Path) -> SqliteConnection:
    """A connection that reads. Where nobody has the file open, and nothing can be made beside it
    (a folder that is not ours), it is taken for one that does not change."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    while True:
        db = sqlite3.connect(
            uri, timeout=_PATIENCE, isolation_level=None, factory=SqliteConnection, uri=True
        )
        try:
            db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            return db
        except sqlite3.Error as error:
            db.close()
            if (
                not isinstance(error, sqlite3.OperationalError)
                or "immutable" in uri
                or path.with_name(f"{path.name}-wal").exists()
            ):
                raise
            uri += "&immutable=1"

"""The fleet's database: the events of several gateways in one PostgreSQL, with totals and links.

It has the tables of each gateway's own store, but for what only one machine needs. A batch is one
transaction, and an event's id decides whether it is new: what is sent twice counts once. Gateways
write at the same time; what they count is kept by node, and what they share is locked in one order.
Texts compare by their bytes (collation "C"), as in SQLite, whatever the database's language is.
"""

import contextlib
import os
import re
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg

from rtcguard.errors import StartError
from rtcguard.ledger.dialect import POSTGRESQL, Rows
from rtcguard.ledger.event import COLUMNS, Event
from rtcguard.ledger.questions import Questions
from rtcguard.ledger.schema import COMMON, INDEXES, INDEXES_5, INTEGERS, quoted
from rtcguard.ledger.totals import Totals

VERSION: Final = 2
LONGEST: Final = 1000  # bytes of a text; an index takes 2700 for all its columns

_LOCK: Final = int.from_bytes(b"rtcguard")  # who makes or changes the tables
_LOCK_OLD: Final = _LOCK + 1  # who removes old events
_LOCK_MONTHS: Final = _LOCK + 2  # who adds events, together; who counts months together, alone
_PATIENCE: Final = 10  # seconds, to connect; and for an answer of a network that is silent
_SLOWEST: Final = 60  # seconds for a statement, and for one to come after another
SILENT: Final = 90.0  # seconds, for a transaction
_AT_ONCE: Final = 20_000  # events

_TEXT: Final = 'TEXT COLLATE "C" NOT NULL'
_TABLES: Final = f"""
CREATE TABLE events (
    seq BIGINT GENERATED ALWAYS AS IDENTITY,
    {", ".join(f'"{c}" {"BIGINT NOT NULL" if c in INTEGERS else _TEXT}' for c in COLUMNS)},
    PRIMARY KEY (id)
);
{INDEXES}
CREATE INDEX events_node ON events (node, time);
CREATE TABLE totals (
    dimension {_TEXT}, period {_TEXT}, key {_TEXT},
    {", ".join(f"{c} {_TEXT}" for c in COMMON)},
    count BIGINT NOT NULL, first {_TEXT}, last {_TEXT},
    PRIMARY KEY (dimension, period, key, {quoted(COMMON)})
);
CREATE TABLE links (
    dimension {_TEXT}, key {_TEXT}, other {_TEXT}, value {_TEXT}, first {_TEXT}, last {_TEXT},
    PRIMARY KEY (dimension, key, other, value)
);
CREATE TABLE nodes (
    node {_TEXT}, instance {_TEXT}, keep BIGINT NOT NULL, seen TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (node, instance)
);
CREATE TABLE rtcguard_version (version INTEGER NOT NULL);
INSERT INTO rtcguard_version VALUES (0)"""
# By the version that a database has (0: an empty one), what makes it one of VERSION.
_STEPS: Final = {0: f"{_TABLES};{INDEXES_5}", 1: INDEXES_5}

# Not to_regclass, which remembers what it did not find until the next transaction.
_IS_THERE: Final = """
    SELECT 1 FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name = 'rtcguard_version'
"""
_VALUES: Final = re.compile(r"VALUES \(\?(?:, \?)*\)")
_SEEN: Final = """
    INSERT INTO nodes (node, instance, keep, seen) VALUES (?, ?, ?, now())
    ON CONFLICT (node, instance) DO UPDATE SET keep = excluded.keep, seen = excluded.seen
"""
_OTHERS: Final = """
    SELECT 1 FROM nodes WHERE node = ? AND instance != ? AND seen > now() - interval '10 minutes'
"""
# The first day to keep, for the gateway that keeps events longest; one that was not seen for so
# long has none left.
_FIRST_DAY: Final = """
    SELECT to_char(now() AT TIME ZONE 'UTC' - make_interval(secs => MAX(keep)), 'YYYY-MM-DD')
    FROM nodes WHERE seen > now() - make_interval(secs => keep)
"""
_OLDER: Final = "SELECT 1 FROM totals WHERE dimension = '' AND period < ? LIMIT 1"
_MONTH: Final = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')"


class _Connection:
    """A `Database`."""

    dialect: Final = POSTGRESQL

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, query: str, values: Sequence[Any] = (), /) -> Rows:
        return self._connection.execute(_placed(query), values)

    def executemany(self, query: str, rows: Iterable[Sequence[Any]], /) -> None:
        """An INSERT of all rows at once, which is some ten times as fast as one by one."""
        if columns := _columns(rows):
            self._connection.execute(_VALUES.sub(_arrays(columns), query).encode(), columns)


def _placed(query: str) -> bytes:
    return query.replace("?", "%s").encode()


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _arrays(columns: list[list[Any]]) -> str:
    """What stands in a statement for rows of texts and whole numbers."""
    kinds = ("bigint" if isinstance(column[0], int) else "text" for column in columns)
    return f"SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"


class Fleet(Questions):
    """One connection. Use it from one thread; after an error of psycopg, close it."""

    _db: _Connection

    def __init__(self, url: str, *, create: bool = True) -> None:
        """Connects, and makes the tables where there are none, or older ones; without `create`
        that is a StartError, as is a database of a newer version. Raises psycopg.Error."""
        # Nothing is prepared on the server: a pooler may give each transaction another one.
        self._connection = psycopg.connect(
            url, autocommit=True, prepare_threshold=None, **_defaults(url)
        )
        try:
            self._db = _Connection(self._connection)
            self._totals = Totals(self._db)
            version = self._version()
            if version < VERSION and create:
                version = self._prepare()
        except BaseException:
            self.close()
            raise
        if version != VERSION:
            self.close()
            hint = "a gateway whose ledger.store it is makes it" if not version else (
                "update rtcguard" if version > VERSION else "a gateway of this version updates it"
            )  # fmt: skip
            what = f"of version {version}, this rtcguard knows {VERSION}" if version else "empty"
            raise StartError(f"the database at ledger.store is {what}; {hint}")

    def _version(self) -> int:
        if self._db.execute(_IS_THERE).fetchone() is None:
            return 0
        version: int = self._db.execute("SELECT version FROM rtcguard_version").fetchone()[0]
        return version

    def _prepare(self) -> int:
        """Makes it one of this version; the version that it is then."""
        with self._connection.transaction():  # several gateways may come to a new database at once
            self._db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            version = self._version()
            if version in _STEPS:
                for statement in _STEPS[version].split(";"):
                    self._db.execute(statement)
                self._db.execute("UPDATE rtcguard_version SET version = ?", (VERSION,))
                return VERSION
            return version

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """One whose locks end soon, whatever happens to this process or its network, and which ends
        here, whatever happens to the database."""
        late = threading.Timer(SILENT, self._cut)
        late.daemon = True
        late.start()
        try:
            with self._connection.transaction():
                limits = (
                    "set_config('statement_timeout', ?, true)",
                    ("set_config('idle_in_transaction_session_timeout', ?, true)"),
                )
                self._db.execute(f"SELECT {', '.join(limits)}", (f"{_SLOWEST}s",) * 2)
                yield
        except BaseException:
            self._totals = Totals(self._db)  # what the other took for written is not
            raise
        finally:
            late.cancel()

    def _cut(self) -> None:
        """Ends the connection under whoever waits for an answer: a server that is stopped keeps no
        limit of its own, and its system goes on saying that it is there."""
        with (
            contextlib.suppress(psycopg.Error, OSError),
            socket.socket(fileno=os.dup(self._connection.fileno())) as connected,
        ):
            connected.shutdown(socket.SHUT_RDWR)

    def add(self, events: Iterable[Event]) -> int:
        """Writes a batch as one transaction; how many of its events were new. `seq` grows in their
        order; of several gateways, not in the order of the commits."""
        new = {event.id: _fitting(event) for event in events}
        rows = [event.to_row() for event in new.values()]
        if not rows:
            return 0
        with self._transaction():
            columns = _columns(rows)
            query = f"""
                INSERT INTO events ({quoted(COLUMNS)}) {_arrays(columns)}
                ON CONFLICT (id) DO NOTHING RETURNING id
            """
            self._db.execute("SELECT pg_advisory_xact_lock_shared(?)", (_LOCK_MONTHS,))
            written = self._connection.execute(query.encode(), columns).fetchall()
            self._totals.add(new[id] for (id,) in written)
        return len(written)

    def seen(self, node: str, instance: str, keep: int) -> tuple[bool, float]:
        """A gateway says that it is there, and how many seconds it keeps events. Returns whether
        another of the same name was there lately, and the database's time, in seconds since
        1970."""
        with self._transaction():
            self._db.execute(_SEEN, (node, instance, keep))
            is_other = self._db.execute(_OTHERS, (node, instance)).fetchone() is not None
            (now,) = self._db.execute("SELECT CAST(extract(epoch FROM now()) AS FLOAT)").fetchone()
            return is_other, now

    def forget_old(self) -> None:
        """Removes the days that no gateway keeps, by the database's clock, a part at a time."""
        (day,) = self._db.execute(_FIRST_DAY).fetchone()
        count = _AT_ONCE if day is not None else 0
        while count == _AT_ONCE:
            with self._transaction():
                if not self._is_mine(_LOCK_OLD):
                    return
                chosen = f"SELECT id FROM events WHERE time < ? ORDER BY id LIMIT {_AT_ONCE}"
                query = f"DELETE FROM events WHERE id IN ({chosen}) RETURNING id"
                count = len(self._db.execute(query, (day,)).fetchall())
        if day is not None and self._db.execute(_OLDER, (f"d{day}",)).fetchone() is not None:
            with self._transaction():
                self._db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK_MONTHS,))
                self._totals.forget_before(day)

    def roll(self) -> None:
        """Counts the months together that are over, by the database's clock. What comes for one
        later is counted there too: nobody adds events meanwhile."""
        (now,) = self._db.execute(_MONTH).fetchone()
        for month in self._totals.open_months(now):
            with self._transaction():
                self._db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK_MONTHS,))
                self._totals.roll(month)

    def _is_mine(self, lock: int) -> bool:
        found = self._db.execute("SELECT pg_try_advisory_xact_lock(?)", (lock,)).fetchone()
        return bool(found[0])

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """All questions in it are answered from what the database had at one moment."""
        with self._connection.transaction():
            self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def asked(url: str) -> Iterator[Fleet]:
    """The database, to be read as it is now. Raises StartError."""
    try:
        fleet = Fleet(url, create=False)
        try:
            with fleet.moment():
                yield fleet
        finally:
            fleet.close()
    except psycopg.Error as error:
        raise StartError(
            f"the database at ledger.store cannot be asked: {explained(error)}; "
            "--local asks this machine's own ledger"
        ) from error


def explained(error: psycopg.Error) -> str:
    """What the database or libpq says, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    return first.removeprefix("connection failed: ")


def _defaults(url: str) -> dict[str, Any]:
    """Limits for a network that says nothing, where the URL does not set them itself."""
    made = {
        "application_name": "rtcguard",
        "connect_timeout": _PATIENCE,
        "keepalives_idle": _PATIENCE,
        "keepalives_interval": _PATIENCE,
        "keepalives_count": 3,
        "tcp_user_timeout": _PATIENCE * 1000,
    }
    asked = urlsplit(url).query
    return {name: value for name, value in made.items() if f"{name}=" not in asked}


def _fitting(event: Event) -> Event:
    """The event as PostgreSQL can have it: without U+0000, and with texts that an index takes."""
    row = event.to_row()
    texts = [value for value in row if isinstance(value, str)]
    if max(map(len, texts)) * 4 <= LONGEST and not any("\0" in text for text in texts):
        return event
    return Event.of_row([_fitting_text(one) if isinstance(one, str) else one for one in row])


def _fitting_text(text: str) -> str:
    text = text.replace("\0", "\ufffd")
    content = text.encode()
    if len(content) <= LONGEST:
        return text
    return content[: LONGEST - 3].decode(errors="ignore") + "…"

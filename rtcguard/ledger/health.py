"""Whether a ledger's file is sound, can be written, and has all that it was given."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rtcguard.errors import StartError
from rtcguard.ledger.writer import NOT_WRITTEN

_LOOK: Final = 5.0  # seconds that a large file is looked through
_STEPS: Final = 100_000  # of SQLite's machine, between two looks at the clock
_PATIENCE: Final = 5.0  # seconds that another's lock is waited for


@dataclass(frozen=True, slots=True)
class Health:
    """`damage` and `unwritable` say why, empty where it is not so; `last` is the time of the last
    event, empty where there is none; `lost` counts events."""

    damage: str
    looked_whole: bool
    unwritable: str
    last: str
    lost: int


def examine(path: Path, since: str, site: str, fragment: str) -> Health:
    """Looks at an existing file; nothing is changed in it. Losses count from the time `since` on.
    The last event is one of another site and name than `site` (and below), and of no user name
    fragment that begins with `fragment`: who examines leaves events, too. Raises StartError where
    it cannot be opened."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, _PATIENCE, uri=True)) as db:
            whole, damage = _checked(db)
            last, lost = ("", 0) if damage else _told(db, since, site, fragment)
    except sqlite3.OperationalError as error:
        raise StartError(f"{path}: the ledger cannot be opened ({error})") from error
    except sqlite3.DatabaseError as error:
        return Health(str(error), True, "", "", 0)
    return Health(damage, whole, _unwritable(path), last, lost)


def _checked(db: sqlite3.Connection) -> tuple[bool, str]:
    """Whether there was time to look through all of it, and what damage was found."""
    with _bounded(db):
        said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        return True, "" if said == "ok" else " ".join(said.split())
    return False, ""


def _told(db: sqlite3.Connection, since: str, site: str, fragment: str) -> tuple[str, int]:
    """The time of the last event, and how many were lost; what takes too long is not known."""
    last, lost = "", 0
    with _bounded(db):
        found = db.execute(
            "SELECT time FROM events WHERE site != ? AND name NOT GLOB ? AND ufrag NOT GLOB ?"
            " ORDER BY seq DESC LIMIT 1",
            (site, f"*.{site}", f"{fragment}*"),
        ).fetchone()
        last = found[0] if found else ""
        # The totals say at once whether there is anything to look for among millions.
        ours = "ring = 'ledger' AND kind = 'rtcguard'"
        period = f"d{since[:10]}"
        totals = f"SELECT 1 FROM totals WHERE dimension = '' AND period >= ? AND {ours} LIMIT 1"
        if db.execute(totals, (period,)).fetchone():
            query = f"SELECT reason FROM events WHERE time >= ? AND {ours} AND reason LIKE ?"
            for (reason,) in db.execute(query, (since, f"%{NOT_WRITTEN}")):
                count = reason.removesuffix(NOT_WRITTEN)
                lost += int(count) if count.isdigit() else 0
    return last, lost


@contextlib.contextmanager
def _bounded(db: sqlite3.Connection) -> Iterator[None]:
    """Ends what takes longer than there is time for."""
    until = time.monotonic() + _LOOK
    db.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        db.set_progress_handler(None, 0)


def _unwritable(path: Path) -> str:
    """Takes the lock that a writer needs, and gives it back."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(uri, _PATIENCE, isolation_level=None, uri=True)
        ) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except sqlite3.Error as error:
        return str(error)
    return ""

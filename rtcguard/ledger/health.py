"""Whether a ledger's file is sound, can be written, and has all that it was given."""

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rtcguard.errors import StartError

_LOOK: Final = 5.0  # seconds that a large file is looked through
_STEPS: Final = 100_000  # of SQLite's machine, between two looks at the clock
_PATIENCE: Final = 5.0  # seconds that another's lock is waited for
_LOST: Final = " events could not be written to the ledger"  # as in `writer.py`


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
    until = time.monotonic() + _LOOK
    db.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        said = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return False, ""
    finally:
        db.set_progress_handler(None, 0)
    return True, "" if said == "ok" else " ".join(said.split())


def _told(db: sqlite3.Connection, since: str, site: str, fragment: str) -> tuple[str, int]:
    last = db.execute(
        "SELECT time FROM events WHERE site != ? AND name NOT GLOB ? AND ufrag NOT GLOB ?"
        " ORDER BY seq DESC LIMIT 1",
        (site, f"*.{site}", f"{fragment}*"),
    ).fetchone()
    rows = db.execute(
        "SELECT reason FROM events WHERE time >= ? AND ring = 'ledger' AND kind = 'rtcguard'",
        (since,),
    )
    lost = [reason.removesuffix(_LOST) for (reason,) in rows if reason.endswith(_LOST)]
    return last[0] if last else "", sum(int(count) for count in lost if count.isdigit())


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

"""Checks of the ledger and of what is sent on from it; and whether what was done got into it."""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from rtcguard.app.doctor import origin
from rtcguard.app.doctor.check import SEE_LOG, START, Check, Result, Setup, blocking, known
from rtcguard.app.doctor.threads import in_thread
from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger import health
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.store import Store
from rtcguard.policy.model import Config
from rtcguard.policy.record import Record
from rtcguard.policy.store_url import PostgreSQL

_PATIENCE: Final = 5.0  # seconds until an event is in the ledger
_AT_ONCE: Final = 1000  # events
_LEAST_FREE: Final = 64 << 20  # bytes, without which it soon cannot be written
_FEW_FREE: Final = 1 << 30
_LATE: Final = 60.0  # seconds that an event may wait to be sent on
_AHEAD: Final = 60.0  # seconds that an event may be later than now
_DAY: Final = 86400.0
_FRAGMENT: Final = "doctor"  # how the user name fragments of the doctor's begin


def checks(setup: Setup) -> list[Check]:
    return [blocking("ledger", lambda: list(_ledger(setup))), *_exports(setup)]


def last_seq(setup: Setup) -> int:
    """Where the ledger's end is now; 0 where it cannot be asked, which another check tells."""
    try:
        with contextlib.closing(Store.read_only(setup.state.ledger)) as store:
            return store.last_seq()
    except (StartError, DamagedError, sqlite3.Error):
        return 0


def fragment() -> str:
    """A user name fragment by which an event is found again."""
    return _FRAGMENT + os.urandom(6).hex()


async def has(setup: Setup, seq: int, fits: Callable[[Record], bool]) -> bool:
    """Whether an event that fits is written behind `seq`, soon."""
    return await in_thread(lambda: _has(setup, seq, fits))


def _has(setup: Setup, seq: int, fits: Callable[[Record], bool]) -> bool:
    until = time.monotonic() + _PATIENCE
    try:
        with contextlib.closing(Store.read_only(setup.state.ledger)) as store:
            while True:
                found = store.after(seq, _AT_ONCE)
                if any(fits(event.record) for _, event in found):
                    return True
                seq = found[-1][0] if found else seq
                if not found:
                    if time.monotonic() > until:
                        return False
                    time.sleep(0.05)
    except (StartError, DamagedError, sqlite3.Error):
        return False


def told(is_there: bool, what: str) -> Result:
    if is_there:
        return Result("ok", f"the ledger has {what}")
    missing = f"the ledger got nothing of {what} in {_PATIENCE:g} s"
    return Result("failed", missing, f"does rtcguard run with this state folder? {SEE_LOG}")


def _ledger(setup: Setup) -> Iterator[Result]:
    path = setup.state.ledger
    if not path.is_file():
        yield Result("warning", f"{path}: there is none yet", START)
        return
    try:
        Store.read_only(path).close()  # its version, too
        found = health.examine(path, timestamp(time.time() - _DAY), origin.SITE, _FRAGMENT)
    except DamagedError as error:
        yield _damaged(str(error))
        return
    except StartError as error:
        yield Result("failed", str(error), "see whose it is, and which rtcguard wrote it")
        return
    if found.damage:
        yield _damaged(f"{path}: the ledger is damaged ({found.damage})")
        return
    if found.unwritable:
        step = f"see who owns it, and what holds it: ls -l {path.parent}"
        yield Result("failed", f"{path}: cannot be written ({found.unwritable})", step)
    else:
        looked = "sound" if found.looked_whole else "sound as far as there was time to look"
        yield Result("ok", f"{path}: {looked}, can be written")
    yield _last(found.last)
    yield _free(setup)
    if found.lost:
        what = f"{found.lost} events of the last 24 hours could not be written, and are lost"
        yield Result("failed", what, f"make room, or lower the load; {SEE_LOG}")


def _damaged(what: str) -> Result:
    step = (
        "`rtcguard report` tells what can be read; move it away, and `rtcguard run` makes another"
    )
    return Result("failed", what, step)


def _last(time_: str) -> Result:
    if not time_:
        return Result("ok", "no event yet")
    moment = datetime.fromisoformat(time_).replace(tzinfo=UTC)
    age = time.time() - moment.timestamp()
    if age < -_AHEAD:
        what = f"the last event is of {moment:%Y-%m-%d %H:%M} UTC, later than now"
        return Result("warning", what, "was the clock of this machine set back? Set it (NTP)")
    return Result("ok", f"the last event is {_span(max(0.0, age))} old")


def _span(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _free(setup: Setup) -> Result:
    free = shutil.disk_usage(setup.state.folder).free
    said = f"{free / 1e9:.1f} GB free there"
    if free < _LEAST_FREE:
        return Result("failed", said, "make room: events are lost when the disk is full")
    if free < _FEW_FREE:
        return Result("warning", said, "make room, or set a smaller ledger.size")
    return Result("ok", said)


def _exports(setup: Setup) -> Iterator[Check]:
    names = _names(setup.policy.config)
    if not names:
        yield known("exports", Result("off", "exports names none"))
    for name in names:
        yield blocking(f"export {name}", lambda name=name: _lag(setup, name))  # type: ignore[misc]


def _names(config: Config) -> list[str]:
    """What each one's place in the ledger is kept under."""
    store = [config.ledger.store.name] if isinstance(config.ledger.store, PostgreSQL) else []
    return [*store, *(export.name for export in config.exports)]


def _lag(setup: Setup, name: str) -> list[Result]:
    """How far it is behind: by its cursor, and the age of the first event that it has not sent."""
    if not setup.state.ledger.is_file():
        return [Result("failed", "there is no ledger to send on", START)]
    with contextlib.closing(Store.read_only(setup.state.ledger)) as store:
        place, last = store.cursor(name), store.last_seq()
        waiting = store.after(place, 1)
    if not waiting:
        return [Result("ok", "all events are sent")]
    since = datetime.fromisoformat(waiting[0][1].time).replace(tzinfo=UTC)
    age = time.time() - since.timestamp()
    what = f"{last - place} events wait to be sent, the first for {_span(max(0.0, age))}"
    if age < _LATE:
        return [Result("ok", what)]
    return [Result("failed", what, f"is the receiver there? {SEE_LOG}, which names its reason")]

"""What `rtcguard report` asks the ledger: a store, damaged or not, and the page of all reports."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger import html, salvage
from rtcguard.ledger.asked_calls import listed
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.query import Filter
from rtcguard.ledger.questions import Questions
from rtcguard.ledger.span import Span, local
from rtcguard.ledger.store import Store
from rtcguard.ledger.story import Told

_HOURS: Final = 36 * 3600.0  # seconds: longer spans are plotted by days
_CALLS: Final = 20  # in the page
_FEW: Final = 2000  # events that are looked through for the page's calls at first
_GROUPS: Final = ("address", "site", "client", "destination")


def answered[Answer](
    path: Path, asked: Filter, question: Callable[[Questions], Answer]
) -> tuple[Answer, str]:
    """The answer of a ledger that is only read, and what is to be said of it: of a damaged one,
    that this is from what could be read. Raises StartError and DamagedError."""
    try:
        with contextlib.closing(Store.read_only(path)) as store:
            return question(store), ""
    except sqlite3.OperationalError as error:  # locked for long, or a disk that fails
        raise StartError(f"{path}: the ledger cannot be read ({error})") from error
    except (DamagedError, sqlite3.DatabaseError):
        pass
    with tempfile.TemporaryDirectory(prefix="rtcguard-report-") as folder:
        store, count = salvage.salvage(path, Path(folder), asked)
        with contextlib.closing(store):
            if not count:
                raise DamagedError(
                    f"{path}: the ledger is damaged, and no event of this time can be read; move "
                    "it away, and `rtcguard run` makes a new one"
                )
            notice = (
                f"{path}: the ledger is damaged; this is of the {count} events of this time that "
                "can be read; move it away, and `rtcguard run` makes a new one"
            )
            return question(store), notice


def answered_by_fleet[Answer](url: str, question: Callable[[Questions], Answer]) -> Answer:
    """The answer of a fleet's database. Raises StartError."""
    from rtcguard.ledger.fleet import asked  # its import takes a while

    with asked(url) as fleet:
        return question(fleet)


def page(store: Questions, span: Span, asked: Filter, top: int, places: Mapping[str, str]) -> str:
    """The HTML page."""
    now = datetime.now().astimezone()
    end = min(span.until or now, now)
    hours = (end - span.since).total_seconds() <= _HOURS
    return html.page(
        html.Answers(
            span=str(span),
            filters=", ".join(f"{name} {value}" for name, value in asked.given().items()),
            made=f"{now:%Y-%m-%d %H:%M}",
            since=asked.since,
            until=timestamp(end.timestamp()),
            rings=store.grouped("ring", asked),
            groups={by: store.ranked(by, asked, "count", top) for by in _GROUPS},
            scopes=store.scopes(asked),
            over={
                by: [
                    one
                    for one in store.over_time(by, asked, hours=hours)
                    if one.key and (by, one.key) != ("would", "kept")
                ]
                for by in ("ring", "action", "would")
            },
            calls=_last_calls(store, asked, places),
        ),
        local,
    )


def _last_calls(store: Questions, asked: Filter, places: Mapping[str, str]) -> list[Told]:
    """Few events tell of some calls, but where a filter leaves most of them out."""
    found = listed(store, asked, places, _FEW)
    if found.cut and len(found.calls) <= _CALLS:  # the earliest may have lost its beginning
        found = listed(store, asked, places)
    return found.calls[:_CALLS]

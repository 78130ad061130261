"""What `rtcguard report` asks the ledger: the times, the store, and what goes into each report."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger import calls, html, salvage
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.masking import Mask
from rtcguard.ledger.outcome import outcome
from rtcguard.ledger.query import Filter
from rtcguard.ledger.questions import Questions
from rtcguard.ledger.store import Store
from rtcguard.ledger.story import Told
from rtcguard.policy.model import Config

_HOURS: Final = 36 * 3600.0  # seconds: longer spans are plotted by days
_CALLS: Final = 20  # in the page
_FEW: Final = 2000  # events that are looked through for them at first
_MOST_OF_ONE: Final = 200_000  # events of a client, among which one call is looked for
_GROUPS: Final = ("address", "site", "client", "destination")


@dataclass(frozen=True, slots=True)
class Span:
    """From when (included) to when (not included); `until` None: to now, and what is to come."""

    since: datetime
    until: datetime | None

    def asked(self, given: Mapping[str, str], mask: Mask) -> Filter:
        """The filter of events for what was given; addresses as the ledger has them."""
        values = {
            name: mask(value) if name in ("client", "address") and "*" not in value else value
            for name, value in given.items()
        }
        until = timestamp(self.until.timestamp()) if self.until else ""
        return Filter(timestamp(self.since.timestamp()), until, **values)

    def __str__(self) -> str:
        """For people: local time."""
        end = f"{self.until:%Y-%m-%d %H:%M}" if self.until else "now"
        return f"{self.since:%Y-%m-%d %H:%M} to {end} (local time, {zone()})"


def zone() -> str:
    """What the local time is called, such as `CET`."""
    return datetime.now().astimezone().tzname() or "local time"


def local(time: str) -> str:
    """An event's time by the local clock, to the second."""
    try:
        return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):  # no event of ours, but in a ledger
        return time


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


def listed(
    store: Questions, asked: Filter, places: Mapping[str, str], most: int = calls.MOST
) -> tuple[list[Told], bool]:
    """The calls of a span that have an event of a filter, the last one first; and whether these are
    all of them, for only `most` events are looked through."""
    since = calls.around(asked.since, asked.since)[0] if asked.since else ""
    events = store.events(Filter(since, asked.until, client=asked.client), most)
    complete = len(events) < most or events[0].time < asked.since
    found = [
        told_of(call, places)
        for call in calls.split(events)
        if call.last >= asked.since and any(map(asked.takes, call.events))
    ]
    return sorted(found, key=lambda one: one.call.began, reverse=True), complete


def told_of(call: calls.Call, places: Mapping[str, str]) -> Told:
    return Told(call, outcome(call, places))


def find(store: Questions, name: str, asked: Filter, places: Mapping[str, str]) -> Told:
    """The call that a name is of: an ICE user name fragment, or how the id of one of its events
    begins. Raises StartError where there is none, or more than one."""
    named = [event for event in store.named(name, calls.MOST) if asked.takes(event)]
    ids = {event.id for event in named}
    found: list[calls.Call] = []
    for client in {event.record.client for event in named} - {""}:
        times = [event.time for event in named if event.record.client == client]
        since, until = calls.around(min(times), max(times))
        events = store.events(Filter(since, until, client=client), _MOST_OF_ONE)
        found += [call for call in calls.split(events) if ids & {e.id for e in call.events}]
    # The far side of a call may be a client of ours too; a fragment is of the one that made it.
    own = [call for call in found if name in call.ufrags] or found
    if not own:
        raise StartError(
            f"{name}: no call has such a fragment or id; see `rtcguard report --calls`"
        )
    if len(own) > 1:
        told = ", ".join(f"{call.id} ({call.client} {call.site})" for call in own[:5])
        raise StartError(f"{name}: {len(own)} calls have this; name one by its id: {told}")
    return told_of(own[0], places)


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
    found, complete = listed(store, asked, places, _FEW)
    if not complete and len(found) <= _CALLS:  # the earliest may have lost its beginning
        found, _ = listed(store, asked, places)
    return found[:_CALLS]


def places_of(config: Config) -> dict[str, str]:
    """File and line of the rules in force now, by their name."""
    return {rule.name: f"{rule.file}:{rule.line}" for rule in config.rules if rule.line}

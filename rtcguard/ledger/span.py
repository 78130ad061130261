"""Times as people say them, and events' times as their clock has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.masking import Mask, as_kept
from rtcguard.ledger.query import Filter
from rtcguard.policy.yaml_values import parse_duration


@dataclass(frozen=True, slots=True)
class Span:
    """From when (included) to when (not included); `until` None: to now, and what is to come."""

    since: datetime
    until: datetime | None

    def asked(self, given: Mapping[str, str], mask: Mask) -> Filter:
        """The filter of events for what was given; addresses as the ledger has them."""
        values = {name: as_kept(name, value, mask) for name, value in given.items()}
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


def moment(text: str, *, end: bool = False) -> datetime:
    """`24h` (so long ago), `2026-11-26`, `2026-11-26 10:00`: local time, unless it names a zone. Of
    a date, `end` takes the end of the day. Raises ValueError."""
    try:
        seconds = parse_duration(text)
        if seconds is not None:
            return datetime.now().astimezone() - timedelta(seconds=seconds)
        made = datetime.fromisoformat(text)
        if end and len(text) <= len("2026-11-26"):
            made += timedelta(days=1)
        return made.astimezone()
    except (ValueError, OverflowError, OSError) as error:  # no time, or none of this calendar
        raise ValueError(f"{text!r} is not like 24h, 2026-11-26 or '2026-11-26 10:00'") from error

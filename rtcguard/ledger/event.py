"""Events: a ring's record with the time, an id and the node that saw it.

The order of the fields here is the order in JSON lines and in the store's columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from rtcguard.policy.record import Record

END: Final = "~"  # behind every time


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `time` is RFC 3339 in UTC with milliseconds, so that its text sorts by time.

    Where it stands for several (`count` of the record), `time` is the first's, `last` the last's.
    """

    time: str
    id: str
    node: str
    record: Record
    last: str

    def to_dict(self) -> dict[str, Any]:
        """The event as it stands in JSON lines: every field, the empty ones too."""
        record = {name: getattr(self.record, name) for name in RECORD_FIELDS}
        return {"time": self.time, "id": self.id, "node": self.node, **record, "last": self.last}

    def to_row(self) -> tuple[Any, ...]:
        """The values in the order of `COLUMNS`, such as a database takes: what a page sent may hold
        lone surrogates, which UTF-8 has no bytes for."""
        record = _record_values(self.record)
        return storable((self.time, self.id, self.node, *record, self.last))

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> "Event":
        """The event of a row in the order of `COLUMNS`."""
        time, id, node, *record, last = row
        return cls(time, id, node, Record(**dict(zip(RECORD_FIELDS, record, strict=True))), last)


# Two become `time` and `last`; one is for the attribution alone.
_PASSING: Final = ("began", "ended", "far_ufrag")
RECORD_FIELDS: Final = tuple(f.name for f in fields(Record) if f.name not in _PASSING)
COLUMNS: Final = ("time", "id", "node", *RECORD_FIELDS, "last")


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as an event's time: `2026-11-23T04:15:05.120Z`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_record_values = attrgetter(*RECORD_FIELDS)


def storable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values that a database takes."""
    if "".join(map(str, values)).isascii():
        return values
    return tuple(
        value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for value in values
    )

"""What a page of the ledger is asked: filters and times in the address, checked.

Whose events may be seen is not asked there: `Asking.filter` has the visitor's own client in it, and
nothing in an address can take it out or put another in its place.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.masking import Mask, as_kept
from rtcguard.ledger.query import Filter
from rtcguard.ledger.span import moment
from rtcguard.policy.record import ACTIONS, KINDS, RINGS
from rtcguard.web.access import Visitor

DAY: Final = "24h"
ALL: Final = "all"
# What the form offers as times; an address may have any that `span.moment` knows.
SPANS: Final = (("1h", "last hour"), (DAY, "last 24 hours"), ("7d", "last 7 days"),
                ("30d", "last 30 days"), (ALL, "all of it"))  # fmt: skip
# Filters, and the values that there are, where there are few.
FILTERS: Final[Mapping[str, Sequence[str]]] = {
    "site": (),
    "client": (),
    "address": (),
    "ring": RINGS,
    "action": ACTIONS,
    "kind": KINDS,
    "destination": (),
    "user": (),
    "rule": (),
    "would": ACTIONS,
    "direction": ("outbound", "inbound"),
    "scope": (),
    "page": ("guarded", "unguarded"),
}
_TIMES: Final = ("since", "until")
_BEFORE: Final = "before"
_LONGEST: Final = 256  # letters of a value
_ID: Final = 32  # hexadecimal digits
_HEX: Final = frozenset("0123456789abcdef")


class BadQuery(ValueError):
    """What in an address is wrong, for people."""


class NotYours(ValueError):
    """Another's events were asked for."""


@dataclass(frozen=True, slots=True)
class Asking:
    """`given`: what the address has, as it was written, without `before`. `filter`: what the ledger
    is asked, with the visitor's client in it. `before`: the event that a page goes on before."""

    given: Mapping[str, str]
    filter: Filter
    before: str = ""

    def query(self, **other: str | None) -> str:
        """The query of an address that asks the same, but for `other` (None: without it)."""
        values = {**self.given, **other}
        return urlencode({name: value for name, value in values.items() if value})


def read(
    query: Sequence[tuple[str, str]], visitor: Visitor, mask: Mask, since: str = DAY
) -> Asking:
    """What is asked; `since` where the address has no time. Raises BadQuery and NotYours."""
    given: dict[str, str] = {}
    for name, value in query:
        if name not in FILTERS and name not in (*_TIMES, _BEFORE):
            near = difflib.get_close_matches(name, [*FILTERS, *_TIMES], 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadQuery(f"There is no filter {name[:_LONGEST]!r}{hint}")
        if name in given:
            raise BadQuery(f"{name} is given twice")
        if len(value) > _LONGEST:
            raise BadQuery(f"{name} has more than {_LONGEST} letters")
        if value.strip():
            given[name] = value.strip()
    before = given.pop(_BEFORE, "")
    if before and not is_id(before):
        raise BadQuery(f"before is no id of an event: {before!r}")
    times = _times(given, since)
    values = {name: _value(name, value, mask) for name, value in given.items() if name in FILTERS}
    return Asking(given, _own(Filter(**times, **values), visitor, mask), before)


def _own(asked: Filter, visitor: Visitor, mask: Mask) -> Filter:
    """The filter, of this visitor's events where others are not to be seen."""
    if visitor.sees_all:
        return asked
    own = mask(visitor.client)
    if not visitor.sees_own or not own or "*" in own:
        raise NotYours("The events of this client are not to be shown here")
    if asked.client not in ("", own):
        raise NotYours(f"From here, only the events of {visitor.client} can be seen")
    return replace(asked, client=own)


def _value(name: str, value: str, mask: Mask) -> str:
    words = FILTERS[name]
    if words and "*" not in value and value not in words:
        raise BadQuery(f"{name} is none of {', '.join(words)}: {value!r}")
    return as_kept(name, value, mask)


def _times(given: Mapping[str, str], since: str) -> dict[str, str]:
    written = {"since": given.get("since", since), "until": given.get("until", "")}
    times = {}
    for name, value in written.items():
        if not value or value == ALL:
            times[name] = ""
            continue
        try:
            times[name] = timestamp(moment(value, end=name == "until").timestamp())
        except (ValueError, OverflowError, OSError) as error:
            raise BadQuery(f"{name}: {error}") from error
    if times["until"] and times["until"] <= times["since"]:
        raise BadQuery("until is not after since")
    return times


def is_id(text: str) -> bool:
    """Whether it may be an event's id."""
    return len(text) == _ID and set(text) <= _HEX

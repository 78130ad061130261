"""Calls: which events belong together, found by the events alone, so that every process and every
node that has them finds the same.

A call is what one client does on one site after one load of the page, without a pause of more than
PAUSE. Events with an ICE user name fragment belong to the call that had it first, wherever they
were seen; STUN packets carry their site already (`attribution.py`). The connections of one page
(many services use one to send and others to receive) are one call. A program without pages has
calls without a site.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ledger.event import Event, timestamp
from rtcguard.policy.record import Record

PAUSE: Final = 120.0  # seconds
MOST: Final = 25_000  # events that are looked through
_AROUND: Final = 6 * 3600.0  # seconds before and after an event in which its call may have others
# What makes a call; what else there is (a guard's report, a name) only goes with one.
_MAKES: Final = ("connection", "candidate", "description", "server", "stun")
_BEGINS: Final = ("connection", "server")


@dataclass(slots=True)
class Call:
    """One call. `events` are in the order of time; `ufrags` are the client's own fragments."""

    client: str
    site: str
    events: list[Event] = field(default_factory=list)
    ufrags: list[str] = field(default_factory=list)
    last: str = ""
    has_begun: bool = False
    """Whether more is known of it than servers that the page was told of."""
    _first: Event | None = None
    _hosts: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The id of the event that made it; that of any other finds it too."""
        return (self._first or self.events[0]).id

    @property
    def began(self) -> str:
        return (self._first or self.events[0]).time

    @property
    def user(self) -> str:
        return next((event.record.user for event in self.events if event.record.user), "")

    @property
    def node(self) -> str:
        return (self._first or self.events[0]).node

    def add(self, event: Event) -> None:
        """Takes one more event; later than those that it has."""
        record = event.record
        self.events.append(event)
        self.last = max(self.last, event.last)
        if record.kind in _MAKES and (self._first is None or _place(event) < _place(self._first)):
            self._first = event
        self.has_begun |= record.kind in ("connection", "candidate")
        own = record.direction == "outbound" and record.ufrag
        if own and record.ufrag not in self.ufrags:
            self.ufrags.append(record.ufrag)
        self._hosts.add(record.address if record.direction == "inbound" else _host(record))

    def knows(self, event: Event) -> bool:
        """Whether other packets went where one goes."""
        return _host(event.record) in self._hosts


def split(events: Iterable[Event]) -> list[Call]:
    """The calls of some events that are in the order of time, in the order of their first one."""
    splitting = _Splitting()
    for event in events:
        if event.record.client:
            splitting.add(event)
    return splitting.made


class _Splitting:
    def __init__(self) -> None:
        self.made: list[Call] = []
        self._open: dict[tuple[str, str], Call] = {}
        self._latest: dict[str, Call] = {}  # of each client
        self._by_ufrag: dict[tuple[str, str], Call] = {}
        self._guards: dict[tuple[str, str], Event] = {}  # of pages that had no call yet
        self._names: dict[str, list[Event]] = {}  # asked for by a client, that no call has

    def add(self, event: Event) -> None:
        record = event.record
        where = record.client, record.site
        if record.kind in _MAKES:
            call = self._known(event) or self._new(event)
            call.add(event)
            self._latest[record.client] = call
            if record.ufrag:
                self._by_ufrag.setdefault((record.client, record.ufrag), call)
        elif record.kind == "guard":
            call_ = self._open.get(where)
            if call_ is None or call_.has_begun or _paused(call_, event):
                self._guards[where] = event
            else:  # its report took longer than the page's first request for servers
                call_.add(event)
        else:
            self._add_beside(event)

    def _add_beside(self, event: Event) -> None:
        """What makes no call goes with the one that is going on; a name with the next one too."""
        record = event.record
        by_client = record.kind in ("name", "udp")  # of which nobody says the site
        call = (
            self._latest.get(record.client)
            if by_client
            else self._open.get((record.client, record.site))
        )
        going = call is not None and not _paused(call, event)
        if call is not None and going and (record.kind != "udp" or call.knows(event)):
            call.add(event)
        elif record.kind == "name" and not going:
            self._names.setdefault(record.client, []).append(event)

    def _known(self, event: Event) -> Call | None:
        """The call that an event belongs to, if there is one."""
        record = event.record
        where = record.client, record.site
        call = self._by_ufrag.get((record.client, record.ufrag)) if record.ufrag else None
        if call is not None and not _paused(call, event):
            return call
        call = self._open.get(where)
        if call is None or _paused(call, event):
            return None
        new = record.kind in _BEGINS or (record.ufrag and record.direction == "outbound")
        return None if new and where in self._guards else call  # the page was loaded again

    def _new(self, event: Event) -> Call:
        record = event.record
        where = record.client, record.site
        call = Call(record.client, record.site)
        before = [
            name
            for name in self._names.pop(record.client, ())
            if seconds_between(name.last, event.time) <= PAUSE
        ]
        if guard := self._guards.pop(where, None):
            before.append(guard)
        for one in sorted(before, key=lambda one: one.time):
            call.add(one)
        self.made.append(call)
        self._open[where] = call
        return call


def _place(event: Event) -> tuple[str, str]:
    """Of events of the same time, the one that every node takes for the first."""
    return event.time, event.id


def _host(record: Record) -> str:
    return addresses.host_and_port(record.destination)[0] or record.destination


def _paused(call: Call, event: Event) -> bool:
    return seconds_between(call.last, event.time) > PAUSE


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one event's time to another's."""
    return (_moment(later) - _moment(earlier)).total_seconds()


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)


def around(first: str, last: str) -> tuple[str, str]:
    """From when to when there may be events of the calls that have some between two times."""
    low, high = _moment(first).timestamp(), _moment(last).timestamp()
    return timestamp(low - _AROUND), timestamp(high + _AROUND)

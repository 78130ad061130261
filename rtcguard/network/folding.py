"""Records of the same thing, told as one: a client that asks a thousand times is one line a minute.

The first of its kind is told at once, so that reports show it at once; what follows in the same
minute is counted, and told as one record with the times of the first and the last when the minute
ends, when the table is full, or at the end. Memory is bounded whatever comes: a million sources are
a million records, but never more than SIZE of them at a time.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from rtcguard.policy.record import Record

SIZE: Final = 4096  # kinds that are counted at a time
MINUTE: Final = 60.0
# Each new ICE user name fragment of a kind is told at once, as it ties the packet to a page; up to
# so many, for whoever sends may make them up.
_FRAGMENTS: Final = 16
# Kinds of one client that are told apart in a minute. It may make up methods and destinations too,
# and each would be a line of the ledger.
_KINDS: Final = 256
_OTHERS: Final = f"packets beyond the {_KINDS} kinds and destinations of this client in a minute"

_Kind = tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What came of one kind after the first, in this minute. `began` and `ended` in seconds since
    1970."""

    record: Record
    count: int = 0
    began: float = 0.0
    ended: float = 0.0
    port: int = 0  # the source's, while it is one
    fragments: set[str] = field(default_factory=set)

    def add(self, count: int, now: float) -> None:
        if not self.count:
            self.began = now
        self.count += count
        self.ended = now

    def folded(self) -> Record:
        """One record for all of them: without what they did not have in common."""
        ufrag = self.record.ufrag if len(self.fragments) == 1 else ""
        return replace(
            self.record,
            port=self.port,
            ufrag=ufrag,
            far_ufrag=self.record.far_ufrag if ufrag else "",
            count=self.count,
            began=self.began,
            ended=self.ended,
        )


class Folding:
    """`now` is in seconds since 1970 in every call. `take` gives what is to be told."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._tallies: dict[_Kind, Tally] = {}
        self._kinds: Counter[str] = Counter()
        self._told: list[Record] = []
        self.due = float("inf")
        """When `settle` is to be called, though nothing came."""
        self.rounds = 0
        """Goes up when tallies are settled: one that was given out before counts no more."""

    def __len__(self) -> int:
        """Kinds that are counted now."""
        return len(self._tallies)

    def add(self, record: Record, now: float) -> Tally:
        """Counts a record, or tells it at once; the same of its kind may go to the tally then."""
        if now >= self.due:
            self.settle()
        kind = _kind(record)
        tally = self._tallies.get(kind)
        if tally is None and self._kinds[record.client] >= _KINDS:
            record = replace(
                record, destination="", ufrag="", far_ufrag="", rule="", reason=_OTHERS
            )
            kind = _kind(record)
            tally = self._tallies.get(kind)
        if tally is None:
            if len(self._tallies) >= self._size:
                self.settle()
            if not self._tallies:
                self.due = now - now % MINUTE + MINUTE
            self._kinds[record.client] += 1
            tally = self._tallies[kind] = Tally(record, port=record.port)
            self._told.append(record)
        elif record.ufrag not in tally.fragments and len(tally.fragments) < _FRAGMENTS:
            self._told.append(record)
        else:
            tally.add(1, now)
        if len(tally.fragments) < _FRAGMENTS:
            tally.fragments.add(record.ufrag)
        if record.port != tally.port:
            tally.port = 0
        return tally

    def settle(self) -> None:
        """Ends the minute: what was counted is to be told, and all begins anew."""
        self._told += (tally.folded() for tally in self._tallies.values() if tally.count)
        self._tallies.clear()
        self._kinds.clear()
        self.due = float("inf")
        self.rounds += 1

    def take(self) -> list[Record]:
        told, self._told = self._told, []
        return told


def _kind(record: Record) -> _Kind:
    return (
        record.policy, record.client, record.user, record.destination,
        record.action, record.would, record.rule, record.reason,
    )  # fmt: skip

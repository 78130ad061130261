"""The first of many rules that matches, found without asking each one.

For each key of `match` a table tells, for the value that a subject has, which rules allow it: as
one large integer, a bit for each rule. The rules that match are the bits that the integers of all
keys have in common; the lowest of them is the first rule. So a decision costs a few look-ups,
however many rules and networks there are.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from rtcguard.policy.rule import Match, Subject
from rtcguard.policy.tables import TABLES, Bits, Table

_Allowed = tuple[Bits, Callable[[Subject], Any], Callable[[Any], Bits]]
_FIELDS: Final = {"time": "minute"}  # of a subject, where it is not called as the key is


class Index:
    """Matches, by what they name. Places are those in the sequence that it was made of."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = tuple(matches)
        self._all = (1 << len(matches)) - 1
        self._tables = tables(matches)
        self._allows = _asked(self._tables, self._all)
        inner = [match.negated for match in matches]
        self._negated = sum(1 << place for place, match in enumerate(inner) if match)
        self._inner = tables([match or Match() for match in inner])
        self._refuses = _asked(self._inner, self._negated)

    def __reduce__(self) -> tuple[Any, ...]:
        """Tables are made anew in the process that it is sent to."""
        return (Index, (self._matches,))

    def __bool__(self) -> bool:
        return bool(self._all)

    def part(self, bits: Bits, keys: frozenset[str] | None = None) -> "Index":
        """The same for some of the matches. Where `keys` are given, others count as not written,
        and so does a `not` that has others."""
        made = Index(())
        made._matches, made._all = self._matches, bits
        made._negated = self._negated & bits
        if keys is not None:
            for place, match in enumerate(self._matches):
                if match.negated is not None and not _keys(match.negated) <= keys:
                    made._negated &= ~(1 << place)
        # What none of them names need not be looked up.
        made._allows = _asked(self._tables, made._all, keys)
        made._refuses = _asked(self._inner, made._negated, keys)
        return made

    def first(self, subject: Subject) -> int | None:
        """The place of the first match that holds for the subject; None where none does."""
        found = self._matching(subject)
        return (found & -found).bit_length() - 1 if found else None

    def all(self, subject: Subject) -> Iterator[int]:
        """The places of all that hold, in their order."""
        found = self._matching(subject)
        while found:
            yield (found & -found).bit_length() - 1
            found &= found - 1

    # What holds wherever another does --------------------------------------------------------

    def covering(self, match: Match, among: Bits) -> Bits:
        """Those of `among` that hold wherever the match holds, `not` apart on both sides."""
        return _covering(self._tables, match, among)

    def impossible(self) -> Bits:
        """Those that hold for nothing, for their own `not` says so."""
        return sum(
            _covering(self._inner, match, 1 << place)
            for place, match in enumerate(self._matches)
            if match.negated is not None
        )

    def excludes_no_more(self, place: int, other: int) -> bool:
        """Whether the `not` at a place, if any, excludes only what the other one's does."""
        negated = self._matches[place].negated
        if negated is None:
            return True
        if self._matches[other].negated is None:
            return False
        return bool(_covering(self._inner, negated, 1 << other))

    def names(self, key: str) -> bool:
        """Whether any match has the key, or excludes by it."""
        return key in self._tables or key in self._inner

    def _matching(self, subject: Subject) -> Bits:
        found = self._all
        for naming, value, allowed in self._allows:
            if found & naming:  # else it is nothing that they ask
                found &= allowed(value(subject))
        refused = found & self._negated
        if refused:
            for naming, value, allowed in self._refuses:
                if refused & naming:
                    refused &= allowed(value(subject))
        return found & ~refused


def tables(matches: Sequence[Match]) -> dict[str, Table]:
    """A table for each key that any of the matches has."""
    made = {}
    for key, table in TABLES.items():
        rules = [getattr(match, key) for match in matches]
        if any(rules):
            made[key] = table(rules)
    return made


def _covering(tables: dict[str, Table], match: Match, among: Bits) -> Bits:
    for key, table in tables.items():
        if not among:
            break
        values = getattr(match, key)
        among &= table.covering(values) if values else table.silent
    return among


def _asked(
    tables: dict[str, Table], bits: Bits, keys: frozenset[str] | None = None
) -> tuple[_Allowed, ...]:
    return tuple(
        (bits & ~table.silent, attrgetter(_FIELDS.get(key, key)), table.allowed)
        for key, table in tables.items()
        if bits & ~table.silent and (keys is None or key in keys)
    )


def _keys(match: Match) -> frozenset[str]:
    return frozenset(key for key in TABLES if getattr(match, key))

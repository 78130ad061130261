"""The first of many rules that matches, found without asking each one.

For each key of `match` a table tells, for the value that a subject has, which rules allow it: as
one large integer, a bit for each rule. The rules that match are the bits that the integers of all
keys have in common; the lowest of them is the first rule. So a decision costs a few look-ups,
however many rules and networks there are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from rtcguard.ice import address as addresses
from rtcguard.policy.rule import Match, Network, Subject

_REMEMBERED: Final = 4096  # host names, paths and addresses whose answer is kept, for each key

_Bits = int
_Key = Callable[[Subject], str]
_Allows = Callable[[Subject], _Bits]


class Index:
    """Matches, by what they name. Places are those in the sequence that it was made of."""

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = tuple(matches)
        self._all = (1 << len(matches)) - 1
        self._allows = tuple(_tables(matches))
        inner = [match.negated for match in matches]
        self._negated = sum(1 << place for place, match in enumerate(inner) if match)
        self._refuses = tuple(_tables([match or Match() for match in inner]))

    def __reduce__(self) -> tuple[Any, ...]:
        """Tables are made anew in the process that it is sent to."""
        return (Index, (self._matches,))

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

    def _matching(self, subject: Subject) -> _Bits:
        found = self._all
        for allows in self._allows:
            found &= allows(subject)
            if not found:
                return 0
        refused = found & self._negated
        if refused:
            for refuses in self._refuses:
                refused &= refuses(subject)
        return found & ~refused


def _tables(matches: Sequence[Match]) -> Iterator[_Allows]:
    """A function from subject to bits for each key that any of the matches has."""
    for key, table in _TABLES.items():
        rules = [getattr(match, key) for match in matches]
        if any(rules):
            yield table(attrgetter(key), rules)


def _spread[T](rules: Sequence[Sequence[T]]) -> tuple[_Bits, dict[T, _Bits]]:
    """The rules that do not have the key; and for each value the rules that name it."""
    silent = 0
    named: dict[T, _Bits] = {}
    for place, values in enumerate(rules):
        if not values:
            silent |= 1 << place
        for value in values:
            named[value] = named.get(value, 0) | 1 << place
    return silent, named


def _words(key: _Key, rules: Sequence[Sequence[str]]) -> _Allows:
    silent, named = _spread(rules)
    allowed = {word: bits | silent for word, bits in named.items()}
    return lambda subject: allowed.get(key(subject), silent)


def _sites(key: _Key, rules: Sequence[Sequence[str]]) -> _Allows:
    """Exact names, and `*.example.org` for every name below it."""
    silent, named = _spread([[name.lower() for name in names] for names in rules])

    @lru_cache(maxsize=_REMEMBERED)
    def allowed(site: str) -> _Bits:
        bits = silent | named.get(site, 0)
        label, dot, parent = site.partition(".")
        while label and dot:
            bits |= named.get(f"*.{parent}", 0)
            label, dot, parent = parent.partition(".")
        return bits

    return lambda subject: allowed(key(subject))


def _paths(key: _Key, rules: Sequence[Sequence[str]]) -> _Allows:
    """Prefixes, on borders of segments: `/call` is `/call`, `/call/1`, `/call?a`, not `/caller`."""
    silent, named = _spread([[prefix.rstrip("/") for prefix in prefixes] for prefixes in rules])

    @lru_cache(maxsize=_REMEMBERED)
    def allowed(path: str) -> _Bits:
        if not path:
            return silent
        bits, prefix = silent | named.get("", 0), path.partition("?")[0].rstrip("/")
        while prefix:
            bits |= named.get(prefix, 0)
            prefix = prefix.rpartition("/")[0]
        return bits

    return lambda subject: allowed(key(subject))


def _networks(key: _Key, rules: Sequence[Sequence[Network | str]]) -> _Allows:
    """Networks, looked up by each length that their prefixes have; scopes by their name."""
    silent, named = _spread(rules)
    scopes: dict[str, _Bits] = {}
    by_length: dict[tuple[int, int], dict[int, _Bits]] = {}
    for value, bits in named.items():
        if isinstance(value, str):
            scopes[value] = bits
        else:
            shift = value.max_prefixlen - value.prefixlen
            prefixes = by_length.setdefault((value.version, shift), {})
            prefixes[int(value.network_address) >> shift] = bits

    @lru_cache(maxsize=_REMEMBERED)
    def allowed(text: str) -> _Bits:
        if not text:
            return silent
        bits = silent | scopes.get(addresses.scope(text), 0) if scopes else silent
        address = addresses.parse(text)
        if address is not None:
            number = int(address)
            for (version, shift), prefixes in by_length.items():
                if version == address.version:
                    bits |= prefixes.get(number >> shift, 0)
        return bits

    return lambda subject: allowed(key(subject))


# How the values of each key of `match` are looked up. The order is that of asking: what rules out
# most comes first.
_TABLES: Final = {
    "site": _sites,
    "client": _networks,
    "address": _networks,
    "candidate": _words,
    "direction": _words,
    "path": _paths,
    "transport": _words,
    "ring": _words,
}

"""How the values of each key of `match` are looked up: which rules allow the value of a subject.

Bits are rules by their places, the first being the lowest; a rule without the key allows all.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice.server import parse_uri
from rtcguard.policy.rule import Network, ServerPattern, Span

Bits = int

_REMEMBERED: Final = 4096  # host names and addresses whose answer is kept, for each table
_LONGEST: Final = 255  # characters of a host name (RFC 1035); a longer text is none


class Table(Protocol):
    """`allowed` gives the rules for a subject's value; `covering` those that surely allow whatever
    one of these values of a rule allows."""

    silent: Bits  # rules without the key

    @property
    def allowed(self) -> Callable[[Any], Bits]: ...

    def covering(self, values: Sequence[Any]) -> Bits: ...


def _spread(rules: Sequence[Sequence[Any]]) -> tuple[Bits, dict[Any, Bits]]:
    """The rules that do not have the key; and for each value the rules that name it."""
    silent = 0
    named: dict[Any, Bits] = {}
    for place, values in enumerate(rules):
        bit = 1 << place
        if not values:
            silent |= bit
        for value in values:
            named[value] = named.get(value, 0) | bit
    return silent, named


def _common(bits: Iterable[Bits]) -> Bits:
    """What all of them have; nothing where there is none."""
    common: Bits | None = None
    for one in bits:
        common = one if common is None else common & one
        if not common:
            return 0
    return common or 0


class _Default(dict[Any, Bits]):
    def __init__(self, named: dict[Any, Bits], default: Bits) -> None:
        super().__init__(named)
        self._default = default

    def __missing__(self, key: Any) -> Bits:
        return self._default


class Words:
    """Words as they are; the one that is not there is named by nobody."""

    def __init__(self, rules: Sequence[Sequence[str]]) -> None:
        self.silent, named = _spread(rules)
        self._named = {word: bits | self.silent for word, bits in named.items()}
        self.allowed: Callable[[str], Bits] = _Default(self._named, self.silent).__getitem__

    def covering(self, values: Sequence[str]) -> Bits:
        return self.silent | _common(self._named.get(value, 0) for value in values)


class Users:
    """Names of users; `*` is every one."""

    def __init__(self, rules: Sequence[Sequence[str]]) -> None:
        self.silent, named = _spread(rules)
        self._any = named.pop("*", 0) | self.silent
        self._named = {name: bits | self._any for name, bits in named.items()}
        self.allowed: Callable[[str], Bits] = _Default(
            {**self._named, "": self.silent}, self._any
        ).__getitem__

    def covering(self, values: Sequence[str]) -> Bits:
        return _common(self._named.get(value, self._any) for value in values)


class Sites:
    """Exact names, and `*.example.org` for every name below it."""

    def __init__(self, rules: Sequence[Sequence[str]]) -> None:
        silent, exact = _spread([[name.lower() for name in names] for names in rules])
        below = {name[2:]: bits for name, bits in exact.items() if name.startswith("*.")}

        def names(site: str) -> Bits:
            """The rules that name it."""
            bits = exact.get(site, 0)
            border = site.find(".") if len(site) <= _LONGEST else 0
            while border > 0:
                bits |= below.get(site[border + 1 :], 0)
                after = site.find(".", border + 1)
                border = after if after > border + 1 else 0
            return bits

        self.silent, self.names = silent, names
        self.allowed = lru_cache(maxsize=_REMEMBERED)(lambda site: silent | names(site))

    def covering(self, values: Sequence[str]) -> Bits:
        # A wildcard is within those that any name directly below it is within.
        return self.silent | _common([self.names(value.lower()) for value in values])


class Paths:
    """Prefixes, on borders of segments: `/call` is `/call`, `/call/1`, `/call?a`, not `/caller`."""

    def __init__(self, rules: Sequence[Sequence[str]]) -> None:
        self.silent, self._named = _spread(
            [[prefix.rstrip("/") for prefix in prefixes] for prefixes in rules]
        )
        self._longest = max(map(len, self._named), default=0)

    def allowed(self, path: str) -> Bits:
        return self.silent | self._names(path)

    def _names(self, path: str) -> Bits:
        if not path:
            return 0
        prefix = path.partition("?")[0]
        if len(prefix) > self._longest + 1:
            prefix = prefix[: self._longest + 1].rpartition("/")[0]
        prefix = prefix.rstrip("/")
        bits = self._named.get("", 0)
        while prefix:
            bits |= self._named.get(prefix, 0)
            prefix = prefix.rpartition("/")[0]
        return bits

    def covering(self, values: Sequence[str]) -> Bits:
        return self.silent | _common(map(self._names, values))


class _Ranges:
    """Ranges of numbers, of any rules and lying as they may; numbers count from 0."""

    def __init__(self, rules: Iterable[tuple[Bits, list[Span]]]) -> None:
        """Of each rule its bit and its ranges, with their last numbers."""
        turns: dict[int, Bits] = {0: 0}  # where rules begin or end to hold
        for bit, spans in rules:
            end = -1
            for first, last in sorted(spans):
                if first > end:
                    if end >= 0:
                        turns[end] = turns.get(end, 0) ^ bit
                    turns[first] = turns.get(first, 0) ^ bit
                    end = last + 1
                elif last >= end:
                    end = last + 1
            if end >= 0:
                turns[end] = turns.get(end, 0) ^ bit
        self._starts = sorted(turns)
        self._bits: list[Bits] = []
        holding = 0
        for start in self._starts:
            holding ^= turns[start]
            self._bits.append(holding)

    def at(self, number: int) -> Bits:
        """The rules that hold for a number from 0 on."""
        return self._bits[bisect_right(self._starts, number) - 1]

    def throughout(self, span: Span) -> Bits:
        """The rules that hold for all of it."""
        first = bisect_right(self._starts, span[0]) - 1
        return _common(self._bits[first : bisect_right(self._starts, span[1])])


class Spans:
    """Ranges of ports, or of minutes. A number that is not known is in none."""

    unknown = 0

    def __init__(self, rules: Sequence[Sequence[Span]]) -> None:
        self.silent = sum(1 << place for place, spans in enumerate(rules) if not spans)
        self._ranges = _Ranges((1 << place, list(spans)) for place, spans in enumerate(rules))

    def allowed(self, number: int) -> Bits:
        if number <= self.unknown:
            return self.silent
        return self.silent | self._ranges.at(number)

    def covering(self, values: Sequence[Span]) -> Bits:
        return self.silent | _common(map(self._ranges.throughout, values))


class Minutes(Spans):
    unknown = -1


class Addresses:
    """Networks, and scopes by their name."""

    def __init__(self, rules: Sequence[Sequence[Network | str]]) -> None:
        self.silent = 0
        self._words: dict[str, Bits] = {}
        spans = []
        for place, values in enumerate(rules):
            bit = 1 << place
            own: list[Span] = []
            for value in values:
                if isinstance(value, str):
                    self._words[value] = self._words.get(value, 0) | bit
                    own += addresses.SCOPE_RANGES.get(value, ())
                else:
                    own.append(addresses.numbers(value))
            self.silent |= 0 if values else bit
            spans.append((bit, own))
        self._ranges = _Ranges(spans)
        self.allowed = lru_cache(maxsize=_REMEMBERED)(self._allowed)

    def _allowed(self, text: str) -> Bits:
        return self.silent | self.names(text)

    def names(self, text: str) -> Bits:
        """The rules that name it."""
        number = addresses.number(text)
        if number >= 0:
            return self._ranges.at(number)
        return self._words.get(addresses.scope(text), 0) if text and self._words else 0

    def covering(self, values: Sequence[Network | str]) -> Bits:
        return self.silent | _common(map(self.within, values))

    def within(self, value: Network | str) -> Bits:
        """The rules that name all of a network or scope."""
        if not isinstance(value, str):
            return self._ranges.throughout(addresses.numbers(value))
        spans = addresses.SCOPE_RANGES.get(value, ())
        within = _common(map(self._ranges.throughout, spans))
        # The scopes without ranges are those of what is no address.
        return self._words.get(value, 0) | within


class Destinations:
    """Addresses and scopes, and host names as those of sites; of a name and an address either."""

    def __init__(self, rules: Sequence[Sequence[Network | str]]) -> None:
        self.silent = sum(1 << place for place, values in enumerate(rules) if not values)
        names = [[str(one) for one in values if _is_name(one)] for values in rules]
        others = [[one for one in values if not _is_name(one)] for values in rules]
        self._names, self._addresses = Sites(names), Addresses(others)
        self.allowed = lru_cache(maxsize=_REMEMBERED)(self._allowed)

    def _allowed(self, text: str) -> Bits:
        bits = self.silent
        for word in text.split(" ") if text else ():
            bits |= self._addresses.names(word) | self._names.names(word)
        return bits

    def covering(self, values: Sequence[Network | str]) -> Bits:
        return self.silent | _common(map(self._covering, values))

    def _covering(self, value: Network | str) -> Bits:
        if _is_name(value):
            return self._names.names(str(value))
        return self._addresses.within(value)


def _is_name(value: Network | str) -> bool:
    return isinstance(value, str) and value not in addresses.SCOPES


class Servers:
    """Patterns of ICE servers."""

    def __init__(self, rules: Sequence[Sequence[ServerPattern]]) -> None:
        self.silent, self._named = _spread(rules)
        self._of_host: dict[tuple[str, str], Bits] = {}
        for one, bits in self._named.items():
            of_host = self._of_host.get((one.scheme, one.host), 0)
            self._of_host[one.scheme, one.host] = of_host | bits
        self.allowed = lru_cache(maxsize=_REMEMBERED)(self._allowed)

    def _allowed(self, text: str) -> Bits:
        bits = self.silent
        for word in text.split(" ") if text else ():
            try:
                uri = parse_uri(word)
            except ParseError:  # of a name that DNS is asked for, the port is not known
                scheme, _, host = word.partition(":")
                for wider in _wider(host.removesuffix(":0")):
                    bits |= self._of_host.get((scheme, wider), 0)
            else:
                host = addresses.canonical(uri.host).removesuffix(".")
                pattern = ServerPattern(uri.scheme, host, uri.port, uri.transport)
                bits |= self._names(pattern)
        return bits

    def _names(self, one: ServerPattern) -> Bits:
        bits = 0
        for host in _wider(one.host):
            for port in {one.port, 0}:
                for transport in {one.transport, ""}:
                    pattern = ServerPattern(one.scheme, host, port, transport)
                    bits |= self._named.get(pattern, 0)
        return bits

    def covering(self, values: Sequence[ServerPattern]) -> Bits:
        return self.silent | _common(map(self._names, values))


def _wider(host: str) -> Iterable[str]:
    """A host of a pattern, and those of patterns that cover it."""
    yield host
    if host == "*":
        return
    yield "*"
    if addresses.number(host) >= 0:
        return
    border = host.find(".")
    while border > 0:
        yield "*" + host[border:]
        border = host.find(".", border + 1)


# The order is that of asking: what rules out most comes first.
TABLES: Final[dict[str, Callable[[Sequence[Any]], Table]]] = {
    "site": Sites,
    "client": Addresses,
    "user": Users,
    "address": Addresses,
    "server": Servers,
    "destination": Destinations,
    "candidate": Words,
    "direction": Words,
    "path": Paths,
    "transport": Words,
    "ring": Words,
    "protocol": Words,
    "port": Spans,
    "time": Minutes,
}

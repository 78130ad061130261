"""Addresses as they stand in candidates, SDP and STUN: their scope, and stand-ins of equal length.

The scope says how much an address tells of its owner. The stand-ins are what rtcguard writes over
an address when the length of the text must not change: they route nowhere and name nobody.
"""

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Final

SCOPES: Final = (
    "public",
    "private",  # RFC 1918
    "cgnat",  # RFC 6598
    "ula",  # RFC 4193
    "link-local",
    "loopback",
    "mdns",  # a `.local` name, RFC 6762
    "name",  # any other host name
    "multicast",
    "reserved",
    "unspecified",
    "unknown",  # not an address and not a host name
)

# Addresses that rtcguard itself writes: 0.0.0.0/8 and 240.0.0.0/4 route nowhere (RFC 6890),
# 0100::/64 is the discard prefix (RFC 6666).
_UNROUTABLE = tuple(
    ipaddress.ip_network(text) for text in ("0.0.0.0/8", "240.0.0.0/4", "::/128", "100::/64")
)

# What each kind of address cannot be without, and what else it is made of. Each search begins with
# one certain character, which makes it many times as fast as one for an address's own beginning.
_CORES = (
    (re.compile(r":[0-9A-Fa-f]{0,4}:"), "0123456789ABCDEFabcdef:"),
    (re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\."), "0123456789"),
    (
        re.compile(r"\.local\b", re.IGNORECASE | re.ASCII),
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-",
    ),
)
_MAPPED = re.compile(r"(?:\.[0-9]{1,3}){3}")  # the rest of an IPv4-mapped address
# Of these are the addresses of hosts; beside candidates, those of the client.
OWN_SCOPES: Final = ("private", "ula", "link-local", "mdns", "cgnat")

_LONGEST: Final = 255  # characters of a host name (RFC 1035); nothing longer is an address


def _cached[T](function: Callable[[str], T]) -> Callable[[str], T]:
    """A message names the same few addresses again and again. The bounds keep memory flat."""
    remembered = lru_cache(maxsize=4096)(function)

    @wraps(function)
    def call(text: str) -> T:
        return remembered(text) if len(text) <= _LONGEST else function(text)

    return call


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The scope of every address; of two networks that hold it, the longer one tells. Documentation
# networks are told as public: nobody owns them, yet a real host may be given one.
_SCOPE_OF: Final = {
    "0.0.0.0/0": "public",
    "0.0.0.0/8": "reserved",
    "0.0.0.0/32": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "cgnat",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.168.0.0/16": "private",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    # RFC 4291 section 2.4: all but 2000::/3, and what is named here, is kept back.
    "::/0": "reserved",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "2000::/3": "public",
    "fc00::/7": "ula",
    "fe80::/10": "link-local",
    "fec0::/10": "public",  # once of sites, RFC 3879
    "ff00::/8": "multicast",
}
_IPV6: Final = 1 << 32  # added to the number of an IPv6 address
_OCTETS: Final = {str(value): value for value in range(256)}
_GROUPS: Final = re.compile(r"[0-9A-Fa-f:]{2,39}")


@_cached
def parse(text: str) -> Address | None:
    """The IP address written in `text` (brackets and a zone are allowed), or None.

    An IPv4-mapped IPv6 address comes back as the IPv4 address in it (RFC 4291 section 2.5.5.2).
    """
    bare = text.strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@_cached
def canonical(text: str) -> str:
    """One spelling for each address, so that equal addresses compare equal; names in lower case."""
    address = parse(text)
    return text.lower() if address is None else str(address)


def number(text: str) -> int:
    """A number for each address, also for one that `parse` reads as another's spelling: that of
    IPv4, and those of IPv6 behind them. -1 for what is no address."""
    if ":" in text:
        value = _ipv6_number(text)
        if value >= 0:
            return value
    else:
        try:
            a, b, c, d = text.split(".")
            return _OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d]
        except (ValueError, KeyError):
            pass
    address = parse(text)
    if address is None:
        return -1
    return int(address) if address.version == 4 else int(address) + _IPV6


def _ipv6_number(text: str) -> int:
    """The same for IPv6 in its plain spelling; -1 for anything else."""
    if _GROUPS.fullmatch(text) is None:
        return -1
    head, gap, tail = text.partition("::")
    groups = head.split(":") if head else []
    if gap:
        behind = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(behind)) or [""]
        groups += behind
    if len(groups) != 8 or not all(0 < len(group) <= 4 for group in groups):
        return -1
    value = int("".join([group.zfill(4) for group in groups]), 16)
    return value & 0xFFFFFFFF if value >> 32 == 0xFFFF else value + _IPV6


def numbers(network: Network) -> tuple[int, int]:
    """The first and the last number of a network."""
    first = int(network.network_address) + (_IPV6 if network.version == 6 else 0)
    return first, first + (1 << network.max_prefixlen - network.prefixlen) - 1


def _scope_ranges() -> Iterator[tuple[int, int, str]]:
    """Where a scope begins and ends, as numbers, in their order."""
    networks = {ipaddress.ip_network(text): scope for text, scope in _SCOPE_OF.items()}
    within = sorted(networks, key=lambda one: one.prefixlen, reverse=True)
    ranges = {one: numbers(one) for one in within}
    borders = sorted({at for first, last in ranges.values() for at in (first, last + 1)})
    for first, after in pairwise(borders):
        holder = next(one for one in within if ranges[one][0] <= first <= ranges[one][1])
        yield first, after - 1, networks[holder]


_SCOPED: Final = tuple(_scope_ranges())
_STARTS: Final = [first for first, _, _ in _SCOPED]
SCOPE_RANGES: Final = {
    name: [(first, last) for first, last, scope in _SCOPED if scope == name]
    for name in set(_SCOPE_OF.values())
}


@_cached
def scope(text: str) -> str:
    """Which of `SCOPES` an address or a host name belongs to."""
    value = number(text)
    if value >= 0:
        return _SCOPED[bisect_right(_STARTS, value) - 1][2]
    name = text.lower().rstrip(".")
    if name.endswith(".local"):
        return "mdns"
    return "name" if name and all(c.isalnum() or c in "-._" for c in name) else "unknown"


@_cached
def is_unroutable(text: str) -> bool:
    """Whether `text` is an address that reaches nobody: one that rtcguard could have written."""
    address = parse(text)
    if address is None:
        return text.lower().endswith(".invalid")
    return any(address in network for network in _UNROUTABLE)


def near(host: str) -> str:
    """Where this machine itself reaches what listens at an address: on the loopback, if it is the
    one that means all of a family."""
    if scope(host) != "unspecified":
        return host
    return "::1" if ":" in host else "127.0.0.1"


def host_port(host: str, port: int) -> str:
    """`192.0.2.5:80`, and `[2001:db8::5]:80` with the brackets of RFC 3986 section 3.2.2."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_and_port(text: str) -> tuple[str, str]:
    """The two of what `host_port` writes, the host without brackets; "" where there is no host."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), port


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand in free text, `.local` names too: `local=192.0.2.5`, `[2001:db8::5]:9`.

    An address may be found with a neighbour that only looks like a part of it; none is missed that
    stands by itself, behind a colon or in front of a port.
    """
    if parse(text) is not None:  # mostly it is an address and nothing else
        yield 0, len(text)
        return
    ends: set[int] = set()  # an IPv4 address that ends an IPv6 address is no other
    for core, characters in _CORES:
        position = 0
        while (found := core.search(text, position)) is not None:
            start, end = found.span()
            while start > position and text[start - 1] in characters:
                start -= 1
            while end < len(text) and text[end] in characters:
                end += 1
            position = end
            for one in _trimmed(text, start, end):
                if one[1] not in ends:
                    ends.add(one[1])
                    yield one


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The address in a run of an address's characters, without a colon or a port beside it."""
    if end - start > _LONGEST:
        return
    mapped = _MAPPED.match(text, end)
    if mapped is not None and ":" in text[start:end]:
        end = mapped.end()
    while text[end - 1] in ".-":  # the end of a sentence
        end -= 1
    inner = text.find(":", start, end) + 1 or start
    before = text.rfind(":", start, end)
    for one in ((start, end), (inner, end), (start, before), (inner, before)):
        if one[0] < one[1] and scope(text[slice(*one)]) not in ("name", "unknown"):
            yield one
            return


@lru_cache(maxsize=4096)
def unroutable_of_length(text: str, length: int) -> str | None:
    """An unroutable address of the same family as `text` in `length` characters; None where no
    address of the family has so many.

    A host name becomes a name under `.invalid` (RFC 2606); where that is too long, an address of
    IPv4 or zeros.
    """
    if parse(text) is None and length not in (7, 8):  # room for an address, but for no such name
        return "0" * (length - 8) + ".invalid" if length > 8 else "0" * length
    if ":" in text and parse(text) is not None:
        return _ipv6_of_length(length) if length >= 2 else None
    return _ipv4_of_length(length) if 7 <= length <= 15 else None


def _ipv4_of_length(length: int) -> str:
    """0.0.0.0 with as many more digits as needed; from 14 digits on in 240.0.0.0/4."""
    octets = [1, 1, 1, 1]
    spare = length - 7
    for index in (3, 2, 1, 0):
        octets[index] += min(2, spare)
        spare -= octets[index] - 1
    digits = {1: "0", 2: "10", 3: "100"}
    first = {1: "0", 2: "0", 3: "240"}[octets[0]]
    if octets[0] == 2:  # no two-digit first octet routes nowhere: borrow a digit for 240
        first, octets[1] = "240", 2
    return ".".join([first, *(digits[count] for count in octets[1:])])


def _ipv6_of_length(length: int) -> str:
    """`::` in a longer spelling; beyond the full form's 39 characters with a zone of zeros."""
    if length > 39:
        return _ipv6_of_length(38) + "%" + "0" * (length - 39)
    if length <= 6:
        return "::" + "0" * (length - 2)
    if length < 15:
        head, middle, tail = _zeros(length - 3, 3)
        return f"{head}::{middle}:{tail}"
    return ":".join(_zeros(length - 7, 8))


def _zeros(digits: int, groups: int) -> list[str]:
    """`digits` zeros dealt out evenly over `groups` groups."""
    each, more = divmod(digits, groups)
    return ["0" * (each + (index < more)) for index in range(groups)]

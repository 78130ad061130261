"""Approved TURN servers as the firewall needs them: from URIs by names to addresses with a time.

RFC 5928: a host with a port is looked up by its addresses alone; without one, by SRV records
(`_turn._udp`, `_turn._tcp`, `_turns._tcp`) too. Browsers use the host's own addresses and the usual
port even so, so both are let through. NAPTR records, which may name any transport, are not asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ice.server import parse_uri
from rtcguard.network.firewall import Endpoint
from rtcguard.policy.model import Config

# Seconds. A name is asked again when its answer ends, within these bounds.
ASK_SOONEST: Final = 30
ASK_LATEST: Final = 900
# An address stays open for longer: clients may have it from another resolver, and a call goes on
# when its server's name moves. When a name no longer resolves, its addresses end with this.
HOLD_LEAST: Final = 4 * 3600
HOLD_MOST: Final = 24 * 3600
_UNUSABLE: Final = ("unspecified", "loopback", "multicast", "link-local")


@dataclass(frozen=True, slots=True)
class Target:
    """What one URI asks for. `service` is the owner of its SRV records, "" where none are asked."""

    host: str
    port: int
    transport: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Addresses of one host, and for how many seconds they hold."""

    addresses: tuple[str, ...]
    ttl: int


def targets(config: Config) -> tuple[Target, ...]:
    """Each target once, in the order of the configuration."""
    found: dict[Target, None] = {}
    for server in config.relay.servers:
        for url in server.urls:
            uri = parse_uri(url)
            service = ""
            if not _has_port(url) and addresses.parse(uri.host) is None:
                service = f"_{uri.scheme}._{uri.transport}.{uri.host}"
            found[Target(uri.host, uri.port, uri.transport, service)] = None
    return tuple(found)


def names(config: Config) -> frozenset[str]:
    """The hosts of approved servers as the firewall's elements bear them."""
    return frozenset(target.host for target in targets(config))


def literal(config: Config) -> list[Endpoint]:
    """The servers that the configuration names by address; they hold for good."""
    found = []
    for target in targets(config):
        address = addresses.parse(target.host)
        if address is not None:
            found.append(Endpoint(str(address), target.transport, target.port, target.host))
    return found


def endpoints(target: Target, port: int, found: Found) -> list[Endpoint]:
    """The elements for one answer. Addresses that no relay has, as of a sinkhole, are left out."""
    hold = hold_for(found.ttl)
    return [
        Endpoint(addresses.canonical(one), target.transport, port, target.host, hold)
        for one in found.addresses
        if addresses.scope(one) not in _UNUSABLE
    ]


def hold_for(ttl: int) -> int:
    return min(max(2 * ttl, HOLD_LEAST), HOLD_MOST)


def ask_after(ttl: int) -> int:
    return min(max(ttl, ASK_SOONEST), ASK_LATEST)


def kept(old: Iterable[Endpoint], new: Iterable[Endpoint], config: Config) -> list[Endpoint]:
    """What of the addresses that were open still is: those of names that are still approved, for
    the time that they had left, if no new answer has them."""
    renewed = {endpoint.key for endpoint in new}
    by_port = {(t.host[:120], t.transport, t.port) for t in targets(config)}
    served = {(t.host[:120], t.transport) for t in targets(config) if t.service}
    return [
        endpoint
        for endpoint in old
        if endpoint.seconds
        and endpoint.key not in renewed
        and (
            (endpoint.name, endpoint.transport, endpoint.port) in by_port
            or (endpoint.name, endpoint.transport) in served
        )
    ]


def hosts(text: str, name: str) -> tuple[str, ...]:
    """The addresses of a name in a file such as /etc/hosts."""
    found = []
    for line in text.splitlines():
        fields = line.partition("#")[0].lower().split()
        if name in fields[1:] and addresses.parse(fields[0]) is not None:
            found.append(addresses.canonical(fields[0]))
    return tuple(found)


def _has_port(url: str) -> bool:
    bare = url.partition("?")[0]
    return bare.count(":") > 1 and bare.rpartition(":")[2].isdigit()

"""What a call gave away: the client's addresses in texts, and its packets in captures."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any, Final

from rtcguard.demo.capture import Flow

_LOCAL_NAME: Final = re.compile(r"[0-9A-Za-z-]+\.local(?![0-9A-Za-z.-])")
_IPV6_LIKE: Final = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*")


def addresses_in(text: str, addresses: Iterable[str]) -> list[str]:
    """Which of `addresses` occur in `text`, in whatever spelling IPv6 allows."""
    spelled = set()
    for word in _IPV6_LIKE.findall(text):
        try:
            spelled.add(str(ip_address(word.lower())))
        except ValueError:
            continue
    return [
        address
        for address in addresses
        if address in spelled or re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.]*\d)", text)
    ]


def local_names_in(text: str) -> list[str]:
    """The mDNS names that stand for host addresses."""
    return sorted(set(_LOCAL_NAME.findall(text)))


@dataclass(frozen=True, slots=True)
class Sight:
    """What each side saw of the client in one call; counts are of packets.

    `page` and `site` are the client's addresses, and `.local` names, that the page could read and
    that the site was told. `site_seen`: where the site's requests came from. `arrived`: packets
    straight from the client that reached each machine of the internet, by its name. `at_peer`:
    UDP that reached the peer, by its source. `local` and `remote` are types of candidates."""

    connected: bool
    echo: bool
    local: str
    remote: str
    gathering_ms: int | None
    page: tuple[str, ...]
    site: tuple[str, ...]
    site_seen: tuple[str, ...]
    arrived: dict[str, int]
    at_peer: dict[str, int]
    errors: tuple[str, ...]

    @property
    def works(self) -> bool:
        """The call connected, and carried a message to the peer and back."""
        return self.connected and self.echo

    def leaks(self) -> list[str]:
        """What the client gave away to others than the relay, as sentences."""
        told = [f"the page read {one}" for one in self.page]
        told += [f"the site was told {one}" for one in self.site]
        told += [
            f"{count} packets straight from the client reached {where}"
            for where, count in self.arrived.items()
            if where != RELAY and count
        ]
        return told

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "works": self.works, "leaks": self.leaks()}


RELAY: Final = "the relay"


def sight(
    page: Mapping[str, Any],
    told: Iterable[str],
    site_seen: Iterable[str],
    flows: Counter[Flow],
    at_peer: Counter[Flow],
    client: tuple[str, ...],
    roles: Mapping[str, tuple[str, ...]],
) -> Sight:
    """`page` is what the page wrote down, `told` what reached the site, `flows` what arrived in the
    internet; `roles` are the addresses of its machines."""
    arrived = dict.fromkeys((*roles, "others"), 0)
    where = {address: name for name, addresses in roles.items() for address in addresses}
    for flow, count in flows.items():
        if flow.source in client:
            arrived[where.get(flow.destination, "others")] += count
    peers: Counter[str] = Counter()
    for flow, count in at_peer.items():
        if flow.protocol == "udp":
            peers[flow.source] += count
    return Sight(
        bool(page["connected"]),
        bool(page["echo"]),
        str((page["local"] or {}).get("candidateType", "")),
        str((page["remote"] or {}).get("candidateType", "")),
        page["gatheringMs"],
        _found(json.dumps(dict(page)), client),
        _found("\n".join(told), client),
        tuple(sorted(site_seen)),
        arrived,
        dict(peers.most_common()),
        tuple(page["errors"]),
    )


def _found(text: str, client: tuple[str, ...]) -> tuple[str, ...]:
    return (*addresses_in(text, client), *local_names_in(text))

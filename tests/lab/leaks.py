"""What a run gave away: the client's addresses in texts, and its packets in captures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rtcguard.demo.sights import addresses_in, local_names_in

from .capture import Packet
from .net import APPROVED_TURN
from .servers import PORT

__all__ = [
    "LINK_LOCAL_PROTOCOLS",
    "MDNS_GROUPS",
    "addresses_in",
    "beyond_relay",
    "is_mdns",
    "local_names_in",
    "packets_to",
    "past_proxy",
]

# How machines on one link find each other; they go no further than the link.
LINK_LOCAL_PROTOCOLS = frozenset({"arp", "nd", "mld", "igmp"})
MDNS_GROUPS = (("224.0.0.251", 5353), ("ff02::fb", 5353))


def packets_to(packets: Iterable[Packet], addresses: Sequence[str]) -> int:
    """How many UDP and TCP packets went to one of `addresses`."""
    return sum(item.proto in ("udp", "tcp") and item.dst in addresses for item in packets)


def _to_approved_turn(packet: Packet) -> bool:
    # A closed socket answers the relay's last datagrams by "port unreachable".
    return packet.dst == APPROVED_TURN.v4 and (
        (packet.proto in ("udp", "tcp") and packet.dport == PORT) or packet.proto == "icmp"
    )


def is_mdns(packet: Packet) -> bool:
    """Multicast DNS, which no router forwards."""
    return packet.proto == "udp" and (packet.dst, packet.dport) in MDNS_GROUPS


def beyond_relay(packets: Iterable[Packet]) -> list[Packet]:
    """The packets that went further than the link, and not to the approved TURN server."""
    return [
        packet
        for packet in packets
        if packet.proto not in LINK_LOCAL_PROTOCOLS and not _to_approved_turn(packet)
    ]


def past_proxy(packets: Iterable[Packet], proxy: tuple[str, int]) -> list[Packet]:
    """The same on the client's own link, where it also talks to the proxy.

    Chromium announces a `.local` name for its address there by mDNS even when it is relay-only and
    never tells anybody the name. No page script and no proxy reaches that, its hop limit is 1, and
    a neighbour knows the address anyway; so it is told in the verdict and is no failure. That the
    name goes nowhere else, and mDNS no further, is checked like everything else.
    """
    return [
        packet
        for packet in beyond_relay(packets)
        if not is_mdns(packet)
        and not (packet.proto == "tcp" and (packet.dst, packet.dport) == proxy)
    ]

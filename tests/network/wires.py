"""The lab's three namespaces for packets alone: sockets of this process in each of them, what
arrives on the internet's side, and a firewall in the gateway for as long as a `with` block lasts.

What does not arrive is known without waiting: behind each packet goes a marker that every firewall
lets pass, by the same way.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import dpkt  # type: ignore[import-untyped]

from rtcguard.app import gateway
from rtcguard.network import netfilter
from rtcguard.network.firewall_status import Count, read
from rtcguard.policy.load import load
from rtcguard.policy.model import Config
from tests.lab.net import (
    APPROVED_TURN,
    CLIENT,
    CLIENT_PUBLIC,
    GATEWAY_WAN,
    SITE,
    STUN_ONLY,
    WAN,
    Lab,
    Role,
)
from tests.lab.requirements import cannot_run
from tests.netns import inside

STUN = bytes.fromhex("000100002112a442") + bytes(range(12))
CLASSIC = bytes.fromhex("0001000000112233") + bytes(range(12))  # RFC 3489: no cookie

CONFIG = f"""
version: 1
listen: 0.0.0.0:8080
stun: {{listen: ["0.0.0.0:3478", "[::]:3478"]}}
relay:
  servers:
    - {{urls: ["turn:{APPROVED_TURN.v4}:3478", "turn:[{APPROVED_TURN.v6}]:3478",
              "turn:{APPROVED_TURN.v4}:3478?transport=tcp",
              "turn:[{APPROVED_TURN.v6}]:3478?transport=tcp"], username: u, credential: c}}
gateway: {{interfaces: [lan0], %s}}
"""


def config(keys: str = "", **replaced: str) -> Config:
    """The usual configuration with further keys of `gateway`, and with texts replaced."""
    content = CONFIG % keys
    for old, new in replaced.items():
        assert old in content
        content = content.replace(old, new)
    return load(content, "lab")


def require() -> None:
    """Root, nftables and namespaces; without them nothing is shown, and CI says so."""
    if os.geteuid() or not (shutil.which("nft") and shutil.which("ip")):
        message = "the firewall was not tried: that needs root, nftables and iproute2"
        cannot_run(message)


def within[T](namespace: str, make: Callable[[], T], user: int = 0) -> T:
    """Does something in a namespace; a socket that it makes stays there, and is this user's."""

    def made() -> T:
        ctypes.CDLL(None).setfsuid(user)  # of this thread alone
        return make()

    return inside(namespace, made)


@dataclass
class Arrived:
    """One packet that came to the internet."""

    source: str
    destination: str
    protocol: int
    sport: int
    dport: int
    payload: bytes


class Witness:
    """Everything that comes to the internet's link, by a packet socket."""

    def __init__(self, lab: Lab) -> None:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            made.bind((WAN, 0))
            made.settimeout(60)
            return made

        self._socket = within(lab.internet, make)

    def until(self, marker: bytes) -> list[Arrived]:
        """What arrived before a packet with this payload."""
        found: list[Arrived] = []
        while True:
            frame, meta = self._socket.recvfrom(65536)
            if meta[2] == socket.PACKET_OUTGOING:
                continue
            packet = _decoded(frame)
            if packet is None:
                continue
            if packet.payload == marker:
                return found
            found.append(packet)

    def close(self) -> None:
        self._socket.close()


def _decoded(frame: bytes) -> Arrived | None:
    network: Any = dpkt.ethernet.Ethernet(frame).data
    if isinstance(network, dpkt.ip.IP):
        family, protocol = socket.AF_INET, network.p
    elif isinstance(network, dpkt.ip6.IP6):
        family = socket.AF_INET6
        protocol = network.p if not network.extension_hdrs else network.nxt
    else:
        return None
    source, destination = (socket.inet_ntop(family, a) for a in (network.src, network.dst))
    inner: Any = network.data
    if isinstance(inner, (dpkt.udp.UDP, dpkt.tcp.TCP)):
        return Arrived(source, destination, protocol, inner.sport, inner.dport, bytes(inner.data))
    return Arrived(source, destination, protocol, 0, 0, bytes(inner))


@dataclass
class Wires:
    """The namespaces, and what tests do with them. `family` is 4 or 6 everywhere."""

    lab: Lab
    responders: dict[int, socket.socket] = field(default_factory=dict)
    _number: int = 0
    _witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        self._witness = Witness(self.lab)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._witness.close()

    @contextlib.contextmanager
    def firewall(self, made: Config | None = None) -> Iterator[Config]:
        """Up, and down at the end."""
        made = made or config()
        within(self.lab.gateway, lambda: gateway.up(made))
        try:
            yield made
        finally:
            within(self.lab.gateway, gateway.down)

    def counts(self) -> dict[str, Count]:
        listing = within(self.lab.gateway, netfilter.listing)
        assert listing is not None
        return read(listing, frozenset()).counts

    def udp(
        self,
        role: str = "client",
        family: int = 4,
        port: int = 0,
        host: str = "",
        user: int = 0,
    ) -> socket.socket:
        return self._socket(role, family, socket.SOCK_DGRAM, port, host, user)

    def listen(
        self, role: str, family: int, port: int, host: str = "", user: int = 0
    ) -> socket.socket:
        made = self._socket(role, family, socket.SOCK_STREAM, port, host, user)
        made.listen()
        return made

    def connect(
        self, role: str, host: str, port: int, user: int = 0, patience: float = 5
    ) -> socket.socket:
        made = self._socket(role, 6 if ":" in host else 4, socket.SOCK_STREAM, user=user)
        made.settimeout(patience)
        try:
            made.connect((host, port))
        except OSError:
            made.close()
            raise
        return made

    def responder(self, family: int, port: int = 3478) -> socket.socket:
        """A socket such as the responder has: it takes packets for others' addresses."""
        return within(self.lab.gateway, lambda: _transparent(family, ("", port)))

    def voice(self, family: int, name: tuple[str, int]) -> socket.socket:
        """A socket that speaks in the name of another machine."""
        return within(self.lab.gateway, lambda: _transparent(family, name))

    def arrived(
        self, send: Callable[[], object], family: int = 4, role: str = "client"
    ) -> list[Arrived]:
        """What came to the internet from a machine in consequence of `send`; ICMP of IPv6 is left
        out, as it keeps its link alive, but for errors."""
        self._mark(family, role)
        send()
        ours = [o for o in self._mark(family, role) if o.source in _SOURCES[role]]
        return [o for o in ours if o.protocol != socket.IPPROTO_ICMPV6 or o.payload[0] < 128]

    def _mark(self, family: int, role: str) -> list[Arrived]:
        self._number += 1
        marker = b"marker %d" % self._number
        with self.udp(role, family) as sender:
            sender.sendto(marker, (_host(APPROVED_TURN, family), 3478))
        return self._witness.until(marker)

    def _socket(
        self, role: str, family: int, kind: int, port: int = 0, host: str = "", user: int = 0
    ) -> socket.socket:
        def make() -> socket.socket:
            made = socket.socket(_FAMILIES[family], kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == 6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.settimeout(60)
            made.bind((host, port))
            return made

        return within(getattr(self.lab, role), make, user)


def _transparent(family: int, address: tuple[str, int]) -> socket.socket:
    made = socket.socket(_FAMILIES[family], socket.SOCK_DGRAM)
    made.settimeout(60)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == 4:
        made.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
        made.setsockopt(socket.SOL_IP, 20, 1)  # IP_RECVORIGDSTADDR
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, 75, 1)  # IPV6_TRANSPARENT
        made.setsockopt(socket.IPPROTO_IPV6, 74, 1)  # IPV6_RECVORIGDSTADDR
    made.bind(address)
    return made


_SOURCES = {
    "client": (CLIENT.v4, CLIENT_PUBLIC, CLIENT.v6),
    "gateway": (GATEWAY_WAN.v4, CLIENT_PUBLIC, GATEWAY_WAN.v6),
}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def _host(role: Role, family: int) -> str:
    return role.v4 if family == 4 else role.v6


def stun_server(family: int) -> str:
    return _host(STUN_ONLY, family)


def site(family: int) -> str:
    return _host(SITE, family)


def turn(family: int) -> str:
    return _host(APPROVED_TURN, family)


def destination(ancillary: list[tuple[int, int, bytes]]) -> tuple[str, int]:
    """The original destination of a diverted packet: struct sockaddr_in or sockaddr_in6."""
    ((level, _, data),) = ancillary
    family, at = (
        (socket.AF_INET, slice(4, 8)) if level == socket.SOL_IP else (socket.AF_INET6, slice(8, 24))
    )
    return socket.inet_ntop(family, data[at]), int.from_bytes(data[2:4], "big")

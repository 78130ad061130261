"""A UDP socket for packets on their way to others, which a TPROXY rule of the gateway brings here.

The kernel tells the original destination (IP_RECVORIGDSTADDR), and the answer comes from it,
address and port, by a raw socket. A UDP socket bound to that destination would do it too; but one
is needed for each, none can be bound where something on the gateway has the port for every address
(a DNS server has 53), and a new one costs more than the answer. Both need CAP_NET_RAW and no more.
"""

import socket
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rtcguard.errors import StartError
from rtcguard.network.batched import BatchedPort, socket_address, unpacked
from rtcguard.network.datagrams import Envelope
from rtcguard.network.failures import Failures
from rtcguard.network.sockets import IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR, RIGHTS
from rtcguard.network.udp import Ancillary, SocketAddress
from rtcguard.policy.model import HostPort

# Bytes of struct sockaddr_in and sockaddr_in6 as ancillary data, behind struct pktinfo.
_ORIGINAL: Final = {socket.AF_INET: 32, socket.AF_INET6: 48}
_KINDS: Final = (
    (socket.IPPROTO_IP, IP_RECVORIGDSTADDR),
    (socket.IPPROTO_IPV6, IPV6_RECVORIGDSTADDR),
)
# Where struct in_pktinfo and in6_pktinfo have the number of the interface.
_INTERFACE: Final = {
    (socket.IPPROTO_IP, socket.IP_PKTINFO): struct.Struct("=I"),
    (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO): struct.Struct("=16xI"),
}
_BROADCAST: Final = "255.255.255.255"


class TransparentPort(BatchedPort):
    """Of a socket that is bound to every address. Raises StartError without the right to."""

    def __init__(self, bound: socket.socket, interfaces: Iterable[str]) -> None:
        """`interfaces`: those that clients are behind; this machine itself is one always."""
        super().__init__(bound, _ORIGINAL[bound.family])
        self._interfaces = frozenset((*interfaces, "lo"))
        try:
            self._raw = socket.socket(bound.family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError as error:
            raise StartError(RIGHTS) from error
        self._raw.setblocking(False)
        # Who asks, mostly asks several times.
        self._addressed = lru_cache(maxsize=1024)(self._address)

    def destination(self, ancillary: Ancillary) -> tuple[HostPort, Ancillary]:
        here, back = super().destination(ancillary)
        if here[0] != _BROADCAST:
            for level, kind, data in ancillary:
                if (level, kind) in _KINDS:
                    return socket_address(data)[:2], back
        return here, back

    def comes_from_clients(self, ancillary: Ancillary) -> bool:
        for level, kind, data in ancillary:
            if (level, kind) in _INTERFACE:
                try:
                    name = socket.if_indextoname(*_INTERFACE[level, kind].unpack_from(data))
                except OSError:  # it is gone
                    return False
                return name in self._interfaces
        return False

    def send_one(
        self, payload: bytes, to: SocketAddress, destination: HostPort, back: Ancillary
    ) -> None:
        packet = Envelope(destination, to[:2], len(payload)).seal(payload)
        self._raw.sendto(packet, (to[0], 0, *to[2:]))

    def send_known(self, first: int, end: int, failures: Failures) -> None:
        for index in range(first, end):
            payload = self.batch.answer(index)
            ways = self.batch.source(index), self.batch.control(index)
            try:
                envelope, to = self._addressed(*ways, len(payload))
                self._raw.sendto(envelope.seal(payload), to)
            except OSError as error:
                failures.add(error)

    def _address(self, source: bytes, control: bytes, size: int) -> tuple[Envelope, SocketAddress]:
        to = socket_address(source)
        destination, _ = self.destination(unpacked(control))
        return Envelope(destination, to[:2], size), (to[0], 0, *to[2:])

    def close(self) -> None:
        super().close()
        self._raw.close()

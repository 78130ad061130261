"""A UDP socket for packets on their way to others, which a TPROXY rule of the gateway brings here.

The kernel tells the original destination (IP_RECVORIGDSTADDR), and the answer comes from it,
address and port, by a raw socket. A UDP socket bound to that destination would do it too; but one
is needed for each, none can be bound where something on the gateway has the port for every address
(a DNS server has 53), and a new one costs more than the answer. Both need CAP_NET_RAW and no more.
"""

import socket
from functools import lru_cache
from typing import Final

from rtcguard.errors import StartError
from rtcguard.network.batched import BatchedPort, socket_address, unpacked
from rtcguard.network.datagrams import datagram
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
_BROADCAST: Final = "255.255.255.255"


class TransparentPort(BatchedPort):
    """Of a socket that is bound to every address. Raises StartError without the right to."""

    def __init__(self, bound: socket.socket) -> None:
        super().__init__(bound, _ORIGINAL[bound.family])
        try:
            self._raw = socket.socket(bound.family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError as error:
            raise StartError(RIGHTS) from error
        self._raw.setblocking(False)
        # The same few servers are asked again and again.
        self._asked = lru_cache(maxsize=1024)(lambda control: self.destination(unpacked(control)))

    def destination(self, ancillary: Ancillary) -> tuple[HostPort, Ancillary]:
        here, back = super().destination(ancillary)
        if here[0] != _BROADCAST:
            for level, kind, data in ancillary:
                if (level, kind) in _KINDS:
                    return socket_address(data)[:2], back
        return here, back

    def is_diverted(self, destination: HostPort) -> bool:
        """Whether this machine has no such address: then only a rule can have brought the packet,
        and rules are for clients."""
        if destination[1] != self.local[1]:
            return True
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((destination[0], 0))
            except OSError:
                return True
        return False

    def send_one(
        self, payload: bytes, to: SocketAddress, destination: HostPort, back: Ancillary
    ) -> None:
        packet = datagram(destination, to[:2], payload)
        self._raw.sendto(packet, (to[0], 0, *to[2:]))

    def send_known(self, first: int, end: int, failures: Failures) -> None:
        for index in range(first, end):
            to = socket_address(self.batch.source(index))
            destination, back = self._asked(self.batch.control(index))
            try:
                self.send_one(self.batch.answer(index), to, destination, back)
            except OSError as error:
                failures.add(error)

    def close(self) -> None:
        super().close()
        self._raw.close()

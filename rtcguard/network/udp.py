"""One UDP socket of the responder, read packet by packet: what every system can do.

Where it is bound to every address, the kernel is asked which one a packet was sent to: the ledger
wants it, and an answer must come from it (Linux).
"""

import socket
import struct
import sys
from typing import Final

from rtcguard.network.failures import Failures
from rtcguard.network.reception import Reception
from rtcguard.policy.model import HostPort

BATCH: Final = 64  # datagrams read from one socket before the others, and `stop`, have their turn

_LARGEST: Final = 65535
# struct in_pktinfo: interface, the address to answer from, the address in the packet's header.
_PKTINFO4 = struct.Struct("=I4s4s")
# struct in6_pktinfo: the address, interface.
_PKTINFO6 = struct.Struct("=16sI")
WILDCARDS: Final = ("0.0.0.0", "::")

Ancillary = list[tuple[int, int, bytes]]
SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class UdpPort:
    def __init__(self, bound: socket.socket) -> None:
        self.socket = bound
        self.local: HostPort = bound.getsockname()[:2]
        self.wildcard = sys.platform == "linux" and self.local[0] in WILDCARDS
        if self.wildcard and bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif self.wildcard:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_PKTINFO, 1)

    def turn(self, reception: Reception, failures: Failures, now: float) -> None:
        """Answers what waits, a batch of it at most, without blocking."""
        for _ in range(BATCH):
            try:
                packet, ancillary, source = self._receive()
            except BlockingIOError:
                return
            except OSError as error:  # an ICMP error of an earlier answer, on some systems
                failures.add(error)
                return
            try:
                destination, back = self.destination(ancillary)
                judged = reception.judge(packet, source[:2], destination, now)
                if judged.datagram is not None:
                    self.send(judged.datagram, source, back)
            except Exception as error:
                failures.add(error)

    def _receive(self) -> tuple[bytes, Ancillary, SocketAddress]:
        if self.wildcard:
            packet, ancillary, _, source = self.socket.recvmsg(_LARGEST, 64)
            return packet, ancillary, source
        packet, source = self.socket.recvfrom(_LARGEST)
        return packet, [], source

    def send(self, datagram: bytes, to: SocketAddress, back: Ancillary) -> None:
        """Sends an answer; `back` is what `destination` made of the ancillary data."""
        if back:
            self.socket.sendmsg((datagram,), back, 0, to)
        else:
            self.socket.sendto(datagram, to)

    def destination(self, ancillary: Ancillary) -> tuple[HostPort, Ancillary]:
        """Where a packet was sent to, and what makes an answer come from there."""
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_IP and kind == socket.IP_PKTINFO:
                _, own, to = _PKTINFO4.unpack(data)
                # A packet to a network's broadcast address is told as one to the limited broadcast:
                # only the kernel knows the networks' masks, and the two addresses differ then.
                host = socket.inet_ntoa(to if to == own or to[0] >= 224 else b"\xff" * 4)
                return (host, self.local[1]), [(level, kind, _PKTINFO4.pack(0, own, bytes(4)))]
            if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                to, _ = _PKTINFO6.unpack(data)
                host = socket.inet_ntop(socket.AF_INET6, to)
                return (host, self.local[1]), [(level, kind, _PKTINFO6.pack(to, 0))]
        return self.local, []

    def close(self) -> None:
        self.socket.close()

"""UDP sockets that know which of the machine's addresses a datagram was sent to, for asyncio."""

import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final

from rtcguard.policy.model import HostPort

BATCH: Final = 64  # datagrams read from one socket before the others have their turn
_PKTINFO4: Final = struct.Struct("=I4s4s")  # in_pktinfo: interface, own address, header's address
_PKTINFO6: Final = struct.Struct("=16sI")  # in6_pktinfo: address, interface

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class Datagrams:
    """A bound UDP socket. Where it is bound to every address, the kernel is asked which one a
    datagram came to, and told which one an answer goes from."""

    def __init__(self, bound: socket.socket) -> None:
        self.socket = bound
        self.local: HostPort = bound.getsockname()[:2]
        self._any = sys.platform == "linux" and self.local[0] in ("0.0.0.0", "::")
        if self._any and bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif self._any:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_PKTINFO, 1)

    def receive(self) -> Iterator[tuple[bytes, SocketAddress, str]]:
        """What waits, a batch at most: the datagram, its source, and the address it was sent to."""
        for _ in range(BATCH):
            try:
                wire, ancillary, _, source = self.socket.recvmsg(65535, 64)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier answer, on some systems
                continue
            local = self.local[0]
            for level, kind, data in ancillary:
                if level == socket.IPPROTO_IP and kind == socket.IP_PKTINFO:
                    local = socket.inet_ntoa(_PKTINFO4.unpack(data)[1])
                elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                    local = socket.inet_ntop(socket.AF_INET6, _PKTINFO6.unpack(data)[0])
            yield wire, source, local

    def send(self, wire: bytes, to: SocketAddress, local: str) -> None:
        """Sends from `local`. Raises OSError."""
        if not self._any:
            self.socket.sendto(wire, to)
        elif self.socket.family == socket.AF_INET6:
            own = _PKTINFO6.pack(socket.inet_pton(socket.AF_INET6, local), 0)
            ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, own)]
            self.socket.sendmsg((wire,), ancillary, 0, to)
        else:
            own = _PKTINFO4.pack(0, socket.inet_aton(local), bytes(4))
            self.socket.sendmsg((wire,), [(socket.IPPROTO_IP, socket.IP_PKTINFO, own)], 0, to)

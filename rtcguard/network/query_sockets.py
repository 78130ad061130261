"""UDP sockets that know which of the machine's addresses a datagram was sent to, for asyncio."""

import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

BATCH: Final = 64  # datagrams read from one socket before the others have their turn
_HINTS: Final = {
    errno.EADDRINUSE: "stop the program that uses it (systemd-resolved?), or write another there",
    errno.EACCES: "run rtcguard with the right to do so, or write a port above 1023 there",
    errno.EADDRNOTAVAIL: "no interface has this address: write one of this machine's there",
    errno.EAFNOSUPPORT: "this machine has no such protocol (IPv6 off?): take the address out",
}
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


def bind(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A non-blocking socket, one for TCP listening; a host name is bound at its first address.
    Raises StartError."""
    protocol = "udp" if kind == socket.SOCK_DGRAM else "tcp"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        bound = socket.socket(family, kind)
        with contextlib.ExitStack() as failed:
            failed.callback(bound.close)
            if family == socket.AF_INET6:  # IPv4 has sockets of its own
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.setblocking(False)
            if kind == socket.SOCK_STREAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            if kind == socket.SOCK_STREAM:
                bound.listen()
            failed.pop_all()
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a host name
        problem = getattr(error, "strerror", None) or error
        hint = _HINTS.get(getattr(error, "errno", 0), "write another address there")
        shown = host_port(host, port)
        raise StartError(
            f"sinkhole.listen: cannot bind {protocol} {shown}: {problem}; {hint}"
        ) from error
    return bound

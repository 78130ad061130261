"""The STUN responder's UDP sockets: read in batches, answer, hand over the records.

One thread, no asyncio: a loop of plain system calls answers several times as many packets. Nothing
is kept per source. What one packet breaks, an answer that cannot be sent or a fault of our own, is
counted and logged once a second at most; the loop goes on.
"""

import errno
import logging
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.network import responder
from rtcguard.policy.model import HostPort, Policy
from rtcguard.policy.record import Record

BATCH: Final = 64  # datagrams read from one socket before the others, and `stop`, have their turn

_log = logging.getLogger(__name__)

_RECEIVE_BUFFER = 4 << 20  # bytes; the kernel cuts it down to what it allows
_LARGEST_DATAGRAM = 65535
_HINTS = {
    errno.EADDRINUSE: "stop the program that uses it, or write another port there",
    errno.EACCES: "run rtcguard with the right to do so, or write a port above 1023 there",
    errno.EADDRNOTAVAIL: "no interface has this address: write one of this machine's there",
    errno.EAFNOSUPPORT: "this machine has no such protocol (IPv6 off?): take the address out",
}
# struct in_pktinfo: interface, the address to answer from, the address in the packet's header.
_PKTINFO4 = struct.Struct("=I4s4s")
# struct in6_pktinfo: the address, interface.
_PKTINFO6 = struct.Struct("=16sI")

_Ancillary = list[tuple[int, int, bytes]]
_SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class StunServer:
    """Binds every (host, port) at once; `serve` answers until told to stop; `close` unbinds.

    `record` is called with the records of a batch, in the thread of `serve`: it must not block.
    `policy` may be replaced at any time; the next packet goes by it. Raises StartError where an
    address cannot be bound.
    """

    def __init__(
        self,
        listen: Iterable[HostPort],
        policy: Policy,
        record: Callable[[list[Record]], object],
    ) -> None:
        self.policy = policy
        self._record = record
        self._failures = _Failures()
        self._ports: list[_Port] = []
        try:
            for host, port in listen:
                self._ports.append(_Port(_bind(host, port)))
        except StartError:
            self.close()
            raise

    @property
    def addresses(self) -> tuple[HostPort, ...]:
        """What is bound, in the order of `listen`; with the port that a port of 0 became."""
        return tuple(port.local for port in self._ports)

    def serve(self, stop: socket.socket | int) -> None:
        """Answers until `stop` becomes readable: a byte was written to it, or its far end closed,
        as it is when the process that holds it dies. Reads nothing from it."""
        with selectors.DefaultSelector() as selector:
            selector.register(stop, selectors.EVENT_READ, None)
            for port in self._ports:
                selector.register(port.socket, selectors.EVENT_READ, port)
            while True:
                ready = [key.data for key, _ in selector.select()]
                if None in ready:
                    return
                for port in ready:
                    self._drain(port)

    def close(self) -> None:
        for port in self._ports:
            port.socket.close()
        self._ports = []
        self._failures.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _drain(self, port: "_Port") -> None:
        """Answers what waits at one socket, a batch of it at most, without blocking."""
        records: list[Record] = []
        for _ in range(BATCH):
            try:
                packet, source, destination, ancillary = port.receive()
            except BlockingIOError:
                break
            except OSError as error:  # an ICMP error of an earlier answer, on some systems
                self._failures.add(error)
                break
            try:
                reply = responder.answer(packet, source[:2], destination, self.policy)
                records += reply.records
                if reply.datagram is not None:
                    port.send(reply.datagram, source, ancillary)
            except Exception as error:
                self._failures.add(error)
        if records:
            try:
                self._record(records)
            except Exception as error:
                self._failures.add(error)


class _Port:
    """One bound socket. Where it is bound to every address, the kernel is asked which one a packet
    was sent to: the ledger wants it, and an answer must come from it."""

    def __init__(self, bound: socket.socket) -> None:
        self.socket = bound
        self.local: HostPort = bound.getsockname()[:2]
        self._buffer = bytearray(_LARGEST_DATAGRAM)
        self._view = memoryview(self._buffer)
        wildcard = sys.platform == "linux" and self.local[0] in ("0.0.0.0", "::")
        self.receive = self._receive_any if wildcard else self._receive_one
        if wildcard and bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        elif wildcard:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_PKTINFO, 1)

    def send(self, datagram: bytes, to: _SocketAddress, ancillary: _Ancillary) -> None:
        if ancillary:
            self.socket.sendmsg((datagram,), ancillary, 0, to)
        else:
            self.socket.sendto(datagram, to)

    def _receive_one(self) -> tuple[bytes, _SocketAddress, HostPort, _Ancillary]:
        length, source = self.socket.recvfrom_into(self._buffer)
        return bytes(self._view[:length]), source, self.local, []

    def _receive_any(self) -> tuple[bytes, _SocketAddress, HostPort, _Ancillary]:
        length, ancillary, _, source = self.socket.recvmsg_into((self._buffer,), 64)
        destination, back = self.local, []
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_IP and kind == socket.IP_PKTINFO:
                _, own, to = _PKTINFO4.unpack(data)
                # A packet to a network's broadcast address is told as one to the limited broadcast:
                # only the kernel knows the networks' masks, and the two addresses differ then.
                host = socket.inet_ntoa(to if to == own or to[0] >= 224 else b"\xff" * 4)
                destination = (host, self.local[1])
                back = [(level, kind, _PKTINFO4.pack(0, own, bytes(4)))]
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                to, _ = _PKTINFO6.unpack(data)
                destination = (socket.inet_ntop(socket.AF_INET6, to), self.local[1])
                back = [(level, kind, _PKTINFO6.pack(to, 0))]
        return bytes(self._view[:length]), source, destination, back


class _Failures:
    """Counts what went wrong, and logs the count and the last of it once a second at most."""

    def __init__(self) -> None:
        self._count = 0
        self._last: Exception | None = None
        self._logged = float("-inf")

    def add(self, error: Exception) -> None:
        self._count += 1
        self._last = error
        if time.monotonic() - self._logged >= 1:
            self.flush()

    def flush(self) -> None:
        if self._count:
            _log.warning("STUN: %d failures, the last: %r", self._count, self._last)
            self._count, self._logged = 0, time.monotonic()


def _bind(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket; a host name is bound at its first address."""
    shown = host_port(host, port)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:  # IPv4 has sockets of its own, and addresses of its own
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            bound.setblocking(False)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a host name
        problem = getattr(error, "strerror", None) or error
        hint = _HINTS.get(getattr(error, "errno", 0), "write another address there")
        raise StartError(f"stun.listen: cannot bind udp {shown}: {problem}; {hint}") from error
    return bound

"""One UDP socket of the responder, read and answered many packets at a time (Linux).

Packets like one that was answered before are found by a look-up, and their answers put together by
the kernel (`batch`). Each of the others is judged by itself. Both are decided alike: what is known
is what `Reception.judge` said, and it is only used for requests that differ in nothing but their
transaction id.
"""

import socket
import struct
from collections import Counter
from typing import Final

from rtcguard.network import responder
from rtcguard.network.batch import SIZE, Batch
from rtcguard.network.failures import Failures
from rtcguard.network.reception import Known, Reception
from rtcguard.network.udp import Ancillary, SocketAddress, UdpPort
from rtcguard.policy.model import HostPort

_NAMES: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}  # bytes of a socket address
_CMSG: Final = struct.Struct("=Qii")  # struct cmsghdr
# Bytes of struct in_pktinfo and struct in6_pktinfo with their headers, padded to eight, and where
# the number of the interface stands: an answer takes the route to its receiver, whatever that is.
_PKTINFO: Final = {socket.AF_INET: (32, 16), socket.AF_INET6: (40, 32)}
_MOST_KNOWN: Final = 4096
_ROUNDS: Final = 8  # full batches in a row before the other sockets have their turn

# What a request must begin with, to be known: Binding, no attributes, the cookie.
_PLAIN: Final = bytes.fromhex("00010000 2112a442")


class BatchedPort(UdpPort):
    def __init__(self, bound: socket.socket, more: int = 0) -> None:
        """`more`: bytes of ancillary data that the socket was told to give, beside its own."""
        super().__init__(bound)
        control, self._interface = _PKTINFO[bound.family] if self.wildcard else (0, 0)
        self.batch = Batch(bound.fileno(), _NAMES[bound.family], control + more)
        self._known: dict[bytes, Known] = {}
        self._generation = -1
        # What all answers to plain requests have in common; whether that was looked for.
        self._template: tuple[bytes, bytes] | None = None
        self._has_template = False

    def turn(self, reception: Reception, failures: Failures, now: float) -> None:
        for _ in range(_ROUNDS):
            try:
                count = self.batch.receive()
            except OSError as error:
                failures.add(error)
                return
            if count:
                self._answer(count, reception, failures, now)
            if count < SIZE:
                return

    def _answer(self, count: int, reception: Reception, failures: Failures, now: float) -> None:
        if self._generation != reception.generation:
            self._generation = reception.generation
            self._known.clear()
            self._has_template = False
        batch, known = self.batch, self._known
        keys, states = batch.keys(count), batch.states(count)
        usual = batch.usual
        if states.count(usual) != count:
            keys = tuple(k if s == usual else b"" for k, s in zip(keys, states, strict=True))
        kinds = Counter(keys)
        answered = {
            key
            for key, times in kinds.items()
            if (one := known.get(key)) is not None and reception.again(one, times, now)
        }
        if len(answered) == len(kinds):
            self.send_known(0, count, failures)
            return
        first = 0  # of a run of packets that are known
        for index, key in enumerate(keys):
            if key in answered:
                continue
            self.send_known(first, index, failures)
            first = index + 1
            try:
                self._judge(index, key, reception, now)
            except Exception as error:
                failures.add(error)
        self.send_known(first, count, failures)

    def _judge(self, index: int, key: bytes, reception: Reception, now: float) -> None:
        packet = self.batch.datagram(index)
        ancillary = unpacked(self.batch.control(index))
        source = socket_address(self.batch.source(index))
        destination, back = self.destination(ancillary)
        judged = reception.judge(
            packet,
            source[:2],
            destination,
            now,
            vouched=lambda: self.comes_from_clients(ancillary),
        )
        if judged.datagram is None:
            return
        self.send_one(judged.datagram, source, destination, back)
        if judged.known is None or not key.endswith(_PLAIN):
            return
        if not self._has_template:
            self._has_template = True
            self._template = responder.template(source[:2], destination, reception.policy)
            if self._template is not None:
                self.batch.prepare(*self._template)
        same = self._template == (judged.datagram[:8], judged.datagram[20:])
        if same and self._generation == reception.generation:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = judged.known

    def comes_from_clients(self, ancillary: Ancillary) -> bool:
        """Whether a packet came by an interface that only clients are behind."""
        return False

    def send_one(
        self, datagram: bytes, to: SocketAddress, destination: HostPort, back: Ancillary
    ) -> None:
        self.send(datagram, to, back)

    def send_known(self, first: int, end: int, failures: Failures) -> None:
        """Answers the packets of [first, end) of the batch, each of which is known."""
        if self.wildcard:
            for index in range(first, end):
                self.batch.clear(index, self._interface)
        while first < end:
            try:
                first += self.batch.send(first, end)
            except OSError as error:  # this one cannot be sent, the next may
                failures.add(error)
                first += 1


def unpacked(control: bytes) -> Ancillary:
    """Ancillary data as socket.recvmsg gives it."""
    found, start = [], 0
    while start + _CMSG.size <= len(control):
        length, level, kind = _CMSG.unpack_from(control, start)
        if length < _CMSG.size:
            break
        found.append((level, kind, control[start + _CMSG.size : start + length]))
        start += length + -length % 8
    return found


def socket_address(name: bytes) -> SocketAddress:
    """A struct sockaddr_in or sockaddr_in6 as socket.recvfrom gives it."""
    port = int.from_bytes(name[2:4])
    if len(name) == _NAMES[socket.AF_INET]:
        return socket.inet_ntoa(name[4:8]), port
    flow, scope = int.from_bytes(name[4:8]), struct.unpack_from("=I", name, 24)[0]
    return socket.inet_ntop(socket.AF_INET6, name[8:24]), port, flow, scope

"""TCP connections of a capture, put together in bounded memory (RFC 9293).

What comes out of order waits, so many bytes in one direction and in all; where what is missing does
not come, the connection is given up and noted. Of what nobody reads only the four-tuple is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from rtcguard.policy.model import HostPort
from rtcguard.policy.record import Record
from rtcguard.recordings.internet import Packet
from rtcguard.recordings.internet import host as host_of
from rtcguard.recordings.scene import Scene

LOST: Final = "TCP connections of which packets are missing in the capture"
TOO_MANY: Final = "TCP connections beyond those that are put together at a time"

_MOST_OPEN: Final = 8192  # connections that are read
_MOST_IGNORED: Final = 131_072  # halves of those that nobody reads
_MOST_WAITING: Final = 1 << 20  # bytes in one direction
_MOST_SEGMENTS: Final = 1024
_MOST_HELD: Final = 1 << 26  # bytes in all directions
SYN: Final = 2
_FIN, _RST, _ACK = 1, 4, 16


class Conversation(Protocol):
    """What reads one connection."""

    @property
    def wanted(self) -> bool:
        """Whether more is to be read; False: nothing of the rest tells anything."""

    def feed(self, data: bytes, at: float, *, to_server: bool) -> Iterable[Record]: ...

    def end(self) -> Iterable[Record]:
        """Nothing more comes."""


class Opener(Protocol):
    def __call__(self, client: HostPort, server: HostPort) -> Conversation: ...


@dataclass(slots=True)
class _Half:
    """One direction of a connection."""

    connection: "_Connection"
    to_server: bool
    next: int = -1  # the sequence number of the next byte; -1: not known
    waiting: dict[int, bytes] = field(default_factory=dict)
    held: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Connection:
    conversation: Conversation
    keys: tuple[bytes, bytes]


class Connections:
    """Hands on the bytes of each connection in their order."""

    def __init__(self, scene: Scene, opener: Opener) -> None:
        self._scene, self._opener = scene, opener
        self._halves: dict[bytes, _Half] = {}
        self.ignored: dict[bytes, None] = {}
        """Addresses and ports (source, destination) of halves that nobody reads."""
        self._held = 0

    def segment(self, packet: Packet, at: float) -> Iterable[Record]:
        """Takes one segment."""
        _, source, destination, data, start, end, missing = packet
        if end < start + 20:
            return ()
        ports = data[start : start + 4]
        key = source + destination + ports
        flags = data[start + 13]
        if key in self.ignored and not flags & SYN:
            return ()
        begin = start + (data[start + 12] >> 4) * 4
        if begin < start + 20 or begin > end:
            return ()
        if begin == end and not missing and not flags & (SYN | _FIN | _RST):
            return ()
        return self._taken(key, packet, flags, data[begin:end], missing, at)

    def rest(self) -> Iterator[Record]:
        """Ends what is still open, at the end of the capture."""
        while self._halves:
            yield from self._end(next(iter(self._halves.values())).connection)

    def _taken(
        self, key: bytes, packet: Packet, flags: int, payload: bytes, missing: int, at: float
    ) -> Iterator[Record]:
        start = packet.start
        ports = packet.data[start : start + 4]
        back = packet.destination + packet.source + ports[2:] + ports[:2]
        sequence = int.from_bytes(packet.data[start + 4 : start + 8])
        half = self._halves.get(key)
        if flags & SYN:
            if half is not None and half.next != sequence + 1 & 0xFFFFFFFF and half.next >= 0:
                yield from self._end(half.connection)  # its ports are used anew
                half = None
            self.ignored.pop(key, None)
            if not flags & _ACK:
                self.ignored.pop(back, None)
            sequence = sequence + 1 & 0xFFFFFFFF
        if half is None:
            if not (flags & SYN or payload or missing) or flags & _RST:
                return
            half = self._opened(key, back, packet, flags, payload)
            while len(self._halves) > 2 * _MOST_OPEN:
                self._scene.notes[TOO_MANY] += 1
                yield from self._end(next(iter(self._halves.values())).connection)
        if half.next < 0:
            half.next = sequence
        if payload or missing:
            yield from self._ordered(half, sequence, payload, missing, at)
        if flags & (_FIN | _RST):
            half.ended = True
            connection = half.connection
            other = self._halves.get(back)
            if flags & _RST or other is None or other.ended:
                yield from self._end(connection)

    def _opened(self, key: bytes, back: bytes, packet: Packet, flags: int, payload: bytes) -> _Half:
        """A connection seen for the first time: by its SYN, or in its midst."""
        start = packet.start
        ends = (
            (host_of(packet.source), int.from_bytes(packet.data[start : start + 2])),
            (host_of(packet.destination), int.from_bytes(packet.data[start + 2 : start + 4])),
        )
        is_certain = bool(flags & SYN) or _asks(payload) or _answers(payload)
        if flags & SYN:
            to_server = not flags & _ACK
        else:
            to_server = _asks(payload) or (not _answers(payload) and ends[0][1] > ends[1][1])
        client, server = ends if to_server else ends[::-1]
        if is_certain:
            self._scene.meet(client[0])
        connection = _Connection(self._opener(client, server), (key, back))
        half = self._halves[key] = _Half(connection, to_server)
        self._halves[back] = _Half(connection, not to_server)
        return half

    def _ordered(
        self, half: _Half, sequence: int, payload: bytes, missing: int, at: float
    ) -> Iterator[Record]:
        conversation = half.connection.conversation
        ahead = sequence - half.next & 0xFFFFFFFF
        if ahead > 0x7FFFFFFF:  # sent before
            payload = payload[0x100000000 - ahead :]
            ahead = 0
            if not payload and not missing:
                return
        if ahead:
            if payload and not missing and sequence not in half.waiting:
                half.waiting[sequence] = payload
                half.held += len(payload)
                self._held += len(payload)
            if (
                missing
                or half.held > _MOST_WAITING
                or len(half.waiting) > _MOST_SEGMENTS
                or self._held > _MOST_HELD
            ):
                yield from self._lost(half.connection)
            return
        while payload:
            half.next = half.next + len(payload) & 0xFFFFFFFF
            yield from conversation.feed(payload, at, to_server=half.to_server)
            if not conversation.wanted:
                self._ignore(half.connection)
                return
            payload = self._waited(half) if half.waiting else b""
        if missing:
            yield from self._lost(half.connection)

    def _waited(self, half: _Half) -> bytes:
        """What waited and comes next."""
        for sequence in [half.next] if half.next in half.waiting else list(half.waiting):
            behind = half.next - sequence & 0xFFFFFFFF
            if behind <= 0x7FFFFFFF:
                payload = half.waiting.pop(sequence)
                half.held -= len(payload)
                self._held -= len(payload)
                if len(payload) > behind:
                    return payload[behind:]
        return b""

    def _lost(self, connection: _Connection) -> Iterator[Record]:
        self._scene.notes[LOST] += 1
        self._ignore(connection)
        yield from connection.conversation.end()

    def _end(self, connection: _Connection) -> Iterator[Record]:
        if any(half.waiting for half in map(self._halves.get, connection.keys) if half):
            self._scene.notes[LOST] += 1
        self._forget(connection)
        yield from connection.conversation.end()

    def _ignore(self, connection: _Connection) -> None:
        self._forget(connection)
        for key in connection.keys:
            self.ignored[key] = None
            if len(self.ignored) > _MOST_IGNORED:
                del self.ignored[next(iter(self.ignored))]

    def _forget(self, connection: _Connection) -> None:
        for key in connection.keys:
            half = self._halves.pop(key, None)
            if half is not None:
                self._held -= half.held


def _asks(payload: bytes) -> bool:
    """Whether a connection's first bytes that were captured are a client's."""
    return payload[:1].isupper() and b" HTTP/1." in payload[:8192]


def _answers(payload: bytes) -> bool:
    return payload.startswith(b"HTTP/1.")

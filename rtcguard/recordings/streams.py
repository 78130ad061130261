"""What is spoken on a connection, told by its first bytes, and who reads it: one row each."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from rtcguard.network import stream
from rtcguard.policy.model import HostPort
from rtcguard.policy.record import Record
from rtcguard.recordings.http1 import Http1
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.stun_packets import StunPackets
from rtcguard.recordings.tcp import Conversation

ENCRYPTED: Final = "TLS connections, which are encrypted"
_HTTP2: Final = "HTTP/2 connections, which are not read"
_OTHER: Final = "TCP connections that are neither HTTP, STUN nor TLS"
_METHODS: Final = tuple(
    f"{method} ".encode()
    for method in (
        *("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"),
        *("PROPFIND", "REPORT", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
    )
)
_PREFACE: Final = b"PRI * HTTP/2.0"
_RECORDS: Final = range(0x14, 0x18)  # of TLS (RFC 8446 section 5.1)
_MOST_UNTOLD: Final = 1 << 16  # bytes of a server that speaks first


class Stream:
    """One connection. Which protocol it is, the client's first bytes tell."""

    def __init__(self, scene: Scene, stun: StunPackets, client: HostPort, server: HostPort) -> None:
        self._scene, self._stun = scene, stun
        self._client, self._server = client, server
        self._direction = scene.direction(client[0], server[0])
        self.wanted = bool(self._direction)
        self._reader: Conversation | None = None
        self._first = {True: b"", False: b""}

    def feed(self, data: bytes, at: float, *, to_server: bool) -> Iterable[Record]:
        if self._reader is not None:
            return self._fed(data, at, to_server=to_server)
        if not self.wanted:
            return ()
        self._first[to_server] += data
        told = self._told(self._first[True])
        if isinstance(told, str):
            self._scene.notes[told] += 1
            self.wanted = False
        elif told is not None:
            self._reader = told()
            first, self._first = self._first, {True: b"", False: b""}
            return [
                record
                for side in (True, False)
                if first[side]
                for record in self._fed(first[side], at, to_server=side)
            ]
        elif len(self._first[False]) > _MOST_UNTOLD:
            self._scene.notes[_OTHER] += 1
            self.wanted = False
        return ()

    def end(self) -> Iterable[Record]:
        if self._reader is not None:
            return self._reader.end()
        if self.wanted and self._first[True]:
            self._scene.notes[_OTHER] += 1
        return ()

    def _fed(self, data: bytes, at: float, *, to_server: bool) -> Iterator[Record]:
        if self._reader is not None:
            yield from self._reader.feed(data, at, to_server=to_server)
            self.wanted = self._reader.wanted

    def _told(self, first: bytes) -> Callable[[], Conversation] | str | None:
        """Who reads it; or a note why nobody does; or None: more bytes are needed."""
        if not first:
            return None
        if first[0] in _RECORDS and first[1:2] in (b"", b"\x03"):
            return ENCRYPTED if len(first) > 1 else None
        if _PREFACE.startswith(first[: len(_PREFACE)]):
            return _HTTP2 if len(first) >= len(_PREFACE) else None
        for method in _METHODS:
            if first.startswith(method):
                return self._http
            if method.startswith(first):
                return None
        beginning = stream.begins(first)
        if beginning == "open":
            return None
        if beginning == "other":
            return _OTHER
        return lambda: _StunStream(self, framed=beginning == "framed")

    def _http(self) -> Conversation:
        return Http1(
            self._scene,
            self._client,
            self._server,
            flipped=self._direction == "inbound",
            tunnel=lambda: Stream(self._scene, self._stun, self._client, self._server),
        )

    def stun_message(self, message: bytes, at: float, *, to_server: bool) -> list[Record]:
        """Judges one STUN message of the connection."""
        ends = (self._client, self._server) if to_server else (self._server, self._client)
        self._stun.packet(message, *ends, at, transport="tcp")
        return self._stun.take()


class _StunStream:
    """STUN and TURN over TCP, each direction cut into its messages."""

    def __init__(self, whole: Stream, *, framed: bool) -> None:
        self._whole = whole
        self._splitters = {side: stream.Splitter(framed=framed) for side in (True, False)}

    @property
    def wanted(self) -> bool:
        return not all(splitter.broken for splitter in self._splitters.values())

    def feed(self, data: bytes, at: float, *, to_server: bool) -> Iterator[Record]:
        for message in self._splitters[to_server].feed(data):
            yield from self._whole.stun_message(message, at, to_server=to_server)

    def end(self) -> Iterable[Record]:
        return ()

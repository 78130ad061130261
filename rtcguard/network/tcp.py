"""The responder on TCP: STUN as RFC 8489 section 6.2.2 has it, and ICE-TCP's framing of RFC 4571.

Nothing waits for anybody, and everything has a bound: connections in all and from one source, bytes
that are no whole message, the time until the next whole one (bytes that trickle in do not lengthen
it), answers that the client does not fetch. What goes beyond is closed and recorded.
"""

import selectors
import socket
from collections import Counter
from dataclasses import dataclass
from typing import Final

from rtcguard.network.failures import Failures
from rtcguard.network.reception import Reception
from rtcguard.network.responder import record_of
from rtcguard.network.stream import Splitter, begins, frame
from rtcguard.policy.model import HostPort

_CARRIER: Final = "TCP"
_ACCEPTED: Final = 16  # connections accepted before the other sockets have their turn
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    connections: int = 256
    per_source: int = 32
    unfinished: int = 8192  # bytes since the last whole message; a request has a few hundred
    seconds: float = 10.0  # until the first whole message, and from each to the next


class Connections:
    """Those of all listening sockets: the limits hold for them together. Connections are in the
    order of their deadlines, for each whole message moves one to the end."""

    def __init__(self, selector: selectors.BaseSelector, limits: Limits) -> None:
        self.selector, self.limits = selector, limits
        self._open: dict[Connection, None] = {}
        self._sources: Counter[str] = Counter()

    @property
    def due(self) -> float:
        """When `expire` is to be called."""
        return next(iter(self._open)).until if self._open else float("inf")

    def room(self, host: str) -> str:
        """Why there is no room for one more from there; nothing if there is."""
        if self._sources[host] >= self.limits.per_source:
            return f"more than {self.limits.per_source} connections of one source"
        if len(self._open) >= self.limits.connections:
            return f"more than {self.limits.connections} connections"
        return ""

    def add(self, one: "Connection") -> None:
        self._open[one] = None
        self._sources[one.source[0]] += 1
        self.selector.register(one.socket, selectors.EVENT_READ, one)

    def renew(self, one: "Connection", now: float) -> None:
        del self._open[one]
        one.until = now + self.limits.seconds
        self._open[one] = None

    def remove(self, one: "Connection") -> None:
        if one not in self._open:
            return
        del self._open[one]
        self._sources[one.source[0]] -= 1
        if not self._sources[one.source[0]]:
            del self._sources[one.source[0]]
        self.selector.unregister(one.socket)
        one.socket.close()

    def expire(self, reception: Reception, now: float) -> None:
        for one in [one for one in self._open if one.until <= now]:
            words = "no more whole messages came" if one.messages else "no whole message came"
            one.end(reception, now, f"{words} within {self.limits.seconds:g} s")

    def close(self) -> None:
        for one in tuple(self._open):
            self.remove(one)


class TcpPort:
    """A listening socket."""

    def __init__(self, listening: socket.socket, connections: Connections) -> None:
        self.socket, self._connections = listening, connections

    def turn(self, reception: Reception, failures: Failures, now: float) -> None:
        for _ in range(_ACCEPTED):
            try:
                accepted, address = self.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:  # it was gone before, or there are too many open files
                failures.add(error)
                return
            try:
                one = Connection(accepted, address[:2], self._connections, now)
            except OSError as error:
                accepted.close()
                failures.add(error)
                continue
            refused = self._connections.room(one.source[0])
            if refused:
                accepted.close()
                one.tell(reception, now, "blocked", f"closed: {refused}")
            else:
                self._connections.add(one)

    def close(self) -> None:
        self.socket.close()


class Connection:
    """One client's. Its `turn` reads what is there, and answers."""

    def __init__(
        self, accepted: socket.socket, source: HostPort, connections: Connections, now: float
    ) -> None:
        accepted.setblocking(False)
        self.socket, self.source = accepted, source
        self.destination: HostPort = accepted.getsockname()[:2]
        self.until = now + connections.limits.seconds
        self.messages = 0
        self._connections = connections
        self._held = b""  # while it is not known what the stream is
        self._framed = False
        self._splitter: Splitter | None = None
        self._unfinished = 0

    def turn(self, reception: Reception, failures: Failures, now: float) -> None:
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:  # reset
            data = b""
        try:
            if data:
                self._read(data, reception, now)
            elif self._unfinished:
                self.end(reception, now, "it ended in the midst of a message")
            elif not self.messages:
                self.end(reception, now, "it ended without a message")
            else:
                self._connections.remove(self)
        except Exception as error:
            failures.add(error)
            self._connections.remove(self)

    def tell(self, reception: Reception, now: float, action: str, words: str) -> None:
        reception.record(record_of(action, self.source, self.destination, words), now, _CARRIER)

    def end(self, reception: Reception, now: float, words: str) -> None:
        """Closes it, and records why."""
        self.tell(reception, now, "observed", f"closed: {words}")
        self._connections.remove(self)

    def _read(self, data: bytes, reception: Reception, now: float) -> None:
        self._unfinished += len(data)
        if self._splitter is None:
            self._held += data
            beginning = begins(self._held)
            if beginning == "other":
                self.end(reception, now, "not STUN")
                return
            if beginning == "open":
                return
            self._framed = beginning == "framed"
            self._splitter = Splitter(framed=self._framed)
            data, self._held = self._held, b""
        for message in self._splitter.feed(data):
            self._connections.renew(self, now)
            self.messages += 1
            self._unfinished = 0
            if not self._answer(message, reception, now):
                return
        if not self._unfinished:
            self._unfinished = self._splitter.held
        if self._splitter.broken:
            self.end(reception, now, "neither STUN nor ChannelData")
        elif self._unfinished > self._connections.limits.unfinished:
            limit = self._connections.limits.unfinished
            self.end(reception, now, f"more than {limit} bytes without a whole message")

    def _answer(self, message: bytes, reception: Reception, now: float) -> bool:
        """Whether the connection goes on."""
        judged = reception.judge(message, self.source, self.destination, now, carrier=_CARRIER)
        if judged.datagram is None:
            return True
        answer = frame(judged.datagram, framed=self._framed)
        try:
            whole = self.socket.send(answer) == len(answer)
        except OSError:
            whole = False
        if not whole:
            self.end(reception, now, "its client does not fetch the answers")
        return whole

"""HTTP/1.1 of a capture (RFC 9112), both directions, up to WebSocket and tunnels.

h11 reads each message: a connection of its own for each, since it would not let us take both sides.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import h11

from rtcguard.errors import ParseError
from rtcguard.ice.address import canonical
from rtcguard.policy.model import HostPort
from rtcguard.policy.record import Record
from rtcguard.proxy.bodies import LIMIT
from rtcguard.recordings.decoding import decoded
from rtcguard.recordings.exchange import Exchange, Headers, header
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.tcp import Conversation
from rtcguard.recordings.websocket import WebSocket

UNREADABLE: Final = "HTTP connections that cannot be read"
UNDECODED: Final = "HTTP bodies in a content encoding that cannot be read"
_LARGEST_HEAD: Final = 1 << 17
_MOST_OPEN: Final = 256  # requests that wait for their response


@dataclass(slots=True)
class _Open:
    """A request without its response."""

    exchange: Exchange
    upgrade: bool


class _Side:
    """One direction: the message that is being read."""

    def __init__(self) -> None:
        self.parser: h11.Connection | None = None
        self.rest = b""
        self.head: h11.Request | h11.Response | None = None
        self.body = bytearray()
        self.too_large = False

    def begin(self, parser: h11.Connection) -> None:
        self.parser = parser
        if self.rest:
            parser.receive_data(self.rest)
        self.rest = b""


class Http1:
    """Reads one connection. `tunnel` makes what reads the inside of a CONNECT."""

    def __init__(
        self,
        scene: Scene,
        client: HostPort,
        server: HostPort,
        *,
        flipped: bool,
        tunnel: Callable[[], Conversation],
    ) -> None:
        self.wanted = True
        self._scene, self._flipped, self._tunnel = scene, flipped, tunnel
        # The client is whose leaks are looked for, at whichever end it is.
        self._client, self._server = (server if flipped else client)[0], server
        self._sides = {True: _Side(), False: _Side()}
        self._open: deque[_Open] = deque(maxlen=_MOST_OPEN)  # of a capture of one direction, say
        self._at = 0.0
        self._inner: Conversation | None = None

    def feed(self, data: bytes, at: float, *, to_server: bool) -> Iterator[Record]:
        self._at = at
        if self._inner is None:
            side = self._sides[to_server]
            if side.parser is None:
                side.rest += data
            else:
                side.parser.receive_data(data)
            if len(side.rest) > LIMIT:
                self._give_up()
                return
            try:
                yield from self._requests(at) if to_server else self._responses(at)
                if to_server and self._sides[False].rest and self._inner is None:
                    yield from self._responses(at)
            except h11.RemoteProtocolError:
                self._give_up()
        else:
            yield from self._inner.feed(data, at, to_server=to_server)
            self.wanted = self._inner.wanted

    def end(self) -> Iterator[Record]:
        """Bodies that had not ended tell something too."""
        if self._inner is not None:
            yield from self._inner.end()
            return
        for to_server, side in self._sides.items():
            if side.head is not None and side.body:
                yield from self._whole(side, self._at, to_server=to_server)
        if self._sides[True].rest:  # what followed on a wish to switch that nobody answered
            self._scene.notes[UNREADABLE] += 1

    def _give_up(self) -> None:
        self._scene.notes[UNREADABLE] += 1
        self.wanted = False

    def _requests(self, at: float) -> Iterator[Record]:
        side = self._sides[True]
        while True:
            if side.parser is None:
                if not side.rest or (self._open and self._open[-1].upgrade):
                    return  # what follows on a wish to switch, its answer tells
                side.begin(h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD))
            event = self._next(side)
            if isinstance(event, h11.Request):
                side.head = event
                upgrade = event.method == b"CONNECT" or b"upgrade" in dict(event.headers)
                self._open.append(_Open(self._exchange(event), upgrade))
            elif isinstance(event, h11.EndOfMessage):
                yield from self._whole(side, at, to_server=True)
                self._keep_rest(side)
            elif event is None:
                return

    def _responses(self, at: float) -> Iterator[Record]:
        side = self._sides[False]
        while True:
            if side.parser is None:
                if not side.rest:
                    return
                side.begin(self._asking())
            event = self._next(side)
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                yield from self._switched(side, event, at)
                return
            if isinstance(event, h11.Response):
                side.head = event
                asked = self._open[0] if self._open else None
                is_tunnel = asked is not None and asked.exchange.method == "CONNECT"
                if is_tunnel and 200 <= event.status_code < 300:
                    yield from self._switched(side, event, at)
                    return
            elif isinstance(event, h11.EndOfMessage):
                yield from self._whole(side, at, to_server=False)
                self._keep_rest(side)
                if self._open:
                    self._open.popleft()
                yield from self._requests(at)
            elif event is None:
                return

    def _next(self, side: _Side) -> object:
        """The next event; None: there is none before more bytes come. Data goes to the body."""
        assert side.parser is not None
        while True:
            event = side.parser.next_event()
            if isinstance(event, h11.Data):
                side.too_large = side.too_large or len(side.body) + len(event.data) > LIMIT
                if side.too_large:
                    side.body.clear()
                else:
                    side.body += event.data
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return None
            else:
                return event

    def _keep_rest(self, side: _Side) -> None:
        """Ends a message; what came behind it is the next one's."""
        assert side.parser is not None
        side.rest = side.parser.trailing_data[0]
        side.parser, side.head, side.too_large = None, None, False
        side.body.clear()

    def _asking(self) -> h11.Connection:
        """A parser that waits for the response to the oldest request."""
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        method, headers = "GET", [("host", "-")]
        if self._open:
            asked = self._open[0]
            method = asked.exchange.method
            if asked.upgrade and method != "CONNECT":
                headers += [("connection", "upgrade"), ("upgrade", "websocket")]
        parser.send(h11.Request(method=method, target="/", headers=headers))
        parser.send(h11.EndOfMessage())
        return parser

    def _exchange(self, request: h11.Request) -> Exchange:
        headers = _headers(request)
        target = request.target.decode("utf-8", "surrogateescape")
        named = header(headers, "host")
        port = self._server[1]
        if "://" in target:  # to a proxy (RFC 9112 section 3.2.2)
            named, _, target = target.partition("://")[2].partition("/")
            target = "/" + target
        elif request.method == b"CONNECT":
            named = target
        host, _, told = named.rpartition(":") if not named.endswith("]") else (named, "", "")
        if not (host and told.isascii() and told.isdigit() and len(told) < 6):
            host, told = named, ""
        port = int(told) if told else port
        host = canonical(host.strip("[]").rstrip(".")) or self._server[0]
        method = request.method.decode("latin-1")
        return Exchange(
            self._scene, self._client, method, host, port, target, headers, self._flipped
        )

    def _whole(self, side: _Side, at: float, *, to_server: bool) -> Iterator[Record]:
        """Judges a message that ended."""
        body, headers = bytes(side.body), _headers(side.head) if side.head else []
        if not self._open:
            return
        asked = self._open[-1 if to_server else 0].exchange
        if side.too_large:
            asked.note_too_large(headers)
        try:
            body = decoded(body, header(headers, "content-encoding"), LIMIT)
        except ParseError:
            self._scene.notes[UNDECODED] += 1
            body = b""
        yield from asked.request(body, at) if to_server else asked.response(headers, body, at)

    def _switched(
        self, side: _Side, answer: h11.InformationalResponse | h11.Response, at: float
    ) -> Iterator[Record]:
        """From here on both directions are another protocol's."""
        assert side.parser is not None
        asked = self._open[0].exchange if self._open else None
        headers = _headers(answer)
        behind = side.parser.trailing_data[0]
        if asked is None or header(headers, "upgrade").lower() not in ("", "websocket"):
            self.wanted = False
            return
        if asked.method == "CONNECT":
            self._inner = self._tunnel()
        else:
            self._inner = WebSocket(asked, headers)
        first = self._sides[True]
        ahead = first.rest if first.parser is None else first.parser.trailing_data[0]
        for data, to_server in ((ahead, True), (behind, False)):
            if data:
                yield from self._inner.feed(data, at, to_server=to_server)
        self.wanted = self._inner.wanted


def _headers(head: h11.Request | h11.Response | h11.InformationalResponse) -> Headers:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]

"""Layers of mitmproxy for TLS that is not opened: it is asked about before anything is answered,
and what passes is TLS to its end.

mitmproxy's own way (`ignore_connection`) relays whatever a client sends behind its first message:
it could go on with STUN in clear, and nobody would look at it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.tcp import TCPLayer
from mitmproxy.proxy.layers.tls import TLSLayer, parse_client_hello
from mitmproxy.tls import ClientHello

_LONGEST_HELLO: Final = 1 << 16  # bytes; those of browsers take some 2000
_HEADER: Final = 5  # bytes in front of each record: type, version, length (RFC 8446 section 5.1)
_TYPES: Final = range(20, 25)  # change cipher spec, alert, handshake, application data, heartbeat
_LONGEST_RECORD: Final = (1 << 14) + 2048  # bytes (RFC 5246 section 6.2.3)

Failed = Callable[[Context, Exception], object]
Broken = Callable[[Context], bool]


@dataclass
class Sealed:
    """A connection on which TLS begins. `passes` is for the hook's handler to set; where it fails,
    the connection is opened, as all others are."""

    context: Context
    hello: ClientHello
    passes: bool = False


@dataclass
class TlsFlowHook(commands.StartHook):
    """Asks whether a client's TLS goes on untouched; the rest of it waits."""

    data: Sealed


class Hello(layer.Layer):
    """Holds a client's first message of TLS, until it is known who answers it."""

    def __init__(
        self, context: Context, opened: layer.Layer, broken: Broken, failed: Failed
    ) -> None:
        """`opened` are the layers that answer it here; they are the last ones of the context.
        `broken` is told of what is not TLS and says whether it may go on; `failed` of a fault."""
        super().__init__(context)
        context.layers.remove(self)
        self._opened = opened
        self._broken, self._failed = broken, failed
        self._events: list[events.Event] = []
        self._said = b""
        self._next: layer.Layer | None = None

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if self._next is None:
            self._events.append(event)
            try:
                yield from self._read(event)
            except Exception as error:
                self._failed(self.context, error)
                self._next = self._opened
            if self._next is None:
                return
            held, self._events = self._events, []
            for event in held:
                yield from self._next.handle_event(event)
        else:
            yield from self._next.handle_event(event)

    def _read(self, event: events.Event) -> CommandGenerator[None]:
        """Sets the next layer, as soon as the message is there."""
        if not isinstance(event, events.ConnectionEvent) or event.connection != self.context.client:
            return
        if not isinstance(event, events.DataReceived):
            self._next = self._opened  # it goes without having said what it wants
            return
        self._said += event.data
        try:
            hello = parse_client_hello(self._said)
        except ValueError:
            self._next = self._opened
            return
        if hello is None:
            if len(self._said) > _LONGEST_HELLO:
                self._next = self._opened
            return
        question = Sealed(self.context, hello)
        yield TlsFlowHook(question)
        self._next = self._passing(hello) if question.passes else self._opened

    def _passing(self, hello: ClientHello) -> layer.Layer:
        """In the place of the layers that would open it."""
        context = self.context
        del context.layers[context.layers.index(self._opened) :]
        context.client.tls = any(one.conn is context.client for one in _tls_layers(context))
        context.server.tls = False
        context.client.sni = hello.sni
        return Records(context, self._broken)


def _tls_layers(context: Context) -> list[TLSLayer]:
    return [one for one in context.layers if isinstance(one, TLSLayer)]


class Records(layer.Layer):
    """Both directions of a connection that is TLS, as long as the client sends records of it."""

    def __init__(self, context: Context, broken: Broken) -> None:
        super().__init__(context)
        self._relay = TCPLayer(context, ignore=True)
        self._broken = broken
        self._header = b""
        self._left = 0  # bytes of the present record
        self._looks = True
        self._ended = False

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if self._ended:
            return
        if (
            self._looks
            and isinstance(event, events.DataReceived)
            and event.connection == self.context.client
            and not self._follow(event.data)
        ):
            self._looks = False
            if not self._broken(self.context):
                self._ended = True
                if self.context.server.connected:
                    yield commands.CloseConnection(self.context.server)
                yield commands.CloseConnection(self.context.client)
                return
        yield from self._relay.handle_event(event)

    def _follow(self, data: bytes) -> bool:
        """Whether records, one behind the other, are all that has come."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            needed = _HEADER - len(self._header)
            self._header += data[at : at + needed]
            at += needed
            head = self._header
            if head[0] not in _TYPES or (len(head) > 1 and head[1] != 3):
                return False
            if len(head) == _HEADER:
                self._left, self._header = int.from_bytes(head[3:]), b""
                if self._left > _LONGEST_RECORD:
                    return False
        return True

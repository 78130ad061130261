"""Layers of mitmproxy for tunnels (CONNECT, SOCKS5, transparent): what flows in them is looked at
before anything of it reaches the network.

mitmproxy connects to a tunnel's server before the client has sent a byte, and `flow.kill()` does
not stop the payloads of a raw one. So `Waiting` connects when it is known what the client sends,
and `Raw` relays what mitmproxy would relay unread: STUN in it is asked about, and goes on or is
answered here (RFC 8489; TURN over TCP is RFC 8656).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http, modes
from mitmproxy.proxy.layers.tcp import TCPLayer

from rtcguard.errors import ParseError
from rtcguard.network import stream, stun

logger = logging.getLogger(__name__)

SILENCE: Final = 0.5  # seconds; a client that is silent for so long waits for the server to speak
LINGER: Final = 5.0  # seconds that a refused client is given to read its answers and to go

Answer = Callable[[bytes, Context], bytes | None]


@dataclass
class Question:
    """A tunnel in which the client speaks STUN. `passes` is for the hook's handler to set; where
    it fails, nothing passes. `message` is None where it begins as STUN and cannot be read."""

    context: Context
    message: stun.Message | None
    passes: bool = False


@dataclass
class StunTunnelHook(commands.StartHook):
    """Asks what becomes of a tunnel; the rest of it waits."""

    data: Question


class Waiting(layer.Layer):
    """Stands in front of the layer that is chosen by a tunnel's first bytes. The server is
    connected to by that layer, or when the client stays silent: then the server speaks first."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        context.layers.remove(self)  # as mitmproxy's NextLayer does: it is none of the protocol's
        self._child = layer.NextLayer(context)
        self._silence: commands.RequestWakeup | None = None
        self._failed = False

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        server = self.context.server
        if isinstance(event, events.Wakeup) and event.command is self._silence:
            if self._child.layer is None and server.timestamp_start is None:
                error = yield commands.OpenConnection(server)
                if error:
                    self._failed = True
                    yield commands.CloseConnection(self.context.client)
            return
        if isinstance(event, events.Start) and server.transport_protocol == "tcp":
            self._silence = commands.RequestWakeup(SILENCE)
            yield self._silence
        if not self._failed:
            yield from self._child.handle_event(event)


class _State(Enum):
    DECIDING = auto()  # the client's first bytes are held
    WATCHING = auto()  # not STUN so far: each piece of the client's is looked at
    PASSING = auto()  # it was allowed
    REFUSED = auto()  # answered here; nothing goes on
    ENDED = auto()


class Raw(layer.Layer):
    """A tunnel's bytes in both directions, as TCPLayer relays them, but for STUN."""

    def __init__(self, context: Context, answer: Answer) -> None:
        """`answer` gives the datagram for one STUN message that is refused; None: silence."""
        super().__init__(context)
        self._relay = TCPLayer(context, ignore=True)
        self._answer = answer
        self._state = _State.DECIDING
        self._held = b""
        self._begun = False  # whether anything was relayed
        self._framed = False
        self._refused = self._splitter()
        self._timer: commands.RequestWakeup | None = None

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from self._handle(event)
        except Exception as error:
            logger.error("a tunnel is ended: %r", error, exc_info=error)
            yield from self._end()

    def _handle(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Wakeup):
            if event.command is self._timer:
                yield from self._late()
            return
        sent = b""
        if isinstance(event, events.DataReceived) and event.connection == self.context.client:
            sent = event.data
        match self._state:
            case _State.DECIDING if sent:
                yield from self._decide(sent)
            case _State.WATCHING if sent and stream.begins(sent) in ("bare", "framed"):
                self._state = _State.DECIDING
                yield from self._decide(sent)
            case _State.DECIDING if self._begun:
                yield from self._relay.handle_event(event)
            case _State.DECIDING if not isinstance(event, events.Start):
                yield from self._go_on(_State.WATCHING)
                yield from self._relay.handle_event(event)
            case _State.WATCHING | _State.PASSING:
                yield from self._relay.handle_event(event)
            case _State.REFUSED if sent:
                yield from self._refuse(sent)
            case _State.REFUSED if isinstance(event, events.ConnectionClosed):
                if event.connection == self.context.client:
                    yield from self._end()
            case _State.REFUSED | _State.ENDED:
                # It was still being connected to when the client was refused.
                if isinstance(event, events.OpenConnectionCompleted) and not event.reply:
                    yield commands.CloseConnection(self.context.server)

    def _decide(self, data: bytes) -> CommandGenerator[None]:
        """Holds what the client sends until it is known not to be STUN, or is one whole message."""
        self._held += data
        beginning = stream.begins(self._held)
        if beginning == "other":
            yield from self._go_on(_State.WATCHING)
            return
        self._framed = beginning == "framed"
        if beginning != "open" and (whole := self._splitter().feed(self._held)):
            yield from self._ask(whole[0])
        elif self._timer is None:
            self._timer = commands.RequestWakeup(SILENCE)
            yield self._timer

    def _ask(self, message: bytes) -> CommandGenerator[None]:
        try:
            question = Question(self.context, stun.parse(message))
        except ParseError:
            question = Question(self.context, None)
        yield StunTunnelHook(question)
        if question.passes:
            yield from self._go_on(_State.PASSING)
            return
        self._state = _State.REFUSED
        if self.context.server.connected:
            yield commands.CloseConnection(self.context.server)
        self._timer = commands.RequestWakeup(LINGER)
        yield self._timer
        self._refused = self._splitter()
        yield from self._refuse(self._held)

    def _go_on(self, state: _State) -> CommandGenerator[None]:
        """Relays what was held, and all that follows."""
        self._state = state
        held, self._held = self._held, b""
        if not self._begun:
            self._begun = True
            yield from self._relay.handle_event(events.Start())
        if held:
            yield from self._relay.handle_event(events.DataReceived(self.context.client, held))

    def _splitter(self) -> stream.Splitter:
        return stream.Splitter(framed=self._framed)

    def _refuse(self, data: bytes) -> CommandGenerator[None]:
        for message in self._refused.feed(data):
            answer = self._answer(message, self.context)
            if answer is not None:
                framed = stream.frame(answer, framed=self._framed)
                yield commands.SendData(self.context.client, framed)

    def _late(self) -> CommandGenerator[None]:
        """A client sent a few bytes and no more, or is refused and has had its time."""
        self._timer = None
        if self._state is _State.DECIDING:
            if stream.begins(self._held) == "open":
                yield from self._go_on(_State.WATCHING)
            else:
                yield from self._ask(b"")  # STUN, but no message
        elif self._state is _State.REFUSED:
            yield from self._end()

    def _end(self) -> CommandGenerator[None]:
        self._state = _State.ENDED
        if self.context.server.connected:
            yield commands.CloseConnection(self.context.server)
        yield commands.CloseConnection(self.context.client)


def _answer_connect(self: http.HttpStream) -> CommandGenerator[None]:
    """CONNECT is answered at once, so that the client sends what the tunnel is for."""
    self.child_layer = Waiting(self.context)
    yield from self.handle_connect_finish()


def _start_tunnel(self: modes.DestinationKnown) -> CommandGenerator[str | None]:
    self.child_layer = Waiting(self.context)
    self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
    yield from self.child_layer.handle_event(events.Start())
    return None


# mitmproxy asks nobody before it connects; its option `connection_strategy: lazy` would wait for a
# silent client for ever, and guess what a TLS server speaks.
setattr(http.HttpStream, "handle_connect_regular", _answer_connect)  # noqa: B010
for _mode in (modes.Socks5Proxy, modes.TransparentProxy):
    setattr(_mode, "finish_start", _start_tunnel)  # noqa: B010

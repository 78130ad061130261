"""Layers of mitmproxy for TCP (CONNECT, SOCKS5, and the modes that take a client's connections from
the network): what flows is looked at before anything of it reaches its server.

mitmproxy connects to a tunnel's server before the client has sent a byte, and `flow.kill()` does
not stop the payloads of a raw one. So `Waiting` connects when it is known what the client sends,
and `Raw` relays what mitmproxy would relay unread: STUN in it is asked about, and goes on or is
answered here (RFC 8489; TURN over TCP is RFC 8656).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import http, modes, tls
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from mitmproxy.proxy.layers.tcp import TCPLayer

from rtcguard.errors import ParseError
from rtcguard.network import stream, stun
from rtcguard.policy.model import Policy
from rtcguard.web.hand_over import HOST

SILENCE: Final = 0.5  # seconds; a client that is silent for so long waits for the server to speak
LINGER: Final = 5.0  # seconds that a refused client is given to read its answers and to go

Answer = Callable[[bytes, Context], bytes | None]
Failed = Callable[[Context, Exception], object]
Holds = Callable[["Question"], bool]


@dataclass
class Question:
    """A flow in which the client speaks STUN, or UDP that is neither STUN nor DNS. `passes` is for
    the hook's handler to set; where it fails, nothing passes.

    `message` is None where it begins as STUN and cannot be read; or `other` says what it is, for
    people, and `protocol` in the word that rules have for it (`rule.FLOWS`). `told`: the same of
    this flow is in the ledger already. It may be asked again: `policy` is the one by which `passes`
    was set."""

    context: Context
    message: stun.Message | None
    other: str = ""
    protocol: str = ""
    told: bool = False
    passes: bool = False
    policy: Policy | None = None


@dataclass
class RawFlowHook(commands.StartHook):
    """Asks what becomes of a flow; the rest of it waits."""

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
            if _is_site(server):
                return
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

    def __init__(self, context: Context, answer: Answer, failed: Failed, holds: Holds) -> None:
        """`answer` gives the datagram for one STUN message that is refused; None: silence.
        `failed` tells of a fault, by which the flow ends. `holds`: whether what was decided of a
        flow still is; where not, it is asked again."""
        super().__init__(context)
        self._relay = TCPLayer(context, ignore=True)
        self._answer = answer
        self._failed = failed
        self._holds = holds
        self._question: Question | None = None  # by which it passes
        self._state = _State.DECIDING
        self._held = b""
        self._past = b""  # the end of what went on before it
        self._gone = 0  # bytes of what is held that went on before they were known to be STUN
        self._begun = False  # whether anything was relayed
        self._framed = False
        self._refused = self._splitter()
        self._timer: commands.RequestWakeup | None = None

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from self._handle(event)
        except Exception as error:
            self._failed(self.context, error)
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
            case _State.WATCHING if sent:
                yield from self._watch(event, sent)
            case _State.DECIDING if self._is_broken_off(event):
                yield from self._ask(b"")
                yield from self._handle(event)  # as what it has become by that
            case _State.DECIDING if self._begun:
                yield from self._relay.handle_event(event)
            case _State.DECIDING if not isinstance(event, events.Start):
                yield from self._go_on(_State.WATCHING)
                yield from self._relay.handle_event(event)
            case _State.PASSING if isinstance(event, events.DataReceived):
                if (yield from self._still_passes()):
                    yield from self._relay.handle_event(event)
                else:
                    yield from self._end()
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

    def _is_broken_off(self, event: events.Event) -> bool:
        """Whether the client goes in the midst of what begins as STUN."""
        gone = (
            isinstance(event, events.ConnectionClosed) and event.connection == self.context.client
        )
        return gone and stream.begins(self._held) in ("bare", "framed")

    def _watch(self, event: events.Event, sent: bytes) -> CommandGenerator[None]:
        """Looks for STUN at the beginning of a piece, in the midst of it, and across its border."""
        seen, past = self._past + sent, len(self._past)
        at = past if stream.begins(sent) in ("bare", "framed") else stream.find(seen)
        self._past = seen[-stream.OVERLAP :]
        if at < 0:
            yield from self._relay.handle_event(event)
            return
        if at > past:
            before = events.DataReceived(self.context.client, seen[past:at])
            yield from self._relay.handle_event(before)
        self._state = _State.DECIDING
        self._gone = max(past - at, 0)
        yield from self._decide(seen[at:])

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
        yield RawFlowHook(question)
        if question.passes:
            self._question = question
            yield from self._go_on(_State.PASSING)
            return
        self._state = _State.REFUSED
        if self.context.server.connected:
            yield commands.CloseConnection(self.context.server)
        self._timer = commands.RequestWakeup(LINGER)
        yield self._timer
        self._refused = self._splitter()
        yield from self._refuse(self._held)

    def _still_passes(self) -> CommandGenerator[bool]:
        """Whether the policy that is in force now lets the flow go on, too."""
        assert self._question is not None
        if not self._holds(self._question):
            yield RawFlowHook(self._question)
        return self._question.passes

    def _go_on(self, state: _State) -> CommandGenerator[None]:
        """Relays what was held, and all that follows."""
        if _is_site(self.context.server):
            yield from self._end()  # it speaks HTTP
            return
        self._state = state
        self._past = self._held[-stream.OVERLAP :]
        held, self._held, self._gone = self._held[self._gone :], b"", 0
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


class Ended(layer.Layer):
    """A flow of which nothing goes on."""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        yield commands.CloseConnection(self.context.client)


def _answer_connect(self: http.HttpStream) -> CommandGenerator[None]:
    """CONNECT is answered at once, so that the client sends what the tunnel is for."""
    self.child_layer = Waiting(self.context)
    yield from self.handle_connect_finish()


def _answer_connect_upstream(self: http.HttpStream) -> CommandGenerator[None]:
    """The same, where `upstream.proxy` is asked for a tunnel in its turn."""
    stack = HttpUpstreamProxy.make(self.context, True)
    setattr(stack[-1], "child_layer", Waiting(self.context))  # noqa: B010
    self.child_layer = stack[0]
    yield from self.handle_connect_finish()


def _start_tunnel(self: modes.DestinationKnown) -> CommandGenerator[str | None]:
    self.child_layer = Waiting(self.context)
    self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign]
    yield from self.child_layer.handle_event(events.Start())
    return None


def _is_site(server: Server) -> bool:
    """Whether a tunnel is to the local site, which is no server that could be connected to."""
    return server.address is not None and _lowered(server.address[0]) == HOST


def _lowered(name: str | None) -> str:
    return (name or "").lower().rstrip(".")


_connect_first = tls.ClientTLSLayer.start_server_tls


def _start_server_tls(self: tls.ClientTLSLayer) -> CommandGenerator[str | None]:
    """A client that speaks HTTP inside of TLS says so (ALPN, RFC 7301), and gets what its server
    chooses: that one has to be connected to first. TURN's clients say nothing, or `stun.turn`
    (RFC 7443): they begin, and what they say decides whether the server is connected to at all."""
    if _is_site(self.context.server) or _lowered(self.context.client.sni) == HOST:
        return None  # answered here
    web = any(protocol in tls.HTTP_ALPNS for protocol in self.conn.alpn_offers)
    if web or not self.server_tls_available or not isinstance(self.child_layer, layer.NextLayer):
        return (yield from _connect_first(self))
    self.child_layer = Waiting(self.context)
    return None


# mitmproxy asks nobody before it connects; its option `connection_strategy: lazy` would wait for a
# silent client for ever, and guess what a TLS server speaks.
setattr(http.HttpStream, "handle_connect_regular", _answer_connect)  # noqa: B010
setattr(http.HttpStream, "handle_connect_upstream", _answer_connect_upstream)  # noqa: B010
setattr(tls.ClientTLSLayer, "start_server_tls", _start_server_tls)  # noqa: B010
for _mode in (modes.Socks5Proxy, modes.TransparentProxy, modes.ReverseProxy):
    setattr(_mode, "finish_start", _start_tunnel)  # noqa: B010

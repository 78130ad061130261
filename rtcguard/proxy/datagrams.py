"""A layer of mitmproxy for UDP: each datagram of a client is judged before it reaches the network.

mitmproxy chooses by the first datagram, and then relays or reads all that follow. Here each one is
looked at: STUN on a flow that began as something else, and on port 53, is STUN all the same. Only
what goes to an approved TURN server passes, and DNS, which mitmproxy's own layer reads and writes
anew. QUIC is refused, so that browsers come over TCP, where the page guard sees their pages.
"""

from typing import ClassVar, Final

from mitmproxy.proxy import commands, events, layer, server
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.udp import UDPLayer

from rtcguard.errors import ParseError
from rtcguard.network import stream, stun
from rtcguard.proxy.tunnels import Answer, Failed, Holds, Question, RawFlowHook

IDLE: Final = 90  # seconds
MOST: Final = 4096  # flows open at once; each takes some 15 kB
_TOLD: Final = 64  # kinds of STUN of one flow that are told of, each once

_QUIC_LONG: Final = 0xC0  # the first byte's two upper bits, RFC 9000 section 17.2
_QUIC_SMALLEST: Final = 1200  # bytes of a client's first datagram, RFC 9000 section 14.1
_QUIC_RESERVED: Final = 0x1A2A3A4A  # a version that is none, RFC 9000 section 15


class Datagrams(layer.Layer):
    """The datagrams between one port of a client and one of a server."""

    open: ClassVar[int] = 0  # flows, in this process

    def __init__(
        self,
        context: Context,
        answer: Answer,
        failed: Failed,
        holds: Holds,
        reader: layer.Layer | None,
    ) -> None:
        """`answer`, `failed` and `holds` are as for `Raw`. `reader` gets what is neither STUN nor
        for an approved server: the layer for DNS; None: it is dropped."""
        super().__init__(context)
        self._relay = UDPLayer(context, ignore=True)
        self._reader = reader
        self._answer = answer
        self._failed = failed
        self._holds = holds
        self._passing: Question | None = None  # STUN, with which all passes
        self._relaying: Question | None = None  # other UDP that passes
        self._told: set[tuple[int, str]] = set()
        self._dropped = False  # whether anything was
        self._ended = False

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from self._handle(event)
        except Exception as error:
            self._failed(self.context, error)
            yield from self._end()

    def _end(self) -> CommandGenerator[None]:
        self._ended = True
        if self.context.server.connected:
            yield commands.CloseConnection(self.context.server)
        yield commands.CloseConnection(self.context.client)

    def _handle(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            Datagrams.open += 1
        elif isinstance(event, events.ConnectionClosed) and event.connection == self.context.client:
            Datagrams.open -= 1
        if self._ended:
            return
        if self._passing is not None:
            yield from self._go_on(self._passing, event)
        elif isinstance(event, events.DataReceived) and event.connection == self.context.client:
            yield from self._judge(event)
        elif self._relaying is not None:
            yield from self._go_on(self._relaying, event)
        elif self._reader is not None:
            yield from self._reader.handle_event(event)

    def _go_on(self, question: Question, event: events.Event) -> CommandGenerator[None]:
        """Relays, while the policy that is in force lets the flow pass, too."""
        if isinstance(event, events.DataReceived) and not self._holds(question):
            yield RawFlowHook(question)
            if not question.passes:
                yield from self._end()
                return
        yield from self._relay.handle_event(event)

    def _judge(self, event: events.DataReceived) -> CommandGenerator[None]:
        data = event.data
        is_stun = stream.begins(data) in ("bare", "framed")
        if self._relaying is not None and not is_stun:
            yield from self._go_on(self._relaying, event)
            return
        if is_stun or (self._reader is None and not self._dropped):
            question = self._question(data, is_stun=is_stun)
            yield RawFlowHook(question)
            if question.passes:
                # A rule may let other UDP pass to servers that STUN may not go to.
                if self._relaying is None:
                    yield from self._relay.handle_event(events.Start())
                    self._relaying = question
                if is_stun:
                    self._passing = question
                yield from self._relay.handle_event(event)
                return
        if is_stun:
            answer = self._answer(data, self.context)
            if answer is not None:
                yield commands.SendData(self.context.client, answer)
        elif self._reader is not None:
            yield from self._reader.handle_event(event)
        else:
            self._dropped = True
            if (refusal := refuse_quic(data)) is not None:
                yield commands.SendData(self.context.client, refusal)
        if self._reader is None and Datagrams.open > MOST:  # what comes after goes nowhere either
            self._ended = True
            yield commands.CloseConnection(self.context.client)

    def _question(self, data: bytes, *, is_stun: bool) -> Question:
        if not is_stun:
            return Question(self.context, None, *_name(data))
        try:
            message = stun.parse(data)
        except ParseError:
            message = None
        kind = (message.type, message.username) if message else (-1, "")
        told = kind in self._told or len(self._told) >= _TOLD
        self._told.add(kind)
        return Question(self.context, message, told=told)


def refuse_quic(datagram: bytes) -> bytes | None:
    """The answer to a QUIC client's first datagram that makes it give up at once, or None where it
    is none: Version Negotiation (RFC 9000 section 17.2.1) with no version that anybody has."""
    if not _opens_quic(datagram) or len(datagram) < _QUIC_SMALLEST:
        return None
    at = 5
    ids = []
    for _ in range(2):  # the server's, the client's
        ids.append(datagram[at : at + 1 + datagram[at]])
        at += len(ids[-1])
    return bytes((_QUIC_LONG,)) + bytes(4) + ids[1] + ids[0] + _QUIC_RESERVED.to_bytes(4)


def _opens_quic(datagram: bytes) -> bool:
    """Whether it has a long header of some version; one without is a server's answer."""
    return len(datagram) > 5 and datagram[0] >= _QUIC_LONG and any(datagram[1:5])


def _name(datagram: bytes) -> tuple[str, str]:
    """What a datagram is, as far as its first bytes tell (RFC 9443): for people, and for rules."""
    if _opens_quic(datagram):
        return "QUIC", "quic"
    if len(datagram) > 13 and 20 <= datagram[0] <= 63 and datagram[1] == 0xFE:
        return "DTLS", "dtls"
    return "neither STUN nor DNS", "udp"


# mitmproxy ends a flow after 20 seconds without a datagram. Below it, what unpacks WireGuard's
# packets keeps the ended flow for 60 seconds more and swallows all that comes for it, so that a
# TURN client which sends every 30 seconds would be cut off for ever: that one shall end it first.
setattr(server, "UDP_TIMEOUT", IDLE)  # noqa: B010

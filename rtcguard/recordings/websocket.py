"""WebSocket of a capture (RFC 6455), with permessage-deflate (RFC 7692)."""

from collections.abc import Iterable, Iterator
from typing import Final

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
    RsvBits,
)

from rtcguard.errors import PayloadBlocked
from rtcguard.policy.record import Record
from rtcguard.proxy.bodies import LIMIT
from rtcguard.recordings.exchange import TOO_LARGE, Exchange, Headers, header
from rtcguard.signaling.segments import Segments

PROTOCOL: Final = "websocket"
UNREADABLE: Final = "WebSocket connections that cannot be read"
_MOST_HELD: Final = 4 * LIMIT  # bytes of one message in pieces
# Bytes of a stream that are inflated at a time: they may become a thousand times as many.
_PIECE: Final = 4096


class _Deflate(PerMessageDeflate):
    """wsproto's, which forgets that a message is compressed where a ping stands between its
    fragments (RFC 7692 section 6.1 lets it)."""

    _in_control = False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self._in_control = opcode.iscontrol()
        if self._in_control:
            return RsvBits(False, False, False)
        return super().frame_inbound_header(proto, opcode, rsv, payload_length)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        return data if self._in_control else super().frame_inbound_payload_data(proto, data)

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        return None if self._in_control else super().frame_inbound_complete(proto, fin)


class _Line:
    """One direction."""

    def __init__(self, exchange: Exchange, headers: Headers, *, to_server: bool) -> None:
        extensions = []
        for offer in header(headers, "sec-websocket-extensions").split(","):
            if offer.strip().lower().startswith(PerMessageDeflate.name):
                deflate = _Deflate()
                deflate.finalize(offer.strip())
                extensions.append(deflate)
        # Who receives: its side checks the masks of clients.
        self.frames = FrameProtocol(client=not to_server, extensions=list(extensions))
        self.segments = Segments(header(headers, "sec-websocket-protocol"), _MOST_HELD)
        self.message = bytearray()
        self.is_text = True
        self.too_large = False
        self._exchange, self._to_server = exchange, to_server

    def feed(self, data: bytes, at: float) -> Iterator[Record]:
        self.frames.receive_bytes(data)
        for frame in self.frames.received_frames():
            if frame.opcode.iscontrol():
                continue
            payload = frame.payload
            if isinstance(payload, tuple):
                continue  # why a connection is closed
            raw = payload.encode() if isinstance(payload, str) else bytes(payload)
            if not self.message and not self.too_large:
                self.is_text = frame.opcode is Opcode.TEXT
            self.too_large = self.too_large or len(self.message) + len(raw) > LIMIT
            if self.too_large:
                self.message.clear()
            else:
                self.message += raw
            if frame.message_finished:
                if self.too_large:
                    self._exchange.scene.notes[TOO_LARGE] += 1
                yield from self.whole(bytes(self.message), at, is_text=self.is_text)
                self.message.clear()
                self.too_large = False

    def whole(self, message: bytes, at: float, *, is_text: bool) -> Iterator[Record]:
        """Judges a message, joined with those that it is a part of."""
        try:
            groups = self.segments.add(message, is_text=is_text)
        except PayloadBlocked:
            self._exchange.scene.notes[TOO_LARGE] += 1
            return
        for group in groups:
            joined, to_server = b"".join(group), self._to_server
            yield from self._exchange.judge(joined, at, to_server=to_server, protocol=PROTOCOL)


class WebSocket:
    """One connection behind its handshake; `headers` are those of the server's answer."""

    def __init__(self, exchange: Exchange, headers: Headers) -> None:
        self.wanted = True
        self._scene = exchange.scene
        try:
            self._lines = {side: _Line(exchange, headers, to_server=side) for side in (True, False)}
        except (ValueError, IndexError):  # parameters of an extension that there are not
            self._give_up()

    def feed(self, data: bytes, at: float, *, to_server: bool) -> Iterator[Record]:
        for start in range(0, len(data) if self.wanted else 0, _PIECE):
            line = self._lines[to_server]
            try:
                yield from line.feed(data[start : start + _PIECE], at)
            except (ParseFailed, AssertionError):
                self._give_up()
                return

    def end(self) -> Iterable[Record]:
        return ()

    def _give_up(self) -> None:
        self.wanted = False
        self._scene.notes[UNREADABLE] += 1

"""WebSocket messages on their way through the addon: those that were cut are joined and cut again.

One hook can let one message go on, so the pieces of a joined one are dropped as they come and
injected when it is judged. mitmproxy queues what is injected behind what it has read already; while
any of ours is on its way, all further messages of that direction take the same way.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from mitmproxy import ctx, http
from mitmproxy.proxy.layers import websocket
from mitmproxy.websocket import WebSocketMessage

from rtcguard.errors import PayloadBlocked
from rtcguard.proxy.bodies import LIMIT
from rtcguard.signaling.message import Direction
from rtcguard.signaling.segments import Segments, cut

# What changed its length would go out in fragments of 4000 bytes, each decoded by itself: a
# character across two of them would be lost.
websocket.Fragmentizer.FRAGMENT_SIZE = 1 << 40

_MOST_HELD: Final = 4 * LIMIT  # bytes of one message in pieces

Judge = Callable[[bytes], bytes | None]


class Line:
    """One direction of one connection."""

    def __init__(self, subprotocol: str) -> None:
        self._segments = Segments(subprotocol, _MOST_HELD)
        self._types: deque[bool] = deque()  # whether each message that is held is text
        self._sent: deque[bytes] = deque()  # injected by us, and not come by yet

    @property
    def held(self) -> bool:
        return self._segments.held

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is held or on its way."""
        return not (self._segments.held or self._sent)

    def take(
        self, flow: http.HTTPFlow, message: WebSocketMessage, judge: Judge, *, lenient: bool
    ) -> None:
        """Judges a message that came, and lets go on what may. Raises PayloadBlocked. `lenient` as
        in `Segments`."""
        self._segments.lenient = lenient
        content = message.content
        if message.injected:
            if self._sent and self._sent[0] == content:
                self._sent.popleft()  # judged before it was sent
            else:
                _settle(message, judge(content))
            return
        was_idle = self.is_idle
        try:
            groups = self._segments.add(content, is_text=message.is_text)
        except PayloadBlocked:
            self._types.clear()  # what was held goes with it
            raise
        if was_idle and len(groups) == 1 and len(groups[0]) == 1:
            _settle(message, judge(content))
            return
        message.drop()
        self._types.append(message.is_text)
        for group in groups:
            self._send(flow, group, judge(b"".join(group)), to_client=not message.from_client)

    def _send(
        self, flow: http.HTTPFlow, group: list[bytes], judged: bytes | None, *, to_client: bool
    ) -> None:
        types = [self._types.popleft() for _ in group]
        if judged is None:
            return
        for piece, is_text in zip(cut(judged, group), types, strict=True):
            self._sent.append(piece)
            ctx.master.commands.call("inject.websocket", flow, to_client, piece, is_text)


class Sockets:
    """The lines of every open connection."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, Direction], Line] = {}

    def line(self, flow: http.HTTPFlow, direction: Direction) -> Line:
        key = (flow.id, direction)
        line = self._lines.get(key)
        if line is None:
            headers = flow.response.headers if flow.response else http.Headers()
            subprotocol = headers.get("sec-websocket-protocol", "")
            line = self._lines[key] = Line(subprotocol)
        return line

    def end(self, flow: http.HTTPFlow) -> list[Direction]:
        """Forgets a connection; the directions in which something was held to the end."""
        directions: tuple[Direction, ...] = ("outbound", "inbound")
        lines = {one: self._lines.pop((flow.id, one), None) for one in directions}
        return [direction for direction, line in lines.items() if line is not None and line.held]


def _settle(message: WebSocketMessage, judged: bytes | None) -> None:
    if judged is None:
        message.drop()
    elif judged != message.content:
        message.content = judged

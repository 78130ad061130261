"""Messages that a protocol cuts over several of WebSocket: held until they are whole.

A cut may stand between the words of one candidate, so the pieces are judged as one; ring 2 keeps
every length, so they go on cut at the same places. Two protocols are known to cut:

- Firebase's Realtime Database (`WebSocketConnection.ts` of firebase-js-sdk): a text of nothing but
  a count, then as many texts, which are one value of JSON together.
- MQTT (version 3.1.1, section 6): where its packets end has nothing to do with where messages do.

All others pass through here message by message, at next to no cost.
"""

import re
from typing import Final, Protocol

from rtcguard.errors import PayloadBlocked

_MQTT: Final = frozenset(("mqtt", "mqttv3.1"))
# A bridge from TCP may cut what is just small enough into segments of Ethernet, or smaller.
_MOST_PIECES: Final = 4096

# Where a message stands: apart from those before it, within what they began, or at its end.
_APART, _WITHIN, _LAST = range(3)


class Segments:
    """One direction of one WebSocket connection. `lenient`: past the limit goes out what is there,
    to be judged as far as it goes; otherwise none of it may pass."""

    def __init__(
        self, subprotocol: str = "", limit: int = 1 << 20, *, lenient: bool = False
    ) -> None:
        is_mqtt = subprotocol.strip().lower() in _MQTT
        self._cutter: _Cutter = _Mqtt() if is_mqtt else _Firebase()
        self._limit = limit
        self.lenient = lenient
        self._held: list[bytes] = []
        self._size = 0
        self._lost = False  # what was held of this message does not pass, so its rest does not

    @property
    def held(self) -> bool:
        """Whether something waits for its rest."""
        return bool(self._held)

    def add(self, content: bytes, *, is_text: bool = True) -> list[list[bytes]]:
        """What is to go on now, in groups of which each is judged as one; empty: it is held.

        Every message comes out once and in order. Raises PayloadBlocked for each piece from the
        limit on up to the end of what was cut: neither it nor what was held may pass.
        """
        place = self._cutter.place(content, is_text)
        if place != _WITHIN and not self._held and not self._lost:
            return [[content]]
        if place == _APART:
            self._lost = False
            return [self._released(), [content]] if self._held else [[content]]
        self._held.append(content)
        self._size += len(content)
        if self._size > self._limit or len(self._held) > _MOST_PIECES:
            if self.lenient:
                return [self._released()]
            self._lost = True
        if self._lost:
            self._released()
            self._lost = place == _WITHIN
            raise PayloadBlocked("a message in pieces is too large to be judged whole")
        return [self._released()] if place == _LAST else []

    def _released(self) -> list[bytes]:
        pieces, self._held, self._size = self._held, [], 0
        return pieces


def cut(content: bytes, pieces: list[bytes]) -> list[bytes]:
    """`content` at the cuts of `pieces`. Where it grew (approved servers in JSON) the last piece
    does, and no cut falls into a character of UTF-8: each piece is a text of its own."""
    is_same = len(content) == sum(map(len, pieces))
    made: list[bytes] = []
    start = end = 0
    for piece in pieces[:-1]:
        end += len(piece)
        to = end if is_same else max(start, _character(content, end))
        made.append(content[start:to])
        start = to
    made.append(content[start:])
    return made


def _character(content: bytes, at: int) -> int:
    """Where the character begins that `at` falls into."""
    while 0 < at < len(content) and content[at] & 0xC0 == 0x80:
        at -= 1
    return at


class _Cutter(Protocol):
    def place(self, content: bytes, is_text: bool) -> int:
        """Where the next message stands."""


_LONGEST_COUNT: Final = 6  # as in firebase-js-sdk
_OPENS: Final = re.compile(rb"\s*+(?:\{\s*+(?:\"|\Z)|\[\s*+(?:[\[{\"\-0-9tfn]|\Z))")
# What opens, what closes, strings. One that has no end yet may end within an escape.
_TOKENS: Final = re.compile(
    rb"([\[{])|([\]}])|\"(?:[^\"\\]++|\\.)*+(?:\"|(\\?)\Z)",
    re.DOTALL,
)
_OPENING, _CLOSING, _UNENDED = 1, 2, 3


class _Firebase:
    """A count, then so many texts. Lone numbers are common elsewhere (Engine.IO's ping is `2`), so
    they go on at once, and a count counts only where JSON follows that has no end yet."""

    def __init__(self) -> None:
        self._left = 0  # pieces that the count still promises
        self._begun = False  # the first of them is there
        self._depth = 0  # of brackets
        self._string = b""  # what stands for the string that the last piece ended in

    def place(self, content: bytes, is_text: bool) -> int:
        is_count = is_text and len(content) <= _LONGEST_COUNT and content.isdigit()
        if not self._left:
            if is_count:
                self._expect(int(content))
            return _APART
        # No piece is a number alone: all have the full size but the last, and that closes a value.
        if is_count or not is_text or not (self._begun or _OPENS.match(content)):
            self._expect(int(content) if is_count else 0)
            return _APART
        self._begun = True
        self._left = 0 if self._closes(content) else self._left - 1
        return _WITHIN if self._left else _LAST

    def _expect(self, count: int) -> None:
        self._left = count if count > 1 else 0
        self._begun = False
        self._depth = 0
        self._string = b""

    def _closes(self, content: bytes) -> bool:
        """Whether the value ends in this piece. Each byte is looked at once, in however many
        pieces they come; to parse anew what is there would not do."""
        content, self._string = self._string + content, b""
        for token in _TOKENS.finditer(content):
            if token.lastindex == _OPENING:
                self._depth += 1
            elif token.lastindex == _CLOSING:
                self._depth -= 1
                if self._depth <= 0:
                    return True
            elif token.lastindex == _UNENDED:
                self._string = b'"' + token[_UNENDED]
        return False


_LONGEST_LENGTH: Final = 4  # bytes of a remaining length, MQTT 3.1.1 section 2.2.3


class _Mqtt:
    """Packets back to back: a type, the length of the rest in groups of 7 bits, the rest."""

    def __init__(self) -> None:
        self._missing = 0  # bytes of the last packet
        self._header = b""  # what is there of a header that is cut itself
        self._is_mqtt = True

    def place(self, content: bytes, is_text: bool) -> int:
        if not self._is_mqtt:
            return _APART
        if self._header:
            content, self._header = self._header + content, b""
        at, size = self._missing, len(content)
        while at < size:
            if content[at] < 0x10:  # the type that is none
                return self._give_up()
            length, position = 0, at + 1
            for shift in range(0, 7 * _LONGEST_LENGTH, 7):
                if position == size:
                    self._missing, self._header = 0, content[at:]
                    return _WITHIN
                byte = content[position]
                position += 1
                length |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
            else:
                return self._give_up()
            at = position + length
        self._missing = at - size
        return _WITHIN if self._missing else _LAST

    def _give_up(self) -> int:
        """No receiver of MQTT goes on behind this (section 4.8), so it is something else."""
        self._is_mqtt = False
        return _LAST

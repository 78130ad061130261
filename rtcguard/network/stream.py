"""STUN on a TCP connection: whether a stream begins with it, and its messages one by one.

Messages stand one after the other, told apart by their own length (RFC 8489 section 6.2.2); TURN
mixes ChannelData in, padded to four bytes (RFC 8656 section 12.5). ICE over TCP puts a length of
two bytes in front of each message (RFC 4571; RFC 6544 section 10.1): `framed`.
"""

from typing import Final, Literal

from rtcguard.errors import ParseError
from rtcguard.network import stun

Beginning = Literal["bare", "framed", "open", "other"]

_COOKIE: Final = stun.COOKIE.to_bytes(4)
_LENGTH: Final = 2  # bytes of RFC 4571's frame header
_CHANNELS: Final = range(0x40, 0x50)  # first byte of ChannelData, RFC 8656 section 12
_CHANNEL_HEADER: Final = 4
# Message types of requests: the class has the bits 0x0110, both zero; the method the others.
_REQUESTS: Final = frozenset(
    (method & 0xF80) << 2 | (method & 0x070) << 1 | method & 0x00F for method in stun.METHOD_NAMES
)
_LONGEST: Final = 2048  # bytes after the header; requests are far shorter
# So many bytes of what is past are looked at again with what follows: a header without its last
# byte, and the length in front of it.
OVERLAP: Final = _LENGTH + 7


def begins(data: bytes) -> Beginning:
    """How a stream begins: STUN, `bare` or `framed`; `open`: a few more bytes will tell.

    Without a cookie (RFC 3489) only what is one whole message is taken for STUN.
    """
    bare, framed = _may_be_bare(data), _may_be_framed(data)
    if bare and len(data) >= 8:
        return "bare"
    if framed and len(data) >= _LENGTH + 8:
        return "framed"
    if bare or framed:
        return "open"
    try:
        stun.parse(data)
    except ParseError:
        return "other"
    return "bare"


def _may_be_bare(data: bytes) -> bool:
    """Whether so much of a header as is there fits: two zero bits, whole words, the cookie."""
    fits = not data or data[0] < 0x40
    fits &= len(data) < 4 or data[3] % 4 == 0
    return fits and _COOKIE.startswith(data[4:8])


def _may_be_framed(data: bytes) -> bool:
    """The same behind RFC 4571's length, which holds one message and no more."""
    inner, length = data[_LENGTH : _LENGTH + 8], int.from_bytes(data[:_LENGTH])
    fits = len(data) < _LENGTH or length >= stun.HEADER_LENGTH
    fits &= len(inner) < 4 or length == stun.HEADER_LENGTH + int.from_bytes(inner[2:4])
    return fits and _may_be_bare(inner)


def find(data: bytes) -> int:
    """Where a STUN request begins in the midst of a stream, with its framing; -1 where none does.

    Told by its cookie, method and length; by chance they stand in one of 10^15 places."""
    at = data.find(_COOKIE, 4)
    while at >= 0:
        start = at - 4
        kind, length = int.from_bytes(data[start : start + 2]), int.from_bytes(data[at - 2 : at])
        if kind in _REQUESTS and length % 4 == 0 and length <= _LONGEST:
            before = start - _LENGTH
            framed = before >= 0 and _may_be_framed(data[before : before + _LENGTH + 8])
            return before if framed else start
        at = data.find(_COOKIE, at + 1)
    return -1


class Splitter:
    """Cuts a stream that begins with STUN into messages. ChannelData is left out. What is neither
    ends it: nothing of the rest can be told apart."""

    def __init__(self, *, framed: bool) -> None:
        self._framed = framed
        self._rest = b""
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether what is neither has come."""
        return self._broken

    @property
    def held(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        if self._broken:
            return []
        self._rest += data
        messages = []
        while (size := self._size()) is not None and len(self._rest) >= size:
            whole, self._rest = self._rest[:size], self._rest[size:]
            if self._framed:
                messages.append(whole[_LENGTH:])
            elif whole[0] not in _CHANNELS:
                messages.append(whole)
        return messages

    def _size(self) -> int | None:
        """Bytes of the next message with its framing; None: not known yet, or never."""
        rest = self._rest
        if len(rest) < _CHANNEL_HEADER:
            return None
        if self._framed:
            return _LENGTH + int.from_bytes(rest[:_LENGTH])
        length = int.from_bytes(rest[2:4])
        if rest[0] in _CHANNELS:
            return _CHANNEL_HEADER + length + -length % 4
        if rest[0] < 0x40 and length % 4 == 0:
            return stun.HEADER_LENGTH + length
        self._broken, self._rest = True, b""
        return None


def frame(message: bytes, *, framed: bool) -> bytes:
    """One message as it stands in the stream."""
    return (len(message).to_bytes(_LENGTH) if framed else b"") + message

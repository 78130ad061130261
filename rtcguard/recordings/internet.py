"""What an IP packet carries: IPv4 and IPv6, extension headers, fragments, IP within IP.

Every offset is checked against the bytes that are there: a capture may hold less of a packet than
was sent, and a packet may lie.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

from rtcguard.ice import address as addresses

TCP, UDP = 6, 17
_IPV4, _IPV6, _GRE = 4, 41, 47  # within IP
# Extension headers with a length in units of eight bytes (RFC 8200), and IPsec's AH in four.
_EXTENSIONS: Final = (0, 43, 60, 135, 139, 140)
_FRAGMENT, _AUTHENTICATION = 44, 51
_MOST_HEADERS: Final = 16
_DEEPEST: Final = 4
_GRE_IP: Final = {b"\x08\x00", b"\x86\xdd"}

_MOST_DATAGRAMS: Final = 256  # that wait for their fragments, each of at most 65535 bytes
_LARGEST: Final = 65_535
_MOST_PIECES: Final = 512


class Packet(NamedTuple):
    """A transport protocol's bytes: `data[start:end]`. `missing`: bytes that were not captured."""

    protocol: int
    source: bytes
    destination: bytes
    data: bytes
    start: int
    end: int
    missing: int


@lru_cache(maxsize=65_536)
def host(packed: bytes) -> str:
    """An address in its one spelling."""
    return addresses.canonical(str(ip_address(packed)))


@dataclass(slots=True)
class _Pieces:
    parts: dict[int, bytes] = field(default_factory=dict)
    whole: int = -1  # how long it is, known from the last fragment


class Internet:
    """Opens packets; it remembers fragments (RFC 791, RFC 8200 section 4.5), so many and no more.

    `dropped` counts datagrams that never became whole."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[bytes, _Pieces] = OrderedDict()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped + len(self._waiting)

    def open(self, data: bytes, at: int, depth: int = 0) -> Packet | None:
        """The packet that begins at `at`; None where there is none, or only a part of it."""
        size = len(data)
        if size < at + 20 or at < 0:
            return None
        version = data[at] >> 4
        if version == 4:
            start = at + (data[at] & 15) * 4
            # Zero where the network card was to fill it in.
            total = data[at + 2] << 8 | data[at + 3]
            end = at + total if total else size
            if start < at + 20 or end < start:
                return None
            protocol, source, destination = (
                data[at + 9],
                data[at + 12 : at + 16],
                data[at + 16 : at + 20],
            )
            fragment = (data[at + 6] << 8 | data[at + 7]) & 0x3FFF
            if fragment:
                if end > size:
                    return None
                key = data[at + 4 : at + 6] + data[at + 9 : at + 10] + source + destination
                offset, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
                whole = self._joined(key, offset, more, data[start:end])
                if whole is None:
                    return None
                data, start, end, size = whole, 0, len(whole), len(whole)
        elif version == 6 and size >= at + 40:
            length = data[at + 4] << 8 | data[at + 5]
            end = at + 40 + length if length else size  # zero: a jumbogram, or offload
            protocol, start = data[at + 6], at + 40
            source, destination = data[at + 8 : at + 24], data[at + 24 : at + 40]
            if protocol not in (TCP, UDP):
                found = self._behind(data, protocol, start, end, source + destination)
                if found is None:
                    return None
                protocol, data, start, end = found
                size = len(data)
        else:
            return None
        if protocol in (TCP, UDP):
            missing = end - size if end > size else 0
            end = end - missing
            return Packet(protocol, source, destination, data, start, end, missing)
        if depth >= _DEEPEST:
            return None
        if protocol in (_IPV4, _IPV6):
            return self.open(data[: min(end, size)], start, depth + 1)
        if protocol == _GRE and data[start + 2 : start + 4] in _GRE_IP and size > start:
            options = data[start]  # checksum, key, sequence number: four bytes each (RFC 2890)
            behind = start + 4 + 4 * (options >> 7 & 1) + 4 * (options >> 5 & 1)
            return self.open(data, behind + 4 * (options >> 4 & 1), depth + 1)
        return None

    def _behind(
        self, data: bytes, protocol: int, start: int, end: int, parties: bytes
    ) -> tuple[int, bytes, int, int] | None:
        """What stands behind IPv6's extension headers: protocol, data, start, end."""
        for _ in range(_MOST_HEADERS):
            if protocol == _FRAGMENT:
                if len(data) < start + 8 or end > len(data):
                    return None
                field = data[start + 2] << 8 | data[start + 3]
                body = data[start + 8 : end]
                if field & 0xFFF9:
                    key = data[start + 4 : start + 8] + parties
                    whole = self._joined(key, field & 0xFFF8, bool(field & 1), body)
                    if whole is None:
                        return None
                    body = whole
                # Each fragment tells the same next header; the first one's counts, as it is.
                protocol, data, start, end = data[start], body, 0, len(body)
            elif protocol in _EXTENSIONS:
                if len(data) < start + 8:
                    return None
                protocol, start = data[start], start + 8 + data[start + 1] * 8
            elif protocol == _AUTHENTICATION:
                if len(data) < start + 8:
                    return None
                protocol, start = data[start], start + 8 + data[start + 1] * 4
            else:
                return (protocol, data, start, end) if start <= end else None
        return None

    def _joined(self, key: bytes, offset: int, more: bool, body: bytes) -> bytes | None:
        """The whole datagram, when this was the last of its fragments."""
        pieces = self._waiting.get(key)
        if pieces is None:
            pieces = self._waiting[key] = _Pieces()
            if len(self._waiting) > _MOST_DATAGRAMS:
                self._waiting.popitem(last=False)
                self._dropped += 1
        if offset + len(body) > _LARGEST or len(pieces.parts) >= _MOST_PIECES or not body:
            return None
        pieces.parts.setdefault(offset, body)
        if not more:
            pieces.whole = offset + len(body)
        if pieces.whole < 0:
            return None
        joined = b""
        for start in sorted(pieces.parts):
            if start > len(joined):
                return None
            joined += pieces.parts[start][len(joined) - start :]
        if len(joined) < pieces.whole:
            return None
        del self._waiting[key]
        return joined

"""Packets of a capture, each given to who reads it; most are nobody's, and cost next to nothing.

Media (RTP, RTCP), DTLS and QUIC are told by their first byte, as RFC 7983 parts them from STUN and
ChannelData; connections that nobody reads by their ports.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.network import stun
from rtcguard.policy.model import HostPort
from rtcguard.policy.record import Record
from rtcguard.recordings import pcap, pcapng
from rtcguard.recordings.dns_packets import DNS, MULTICAST, DnsPackets
from rtcguard.recordings.internet import TCP, UDP, Internet, Packet
from rtcguard.recordings.internet import host as host_of
from rtcguard.recordings.link import FINDERS, PLAIN
from rtcguard.recordings.pcap import Frame
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.source import Source
from rtcguard.recordings.streams import Stream
from rtcguard.recordings.stun_packets import StunPackets
from rtcguard.recordings.tcp import SYN, Connections

_COOKIE: Final = stun.COOKIE.to_bytes(4)
_NAMES: Final = frozenset(port.to_bytes(2) for port in (DNS, MULTICAST))
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_UNFRAGMENTED: Final = (b"\x00\x00", b"\x40\x00")
_PLAIN: Final = 60  # bytes that are there of IP and what is in it, for the short way
_CHANNELS: Final = range(0x40, 0x50)
_HEADER: Final = 8  # of UDP
_CUT: Final = "STUN and DNS packets that the capture holds only in part"
_FRAGMENTS: Final = "fragmented packets that never became whole"
_STRANGE: Final = "packets of link type {}, which is not known"
_QUIC: Final = "QUIC connections, which are encrypted"
_QUIC_VERSIONS: Final = (b"\x00\x00\x00\x01", b"\x6b\x33\x43\xcf")  # RFC 9000, RFC 9369
_MOST_QUIC: Final = 65_536


def read_pcap(source: Source, scene: Scene) -> Iterator[Record]:
    return Packets(scene).read(pcap.frames(source))


def read_pcapng(source: Source, scene: Scene) -> Iterator[Record]:
    return Packets(scene).read(pcapng.frames(source))


class Packets:
    """Reads one capture."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._stun = StunPackets(scene)
        self._dns = DnsPackets(scene, self._stun)
        self._internet = Internet()
        self._connections = Connections(
            scene, lambda client, server: Stream(scene, self._stun, client, server)
        )
        self._quic: set[bytes] = set()

    def read(self, frames: Iterable[Frame]) -> Iterator[Record]:
        """What the frames tell; where they break off, what stands before that, then ParseError."""
        damage: ParseError | None = None
        try:
            yield from self._read(frames)
        except ParseError as error:
            damage = error
        yield from self._connections.rest()
        yield from self._dns.rest()
        yield from self._stun.rest()
        if self._internet.dropped:
            self._scene.notes[_FRAGMENTS] += self._internet.dropped
        if damage is not None:
            raise damage

    def _read(self, frames: Iterable[Frame]) -> Iterator[Record]:
        open_, segment = self._internet.open, self._connections.segment
        ignored = self._connections.ignored
        find: Callable[[bytes], int] | None = None
        known, type_at, ip = -1, 0, 0
        for at, link, data, _ in frames:
            if link != known:
                known, find = link, FINDERS.get(link)
                type_at, ip = PLAIN.get(link, (0, -1))
            if ip >= 0 and len(data) >= ip + _PLAIN and _is_nobodys(data, type_at, ip, ignored):
                continue
            if find is None:
                self._scene.notes[_STRANGE.format(link)] += 1
                continue
            packet = open_(data, find(data))
            if packet is None:
                continue
            if packet.protocol != UDP:
                yield from segment(packet, at)
                continue
            _, _, _, data, start, end, _ = packet
            body = start + _HEADER
            if body >= end:
                continue
            ports = data[start : start + 4]
            first = data[body]
            if ports[:2] in _NAMES or ports[2:] in _NAMES:
                yield from self._datagram(packet, at)
            elif first < 4 or first in _CHANNELS:
                # Of classic STUN (RFC 3489) only the length tells.
                cookie = data[body + 4 : body + 8]
                if first >= 0x40:
                    cookie = data[body + 8 : body + 12]
                length = data[body + 2] << 8 | data[body + 3] if body + 20 <= end else -1
                if cookie == _COOKIE or (first < 2 and length == end - body - 20):
                    yield from self._datagram(packet, at)
            elif first >= 0xC0 and data[body + 1 : body + 5] in _QUIC_VERSIONS:
                self._note_quic(packet)

    def _datagram(self, packet: Packet, at: float) -> Iterator[Record]:
        """STUN, ChannelData with STUN in it, or DNS."""
        data, start = packet.data, packet.start
        # UDP's own length counts: behind it a link may have padding.
        length = data[start + 4] << 8 | data[start + 5]
        end = min(packet.end, start + length) if length >= _HEADER else packet.end
        payload = data[start + _HEADER : end]
        source: HostPort = (host_of(packet.source), int.from_bytes(data[start : start + 2]))
        destination = (host_of(packet.destination), int.from_bytes(data[start + 2 : start + 4]))
        if packet.missing:
            self._scene.notes[_CUT] += 1
        if source[1] in (DNS, MULTICAST) or destination[1] in (DNS, MULTICAST):
            yield from self._dns.packet(payload, source, destination, at)
            return
        if payload[0] >= 0x40:
            self._stun.channel(payload, source, destination, at)
        else:
            self._stun.packet(payload, source, destination, at, is_cut=bool(packet.missing))
        yield from self._stun.take()

    def _note_quic(self, packet: Packet) -> None:
        start = packet.start
        ends = (
            packet.source + packet.data[start : start + 2],
            packet.destination + packet.data[start + 2 : start + 4],
        )
        key = b"".join(sorted(ends))
        if key not in self._quic and len(self._quic) < _MOST_QUIC:
            self._quic.add(key)
            self._scene.notes[_QUIC] += 1


def _is_nobodys(data: bytes, type_at: int, ip: int, ignored: Container[bytes]) -> bool:
    """Whether a frame is what most are, told as cheaply as can be: whole, without tags and options,
    and media, or of a connection that nobody reads."""
    kind, first = data[type_at : type_at + 2], data[ip]
    if kind == _IPV4 and first == 0x45 and data[ip + 6 : ip + 8] in _UNFRAGMENTED:
        protocol, parties, start = data[ip + 9], ip + 12, ip + 20
    elif kind == _IPV6 and first >> 4 == 6:
        protocol, parties, start = data[ip + 6], ip + 8, ip + 40
    else:
        return False
    if protocol == UDP:
        return (
            0x80 <= data[start + 8] < 0xC0
            and data[start : start + 2] not in _NAMES
            and data[start + 2 : start + 4] not in _NAMES
        )
    # Addresses and ports stand side by side, as in the table's keys.
    return protocol == TCP and not data[start + 13] & SYN and data[parties : start + 4] in ignored

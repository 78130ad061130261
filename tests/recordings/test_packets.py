"""What a STUN request is found in: links, IP, fragments, tunnels, TCP; and what is told beside."""

import struct
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from rtcguard.network import stun
from tests.recordings.reading import Read, read_bytes
from tests.recordings.wires import (
    MAC,
    VLAN,
    binding,
    ethernet,
    ipv4,
    ipv6,
    kind,
    pcap,
    tcp,
    udp,
)

CLIENT, SERVER = "192.168.7.5", "203.0.113.9"
CLIENT6, SERVER6 = "fd00::5", "2001:db8::9"
REQUEST = udp(50000, 3478, binding())
V4, V6 = ipv4(CLIENT, SERVER, 17, REQUEST), ipv6(CLIENT6, SERVER6, 17, REQUEST)
FOUND4, FOUND6 = (CLIENT, f"{SERVER}:3478"), (CLIENT6, f"[{SERVER6}]:3478")

Frame = Callable[[bytes], bytes]
_WIFI = b"\x08\x01" + bytes(22) + b"\xaa\xaa\x03\0\0\0"
LINKS: dict[str, tuple[int, Frame]] = {
    "null": (0, lambda packet: b"\x02\0\0\0" + packet),
    "loop": (108, lambda packet: b"\0\0\0\x02" + packet),
    "ethernet": (1, ethernet),
    "vlan": (1, lambda packet: ethernet(packet, VLAN)),
    "qinq": (1, lambda packet: ethernet(packet, b"\x88\xa8\0\1" + VLAN)),
    "mpls": (1, lambda p: MAC + b"\x88\x47" + b"\0\1\0\x40" + b"\0\2\1\x40" + p),
    "snap": (1, lambda p: MAC + b"\0\x60\xaa\xaa\x03\0\0\0" + kind(p) + p),
    "pppoe": (1, lambda p: MAC + b"\x88\x64\x11\0\0\1\0\0" + _ppp(p) + p),
    "ppp": (9, lambda packet: b"\xff\x03" + _ppp(packet) + packet),
    "cooked": (113, lambda packet: bytes(14) + kind(packet) + packet),
    "cooked2": (276, lambda packet: kind(packet) + bytes(18) + packet),
    "raw": (101, lambda packet: packet),
    "raw of OpenBSD": (14, lambda packet: packet),
    "wifi": (105, lambda packet: _WIFI + kind(packet) + packet),
    "qos": (105, lambda p: b"\x88\x01" + bytes(24) + _WIFI[24:] + kind(p) + p),
    "radiotap": (127, lambda p: b"\0\0\x0c\0" + bytes(8) + _WIFI + kind(p) + p),
}


def _ppp(packet: bytes) -> bytes:
    return b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57"


def ends(made: Read) -> set[tuple[object, ...]]:
    assert not made.damage
    return made.told("address", "destination")


@pytest.mark.parametrize("name", LINKS)
def test_links(name: str, tmp_path: Path) -> None:
    link, frame = LINKS[name]
    content = pcap([frame(V4), frame(V6), frame(V4)[:20], b""], link)
    assert ends(read_bytes(content, tmp_path)) == {FOUND4, FOUND6}


def test_a_link_that_is_not_known_is_noted(tmp_path: Path) -> None:
    made = read_bytes(pcap([V4, V4], 147), tmp_path)
    assert made.notes == {"packets of link type 147, which is not known": 2}


def _pcapng(order: str, resolution: bytes = b"") -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack(order + "I", 12 + len(body))
        return struct.pack(order + "I", kind) + length + body + length

    option = struct.pack(order + "HH", 9, 1) + resolution + b"\0\0\0" if resolution else b""
    high, low = divmod(1_700_000_000 * (10**9 if resolution == b"\x09" else 10**6), 1 << 32)
    size = len(V4)
    return b"".join(
        (
            block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
            block(1, struct.pack(order + "HHI", 101, 0, 0) + option),
            block(5, b"statistics!!"),
            block(6, struct.pack(order + "IIIII", 0, high, low, size, size) + V4),
            block(3, struct.pack(order + "I", len(V6)) + V6),
        )
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("resolution", [b"", b"\x06", b"\x09"])
def test_pcapng(order: str, resolution: bytes, tmp_path: Path) -> None:
    content = _pcapng(order, resolution)
    made = read_bytes(content + content, tmp_path)  # a second section begins anew
    assert made.name == "pcapng"
    assert ends(made) == {FOUND4, FOUND6}
    assert made.records[0].began == 1_700_000_000
    size = len(V4)
    lying = content.replace(struct.pack(order + "II", size, size), b"\xff" * 4 + b"\0" * 4)
    assert "packet 1 at byte" in read_bytes(lying, tmp_path).damage


@pytest.mark.parametrize(
    ("magic", "order"),
    [(0xA1B2C3D4, ">"), (0xA1B23C4D, "<"), (0xA1B23C4D, ">"), (0xA1B2CD34, "<")],
)
def test_pcap_in_either_order(magic: int, order: str, tmp_path: Path) -> None:
    more = bytes(8) if magic == 0xA1B2CD34 else b""
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, 101)
    frame = struct.pack(order + "IIII", 1_700_000_000, 500, len(V4), len(V4)) + more + V4
    made = read_bytes(head + frame, tmp_path)
    assert ends(made) == {FOUND4}
    assert made.records[0].began - 1_700_000_000 < 0.001


def test_fragments_in_any_order(tmp_path: Path) -> None:
    body = udp(50000, 3478, binding("far:near"))
    parts = [(0, body[:16], 0x2000), (2, body[16:32], 0x2000), (4, body[32:], 0)]
    for order in ((0, 1, 2), (2, 0, 1), (1, 1, 2, 0)):
        frames = [ipv4(CLIENT, SERVER, 17, parts[n][1], parts[n][0] | parts[n][2]) for n in order]
        made = read_bytes(pcap(frames, 101), tmp_path)
        assert ends(made) == {FOUND4}
        assert {record.ufrag for record in made.records} == {"near"}
    made = read_bytes(pcap(frames[:2], 101), tmp_path)
    assert made.notes == {"fragmented packets that never became whole": 1}


def test_ipv6_headers_and_fragments(tmp_path: Path) -> None:
    hops, route = b"\x3c\0" + bytes(6), b"\x2b\0" + bytes(6)
    whole = ipv6(CLIENT6, SERVER6, 0, hops + route + b"\x11\0" + bytes(6) + REQUEST)
    one = b"\x11\0" + struct.pack("!HI", 1, 9) + REQUEST[:8]
    two = b"\x11\0" + struct.pack("!HI", 8, 9) + REQUEST[8:]
    fragments = [ipv6(CLIENT6, SERVER6, 44, part) for part in (two, one)]
    assert ends(read_bytes(pcap([whole], 101), tmp_path)) == {FOUND6}
    assert ends(read_bytes(pcap(fragments, 101), tmp_path)) == {FOUND6}


@pytest.mark.parametrize(
    "outer",
    [
        ipv4("10.0.0.1", "10.0.0.2", 4, V4),
        ipv4("10.0.0.1", "10.0.0.2", 47, b"\x20\0\x08\0" + bytes(4) + V4),
        ipv6("fd00::1", "fd00::2", 4, V4),
    ],
    ids=["IPIP", "GRE", "4in6"],
)
def test_tunnels(outer: bytes, tmp_path: Path) -> None:
    assert ends(read_bytes(pcap([outer], 101), tmp_path)) == {FOUND4}


def test_a_packet_that_the_snapshot_cut(tmp_path: Path) -> None:
    long = ipv4(CLIENT, SERVER, 17, udp(50000, 3478, binding("far:near" + "x" * 60)))
    made = read_bytes(pcap([long], 101, snapshot=64), tmp_path)
    assert ends(made) == {FOUND4}
    assert made.notes == {"STUN and DNS packets that the capture holds only in part": 1}


@pytest.mark.parametrize(
    "payload", [b"\x80\x60" + bytes(30), b"\x17\xfe\xfd" + bytes(30), b"", b"\0"]
)
def test_media_tells_nothing(payload: bytes, tmp_path: Path) -> None:
    packet = ipv4(CLIENT, SERVER, 17, udp(50000, 50001, payload))
    made = read_bytes(pcap([packet], 101), tmp_path)
    assert (made.records, made.notes) == ([], {})


def test_classic_stun_and_quic(tmp_path: Path) -> None:
    classic = ipv4(CLIENT, SERVER, 17, udp(50000, 3478, binding(cookie=False)))
    quic = ipv4(CLIENT, SERVER, 17, udp(50000, 443, b"\xc3\0\0\0\1" + bytes(1200)))
    made = read_bytes(pcap([classic, quic, quic], 101), tmp_path)
    assert ends(made) == {FOUND4}
    assert made.notes == {"QUIC connections, which are encrypted": 1}


def test_what_a_server_saw(tmp_path: Path) -> None:
    seen = (stun.XOR_MAPPED_ADDRESS, stun.encode_xor_address("198.51.100.77", 6000, bytes(12)))
    answer = stun.encode(stun.BINDING, stun.SUCCESS, bytes(12), [seen])
    old = (stun.MAPPED_ADDRESS, stun.encode_address("198.51.100.78", 6000))
    classic = stun.encode(stun.BINDING, stun.SUCCESS, bytes(16), [old])
    back = [ipv4(SERVER, CLIENT, 17, udp(3478, 50000, one)) for one in (answer, classic)]
    made = read_bytes(pcap([V4, *back], 101), tmp_path)
    assert made.told("client", "address", "would") == {
        (CLIENT, CLIENT, "refused"),
        (CLIENT, "198.51.100.77", "refused"),
        (CLIENT, "198.51.100.78", "refused"),
    }


def test_checks_through_a_relay(tmp_path: Path) -> None:
    """In a Send indication and in ChannelData; the far side sees the relay's address."""
    peer = (0x0012, stun.encode_xor_address("198.51.100.9", 7000, bytes(12)))
    check = binding("far:near")
    send = stun.encode(6, stun.INDICATION, bytes(12), [peer, (0x0013, check)])
    channel = b"\x40\x01" + len(check).to_bytes(2) + check
    frames = [ipv4(CLIENT, SERVER, 17, udp(50000, 3478, one)) for one in (send, channel)]
    made = read_bytes(pcap(frames, 101), tmp_path)
    assert made.told("address", "destination", "ufrag", "would") == {
        ("", "198.51.100.9:7000", "near", ""),
        ("", f"{SERVER}:3478", "near", ""),
    }


def test_who_is_a_client_among_public_addresses(tmp_path: Path) -> None:
    """Who asked a server is one; the far side's checks of it are no leak of its own."""
    me, far = "198.51.100.1", "198.51.100.2"
    asks = ipv4(me, SERVER, 17, REQUEST)
    check = ipv4(far, me, 17, udp(7000, 50000, binding("near:far")))
    back = ipv4(me, far, 17, udp(50000, 7000, binding("far:near")))
    made = read_bytes(pcap([asks, check, back], 101), tmp_path)
    assert made.told("client", "ufrag") == {(me, ""), (me, "near")}
    named = read_bytes(pcap([asks, check, back], 101), tmp_path, far)
    assert named.told("client", "ufrag") == {(far, "far")}


@pytest.mark.parametrize("framed", [False, True])
def test_stun_over_tcp(framed: bool, tmp_path: Path) -> None:
    message = binding("far:near")
    stream = (len(message).to_bytes(2) + message if framed else message) * 2
    frames = [ipv4(CLIENT, SERVER, 6, tcp(50000, 3478, 99, b"", 2))]
    for at in range(0, len(stream), 7):
        frames.append(ipv4(CLIENT, SERVER, 6, tcp(50000, 3478, 100 + at, stream[at : at + 7])))
    made = read_bytes(pcap(frames, 101), tmp_path)
    assert ends(made) == {FOUND4}
    assert sum(record.count for record in made.records) == 2


def test_encrypted_connections_are_counted(tmp_path: Path) -> None:
    hello = b"\x16\x03\x01\0\x05hello" + bytes(40)
    frames = [
        ipv4(CLIENT, SERVER, 6, tcp(50000 + number, 443, 1, hello * (1 + number % 2)))
        for number in (0, 0, 1, 2)
    ]
    made = read_bytes(pcap(frames, 101), tmp_path)
    assert made.notes == {"TLS connections, which are encrypted": 3}


def _query(name: str) -> dns.message.QueryMessage:
    query = dns.message.make_query(name, "A")
    query.id = 7
    return query


def test_names_of_servers(tmp_path: Path) -> None:
    query, other, lost = (
        _query(n) for n in ("stun.example.org", "www.example.org", "turn.a.example")
    )
    answer = dns.message.make_response(query)
    answer.answer = [dns.rrset.from_text("stun.example.org.", 60, "IN", "A", SERVER)]
    frames = [
        ipv4(CLIENT, "192.168.7.1", 17, udp(40000, 53, query.to_wire())),
        ipv4("192.168.7.1", CLIENT, 17, udp(53, 40000, answer.to_wire())),
        ipv4(CLIENT, "192.168.7.1", 17, udp(40001, 53, other.to_wire())),
        ipv4(CLIENT, "192.168.7.1", 17, udp(40002, 53, lost.to_wire())),
        ipv4(CLIENT, "192.168.7.1", 17, udp(40003, 53, b"\0\1\2")),
    ]
    made = read_bytes(pcap(frames, 101), tmp_path)
    assert made.told("kind", "name", "destination", "client", "would") == {
        ("name", "stun.example.org", SERVER, CLIENT, "refused"),
        ("name", "turn.a.example", "", CLIENT, "refused"),
    }


def test_announcements_on_the_link(tmp_path: Path) -> None:
    name = "48bcb212-4152-42e7-8515-309151d6662c.local"
    message = dns.message.Message(0)
    message.flags = 0x8400
    message.answer = [dns.rrset.from_text(f"{name}.", 120, "IN", "A", CLIENT)]
    wire = message.to_wire()
    flush = wire.replace(b"\0\1\0\1\0\0\0\x78", b"\0\1\x80\1\0\0\0\x78")
    assert flush != wire
    for one in (wire, flush):
        packet = ipv4(CLIENT, "224.0.0.251", 17, udp(5353, 5353, one))
        made = read_bytes(pcap([packet], 101), tmp_path)
        assert made.told("kind", "name", "address", "scope", "destination") == {
            ("name", name, CLIENT, "private", "224.0.0.251:5353")
        }

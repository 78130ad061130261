"""TCP put together from segments in any state, and HTTP and WebSocket read on it."""

import base64
import gzip
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol

from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.recordings import tcp as tcp_
from rtcguard.recordings.internet import Internet
from rtcguard.recordings.scene import Scene
from tests.recordings.reading import Read, read_bytes
from tests.recordings.wires import binding, ipv4, pcap, tcp, udp

CLIENT, SERVER = "192.168.7.5", "203.0.113.9"
HOST = "candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host"
BODY = json.dumps({"candidate": HOST}).encode()
FAR = json.dumps({"candidate": HOST.replace("192.168.7.5", "203.0.113.50")}).encode()
_HEAD = b"POST /c HTTP/1.1\r\nHost: Site.example:8080\r\nOrigin: https://meet.example\r\n"
Side = tuple[bool, bytes]


class _Heard:
    """Writes down what it is fed."""

    wanted = True

    def __init__(self) -> None:
        self.data = {True: b"", False: b""}

    def feed(self, data: bytes, at: float, *, to_server: bool) -> Iterable[Record]:
        self.data[to_server] += data
        return ()

    def end(self) -> Iterable[Record]:
        return ()


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(min_size=1, max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=12),
    order=st.randoms(use_true_random=False),
    first=st.sampled_from([0, 1, 0x7FFFFFF0, 0xFFFFFFF0]),
)
def test_segments_in_any_order(content: bytes, cuts: list[int], order: object, first: int) -> None:
    """Cut anywhere, overlapping, doubled, shuffled, across the end of the sequence numbers."""
    heard = _Heard()
    scene = Scene(Policy())
    connections = tcp_.Connections(scene, lambda client, server: heard)
    internet = Internet()
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    pieces = [(a, min(b + 3, len(content))) for a, b in pairwise(places)]
    pieces += pieces[::2]
    order.shuffle(pieces)  # type: ignore[attr-defined]
    sequence = first - 1 & 0xFFFFFFFF
    frames = [tcp(5000, 80, sequence, b"", 2)]
    frames += [tcp(5000, 80, first + a & 0xFFFFFFFF, content[a:b]) for a, b in pieces]
    for frame in frames:
        packet = internet.open(ipv4(CLIENT, SERVER, 6, frame), 0)
        assert packet is not None
        list(connections.segment(packet, 1.0))
    list(connections.rest())
    assert heard.data[True] == content
    assert not scene.notes


def frames(sides: Iterable[Side], size: int, *, syn: bool = True) -> list[bytes]:
    """A connection's packets, no segment longer than `size`."""
    made = [ipv4(CLIENT, SERVER, 6, tcp(50000, 8080, 99, b"", 2))] if syn else []
    made += [ipv4(SERVER, CLIENT, 6, tcp(8080, 50000, 499, b"", 0x12))] if syn else []
    at = {True: 100, False: 500}
    for to_server, data in sides:
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            ends = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
            ports = (50000, 8080) if to_server else (8080, 50000)
            made.append(ipv4(*ends, 6, tcp(*ports, at[to_server], piece)))
            at[to_server] += len(piece)
    return made


def post(body: bytes, more: bytes = b"") -> bytes:
    return _HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def reply(body: bytes, more: bytes = b"Content-Type: application/json\r\n") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def seen(made: Read) -> set[tuple[object, ...]]:
    return made.told("direction", "client", "site", "address", "destination")


OUT = ("outbound", CLIENT, "meet.example", CLIENT, "site.example:8080")
IN = ("inbound", CLIENT, "meet.example", "203.0.113.50", "site.example:8080")


@pytest.mark.parametrize("size", [1, 13, 1400])
@pytest.mark.parametrize("syn", [True, False])
def test_http(size: int, syn: bool, tmp_path: Path) -> None:
    sides = [(True, post(BODY)), (False, reply(FAR)), (True, post(b"{}")), (False, reply(b"{}"))]
    made = read_bytes(pcap(frames(sides, size, syn=syn), 101), tmp_path)
    assert seen(made) == {OUT, IN}
    assert not made.notes


def test_pipelined_and_chunked(tmp_path: Path) -> None:
    chunked = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    sides = [(True, post(b"{}") + chunked), (False, reply(b"[]") + reply(FAR))]
    assert seen(read_bytes(pcap(frames(sides, 50), 101), tmp_path)) == {OUT, IN}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(BODY, mtime=0)),
        (b"br", brotli.compress(BODY)),
        (b"zstd", zstandard.compress(BODY)),
        (b"gzip, br", brotli.compress(gzip.compress(BODY, mtime=0))),
    ],
)
def test_encoded_bodies(coding: bytes, body: bytes, tmp_path: Path) -> None:
    head = b"Content-Encoding: " + coding + b"\r\n"
    assert seen(read_bytes(pcap(frames([(True, post(body, head))], 500), 101), tmp_path)) == {OUT}
    broken = frames([(True, post(body[:-9] + b"\0" * 3, head))], 500)
    assert read_bytes(pcap(broken, 101), tmp_path).damage == ""


def test_a_body_that_would_be_enormous(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(20 << 20))
    made = read_bytes(
        pcap(frames([(True, post(bomb, b"Content-Encoding: gzip\r\n"))], 1400), 101), tmp_path
    )
    assert made.notes == {"HTTP bodies in a content encoding that cannot be read": 1}


def test_candidates_in_the_url(tmp_path: Path) -> None:
    request = (
        b"GET /?c=" + HOST.replace(" ", "%20").encode() + b" HTTP/1.1\r\nHost: a.example\r\n\r\n"
    )
    made = read_bytes(pcap(frames([(True, request)], 500), 101), tmp_path)
    assert made.told("address", "site") == {(CLIENT, "a.example")}


@pytest.mark.parametrize("extension", ["", "permessage-deflate; server_no_context_takeover"])
@pytest.mark.parametrize("size", [1, 60])
def test_websocket(extension: str, size: int, tmp_path: Path) -> None:
    sides = [*upgrade(extension), *messages(extension)]
    made = read_bytes(pcap(frames(sides, size), 101), tmp_path)
    assert seen(made) == {OUT, IN}
    assert not made.notes


def upgrade(extension: str) -> list[Side]:
    wish = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    told = f"Sec-WebSocket-Extensions: {extension}\r\n".encode() if extension else b""
    answer = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    return [(True, _HEAD.replace(b"POST", b"GET") + wish), (False, answer + told + b"\r\n")]


def messages(extension: str) -> list[Side]:
    made: list[Side] = []
    ends = {side: FrameProtocol(side, _extensions(extension)) for side in (True, False)}
    for side, body in ((True, BODY), (False, FAR), (True, BODY), (False, FAR)):
        half = len(body) // 2
        made.append((side, bytes(ends[side].send_data(body[:half].decode(), fin=False))))
        made.append((side, bytes(ends[side].ping(b"between"))))
        made.append((side, bytes(ends[side].send_data(body[half:].decode(), fin=True))))
    return made


def _extensions(extension: str) -> list[PerMessageDeflate]:
    if not extension:
        return []
    deflate = PerMessageDeflate()
    deflate.finalize(extension)
    return [deflate]


def test_inside_of_a_tunnel(tmp_path: Path) -> None:
    connect = b"CONNECT site.example:8080 HTTP/1.1\r\nHost: site.example:8080\r\n\r\n"
    sides = [
        (True, connect),
        (False, b"HTTP/1.1 200 OK\r\n\r\n"),
        (True, post(BODY)),
        (False, reply(FAR)),
    ]
    assert seen(read_bytes(pcap(frames(sides, 40), 101), tmp_path)) == {OUT, IN}
    hello = [(True, connect), (False, b"HTTP/1.1 200 OK\r\n\r\n"), (True, b"\x16\x03\x01\0\5hello")]
    made = read_bytes(pcap(frames(hello, 40), 101), tmp_path)
    assert made.notes == {"TLS connections, which are encrypted": 1}


def test_what_is_missing_is_noted(tmp_path: Path) -> None:
    whole = frames([(True, post(BODY) * 3)], 60)
    made = read_bytes(pcap([*whole[:5], *whole[6:]], 101), tmp_path)
    assert made.notes == {"TCP connections of which packets are missing in the capture": 1}
    made = read_bytes(pcap(whole, 101, snapshot=60), tmp_path)
    assert made.notes == {"TCP connections of which packets are missing in the capture": 1}


def test_ports_that_are_used_anew(tmp_path: Path) -> None:
    first = frames([(True, post(BODY)), (False, reply(b"{}"))], 500)
    later = frames([(True, post(FAR))], 500)
    later[0] = ipv4(CLIENT, SERVER, 6, tcp(50000, 8080, 90_099, b"", 2))
    later[1] = ipv4(SERVER, CLIENT, 6, tcp(8080, 50000, 90_499, b"", 0x12))
    later[2] = ipv4(CLIENT, SERVER, 6, tcp(50000, 8080, 90_100, post(FAR)))
    made = read_bytes(pcap([*first, *later], 101), tmp_path)
    assert {address for (address,) in made.told("address")} == {CLIENT, "203.0.113.50"}


def test_many_connections_at_once_stay_bounded(tmp_path: Path) -> None:
    def opened(number: int) -> bytes:
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return ipv4(source, SERVER, 6, tcp(5000, 8080, 1, b"POST / HTTP/1.1\r\nA: "))

    made = read_bytes(pcap(map(opened, range(9000)), 101), tmp_path)
    assert made.notes == {"TCP connections beyond those that are put together at a time": 808}


def test_a_har_by_hand(tmp_path: Path) -> None:
    """Chromium's own WebSocket messages, base64, and a body that is too large."""
    entry = {
        "startedDateTime": "2026-01-01T00:00:00.000Z",
        "_webSocketMessages": [
            {"type": "send", "time": 1767225601.5, "opcode": 1, "data": BODY.decode()},
            {"type": "receive", "time": 1767225602.5, "opcode": 2,
             "data": base64.b64encode(FAR).decode()},
        ],
        "request": {"method": "GET", "url": "https://site.example/ws", "headers": []},
        "response": {
            "headers": [],
            "content": {"mimeType": "application/json", "encoding": "base64",
                        "text": base64.b64encode(FAR + b" " * (2 << 20)).decode()},
        },
    }  # fmt: skip
    made = read_bytes(json.dumps({"log": {"entries": [entry]}}).encode(), tmp_path, CLIENT)
    assert made.told("direction", "address", "site", "began") == {
        ("outbound", CLIENT, "site.example", 1767225601.5),
        ("inbound", "203.0.113.50", "site.example", 1767225602.5),
    }


def test_only_one_direction_was_captured(tmp_path: Path) -> None:
    many = [(True, post(BODY)) for _ in range(300)]
    made = read_bytes(pcap(frames(many, 1400), 101), tmp_path)
    assert seen(made) == {OUT} and len(made.records) >= 300 and not made.notes
    alone = [side for side in (*upgrade(""), *messages("")) if side[0]]
    made = read_bytes(pcap(frames(alone, 1400), 101), tmp_path)
    assert made.notes == {"HTTP connections that cannot be read": 1}


def test_a_body_that_does_not_end(tmp_path: Path) -> None:
    cut = post(BODY + b" " * 100)[:-50]
    made = read_bytes(pcap(frames([(True, cut)], 1400), 101), tmp_path)
    assert seen(made) == {OUT}
    assert made.records[0].began > 1_700_000_000


def test_a_guess_at_the_client_makes_none(tmp_path: Path) -> None:
    """Without its beginning a connection does not tell who asked; it must not turn a check of the
    far side's into the client's."""
    far = "198.51.100.2"
    unclear = ipv4(far, CLIENT, 6, tcp(60000, 5000, 1, b"hello there, who is it?"))
    check = ipv4(far, CLIENT, 17, udp(7000, 50000, binding("near:far")))
    assert not read_bytes(pcap([unclear, check], 101), tmp_path).records

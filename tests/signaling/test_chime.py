"""Amazon Chime's frames, from an encoder of the test's own."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import PayloadBlocked
from rtcguard.ice.server import RtcIceServer
from rtcguard.policy.model import Config, Relay, RelayServer
from rtcguard.signaling import Message, chime, rewrite

from .containers import read_protobuf
from .offers import OFFER
from .searcher import addresses
from .test_livekit import field

APPROVED: RtcIceServer = {
    "urls": ["turn:relay.example.net:3478?transport=udp", "turns:relay.example.net:443"],
    "username": "u",
    "credential": "c",
}
CONFIG = Config(relay=Relay(servers=(RelayServer(urls=tuple(APPROVED["urls"])),)))
JOIN, JOIN_ACK, SUB, SUB_ACK = 4, 5, 6, 7
SITE = field(1, "site") + field(2, "site's") + field(3, 600) + field(4, "turn:turn.example.org:443")


def frame(number: int, inner: bytes, first: bytes = b"\x05") -> bytes:
    """An SdkSignalFrame: its time, its type, and what it carries."""
    return first + field(1, 1_700_000_000_000) + field(2, 3) + field(number, inner)


def opened(content: bytes) -> tuple[Any, list[Any]]:
    """What stands around, and the fields of what is carried."""
    *head, (tag, inner) = read_protobuf(content[1:])
    return (content[:1], head, tag), read_protobuf(inner)


def message(content: bytes, *servers: RtcIceServer) -> Message:
    return Message(content, "inbound", servers=servers)


@pytest.mark.parametrize("first", [b"\x05", b"\x02"])
@pytest.mark.parametrize(("number", "wants"), [(JOIN, 7), (JOIN_ACK, 3)])
def test_plain_descriptions_from_then_on(first: bytes, number: int, wants: int) -> None:
    inner = field(2, 9) + field(wants, 1) + field(50, "x")
    content = frame(number, inner, first)
    made = chime.relay_only(message(content))
    assert made is not None
    around, fields = opened(made)
    before, old = opened(content)
    assert around == before
    assert [tuple(one) for one in fields] == [
        (tag, 0 if tag == wants << 3 else value) for tag, value in old
    ]
    assert chime.relay_only(message(made)) is None


def test_credentials_are_those_of_the_approved_server() -> None:
    content = frame(JOIN_ACK, field(1, SITE) + field(3, 1) + field(4, "keep"))
    made = chime.relay_only(message(content, APPROVED))
    assert made is not None
    around, fields = opened(made)
    assert around == opened(content)[0]
    (tag, credentials), *rest = fields
    assert tag == 1 << 3 | 2
    told = read_protobuf(credentials)
    assert [(tag >> 3, value) for tag, value in told if tag >> 3 != 3] == [
        (1, b"u"),
        (2, b"c"),
        *((4, url.encode()) for url in APPROVED["urls"]),
    ]
    assert [value > 0 for tag, value in told if tag >> 3 == 3] == [True]
    assert [tuple(one) for one in rest] == [(3 << 3, 0), (4 << 3 | 2, b"keep")]
    assert chime.relay_only(message(made, APPROVED)) in (None, made)


def test_credentials_where_the_site_brings_none() -> None:
    made = chime.relay_only(message(frame(JOIN_ACK, b""), APPROVED))
    assert made is not None and b"relay.example.net" in made


def test_only_one_set_of_credentials() -> None:
    made = chime.relay_only(message(frame(JOIN_ACK, field(1, SITE) * 2), APPROVED))
    assert made is not None and b"turn.example.org" not in made
    assert [tag for tag, _ in opened(made)[1]] == [1 << 3 | 2]


@pytest.mark.parametrize(("number", "compressed"), [(SUB, 8), (SUB_ACK, 5)])
def test_a_compressed_description_does_not_pass(number: int, compressed: int) -> None:
    """It needs the one before it as a dictionary: nobody between could read it."""
    payload = zlib.compress(OFFER.encode(), wbits=-15)
    content = frame(number, field(2, 1) + field(compressed, payload))
    with pytest.raises(PayloadBlocked, match="compressed"):
        chime.relay_only(message(content))
    for direction in ("outbound", "inbound"):
        made = rewrite(Message(content, direction), CONFIG)  # type: ignore[arg-type]
        assert made.content == b"" and "compressed" in made.blocked
        (record,) = made.records
        assert (record.kind, record.action, record.rule) == ("payload", "blocked", "default:opaque")
    monitored = rewrite(Message(content, "outbound"), Config(mode="monitor"))
    assert (monitored.content, monitored.blocked) == (content, "")


def test_a_plain_description_is_edited() -> None:
    content = frame(SUB, field(2, 1) + field(4, OFFER) + field(9, "x"))
    assert chime.relay_only(message(content)) is None
    made = rewrite(Message(content, "outbound"), CONFIG)
    assert not made.blocked and len(made.content) == len(content)
    assert "192.168.1.5" not in addresses(made.content)
    assert opened(made.content)[0] == opened(content)[0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x05",
        b"{}",
        b"\x05{}",
        frame(JOIN, field(7, 1), b"\x04"),
        frame(JOIN, field(7, 1))[:-1],
        b"\x05" + field(2, 3) + field(JOIN, field(7, 1)),  # no time
        b"\x05" + field(1, 3) + field(2, "3") + field(JOIN, field(7, 1)),  # no type
        frame(SUB, field(2, 1)),
        frame(JOIN, field(7, 0)),
        frame(JOIN, b""),
        frame(9, b"\xff"),
    ],
)
def test_other_frames_stay(content: bytes) -> None:
    assert chime.relay_only(message(content, APPROVED)) is None


@given(st.binary(max_size=60), st.sampled_from([JOIN, JOIN_ACK, SUB, SUB_ACK, 9]))
def test_total(content: bytes, number: int) -> None:
    for one in (content, b"\x05" + content, frame(number, content)):
        try:
            made = chime.relay_only(message(one, APPROVED))
        except PayloadBlocked:
            continue
        if made is not None:
            assert chime.relay_only(message(made, APPROVED)) in (None, made)


def test_rewritten_as_a_whole() -> None:
    content = frame(JOIN_ACK, field(1, SITE) + field(3, 1))
    made = rewrite(message(content, APPROVED), CONFIG)
    assert not made.blocked
    assert b"turn.example.org" not in made.content and b"relay.example.net" in made.content
    assert rewrite(message(made.content, APPROVED), CONFIG).content == made.content


def test_without_approved_servers_the_site_s_name_nobody() -> None:
    """The client stays relay-only by them, and reaches none."""
    url = "turn:a-name-that-is-long.turn.example.org:443?transport=tcp"
    inner = field(1, field(1, "site") + field(2, "p") + field(4, url))
    made = rewrite(message(frame(JOIN_ACK, inner)), Config())
    assert b"example.org" not in made.content and b".invalid" in made.content


def test_nothing_here_is_json() -> None:
    """A text frame that begins with such a byte is none of Chime's."""
    content = b"\x05" + json.dumps({"sdp": OFFER}).encode()
    assert chime.relay_only(message(content)) is None

"""Where the ICE servers stand that a site tells of, and what is none."""

import json

import cbor2
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.signaling import scan, servers

from .offers import inbound, outbound

LONG = "turn:turn-with-a-long-name.example.org:443?transport=udp"
URIS = [
    "stun:stun.example.org",
    "stun:stun.example.org:19302",
    "STUN:STUN.Example.ORG",
    "stuns:192.0.2.1:443",
    "turn:turn.example.org?transport=tcp",
    "turn:[2001:db8::1]:3478?transport=udp",
    "turns:turn.example.org:443?transport=tcp",
    LONG,
]


def found(content: bytes) -> list[tuple[ServerUri, str]]:
    return [
        (at.uri, content[at.start : at.end].decode())
        for at in servers.servers(content, scan.points(content))
    ]


def host_of(uri: str) -> str:
    """As it is written; an address of IPv6 with its brackets, in which no name may stand."""
    rest = uri.partition(":")[2]
    return rest[: rest.index("]") + 1] if rest[0] == "[" else rest.partition("?")[0].split(":")[0]


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize(
    "around",
    [
        "%s",
        '{"urls":"%s"}',
        "{urls: '%s'}",
        '{"uris": ["stun:x","%s"]}',
        "[%s,x]",
        '<%s>; rel="ice-server"; username="u"',  # the Link header of WHIP (RFC 9725)
        "ice=%s&x=1",
        "url=%s\r\n",
    ],
)
def test_a_uri(uri: str, around: str) -> None:
    content = around.replace("%s", uri).encode()
    assert (parse_uri(uri), host_of(uri)) in found(content)


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("pack", [msgpack.packb, cbor2.dumps])
def test_a_uri_in_a_binary_message(uri: str, pack: object) -> None:
    """Around it stand the length of the string and the next key's, which are any bytes."""
    entries = [{"urls": [uri, uri], "username": "u", "credential": "c"}]
    content = pack({"iceServers": entries})  # type: ignore[operator]
    assert found(content) == [(parse_uri(uri), host_of(uri))] * 2


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_in_protobuf(uri: str) -> None:
    field = b"\x0a" + bytes([len(uri)]) + uri.encode()
    content = b"\x2a" + bytes([len(field) + 6]) + field + b"\x12\x01u\x1a\x01c"
    assert found(content) == [(parse_uri(uri), host_of(uri))]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"turn:",
        b'"in turn:left"',
        b"a sentence about stun:stun.example.org, which stays",
        b"see turn:turn.example.org for more",
        b'"https://example.org/turn:abc/def"',
        b'"return:x"',
        b'"stun:a b"',
        b'"stun:example.org:99999"',
        b'"turn:example.org?transport=sctp"',
        b"<service type='xmpp' host='example.org'/>",
        b"<service host='example.org'/>",
        b"<services/>",
        b'{"services":[{"type":"web","host":"example.org"}]}',
        b'{"services":"none"}',
    ],
)
def test_no_server(content: bytes) -> None:
    assert found(content) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<service type='turn' host='turn.example.org' port='3478' transport='udp'/>",
            [("turn:turn.example.org:3478", "turn.example.org")],
        ),
        (
            '<service host="192.0.2.1" type="stun" />',
            [("stun:192.0.2.1", "192.0.2.1")],
        ),
        (
            "<services xmlns='urn:xmpp:extdisco:2'>\n<service type='turns' port='443' "
            "host='a.example.org'/>\n<service type='stun' host='b.example.org'/></services>",
            [("turns:a.example.org:443", "a.example.org"), ("stun:b.example.org", "b.example.org")],
        ),
        (
            '{"services": [{"type": "turn", "host": "a.example.org", "port": 3478},'
            '{"type":"stun","host":"b.example.org","port":"3479"},{"type":"x","host":"c"}]}',
            [("turn:a.example.org:3478", "a.example.org"),
             ("stun:b.example.org:3479", "b.example.org")],
        ),
    ],
)  # fmt: skip
def test_services(text: str, expected: list[tuple[str, str]]) -> None:
    """XEP-0215, in XML and as Jitsi writes it in JSON."""
    assert found(text.encode()) == [(parse_uri(uri), host) for uri, host in expected]


@given(
    st.binary(max_size=200) | st.text("stunr:.<>=\"',[]{} ceivhop01", max_size=99).map(str.encode)
)
def test_total(content: bytes) -> None:
    for at in servers.servers(content, scan.points(content)):
        assert 0 <= at.start < at.end <= len(content)
        assert content[at.start : at.end].decode().lower().strip("[]") == at.uri.host


# What becomes of them


@pytest.mark.parametrize("uri", URIS)
def test_inbound_they_name_nobody(uri: str) -> None:
    content = json.dumps({"iceServers": [{"urls": [uri]}], "x": uri})
    made = inbound(content)
    assert not made.blocked and len(made.content) == len(content)
    value = json.loads(made.content)
    assert parse_uri(value["x"]).host != parse_uri(uri).host
    assert value["iceServers"][0]["urls"] == [value["x"]]
    (record,) = made.records
    assert (record.kind, record.action) == ("server", "stripped")
    assert record.rule == ("relay:site_servers" if "turn" in uri.lower()[:4] else "default:servers")


def test_outbound_they_stay() -> None:
    """What a client says of servers tells nobody of it."""
    content = json.dumps({"iceServers": [{"urls": URIS}]})
    assert outbound(content).content.decode() == content

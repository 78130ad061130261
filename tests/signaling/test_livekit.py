"""LiveKit's join and reconnect, in messages from an encoder of the test's own."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice.server import RtcIceServer
from rtcguard.policy.model import Config, Relay, RelayServer
from rtcguard.signaling import Message, livekit, rewrite

from .containers import read_protobuf, varint

APPROVED: RtcIceServer = {
    "urls": ["turn:relay.example.net:3478?transport=udp", "turns:relay.example.net:443"],
    "username": "u",
    "credential": "c",
}
CONFIG = Config(relay=Relay(servers=(RelayServer(urls=tuple(APPROVED["urls"])),)))
JOIN, RECONNECT = 1, 19
NUMBERS = {JOIN: (5, 8), RECONNECT: (1, 2)}  # of ice_servers and client_configuration


def field(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def server(url: str) -> bytes:
    return field(1, url) + field(2, "site") + field(3, "site's")


def response(kind: int, servers: list[str], configuration: bytes | None = None) -> bytes:
    """A SignalResponse as LiveKit's server writes it, with fields that nobody here knows."""
    ice_servers, client_configuration = NUMBERS[kind]
    inner = field(2, field(1, "room")) if kind == JOIN else b""
    inner += field(4, "sid") if kind == JOIN else b""
    inner += b"".join(field(ice_servers, server(url)) for url in servers)
    inner += b"" if configuration is None else field(client_configuration, configuration)
    inner += field(15, 7) + field(200, b"\x01\x02")
    return field(kind, inner)


def opened(content: bytes, kind: int) -> tuple[list[dict[int, list[bytes]]], dict[int, int], list]:
    """The ICE servers, the client configuration as it ends up, and all fields beside them."""
    ((tag, inner),) = read_protobuf(content)
    assert tag == kind << 3 | 2
    ice_servers, client_configuration = NUMBERS[kind]
    servers: list[dict[int, list[bytes]]] = []
    configuration: dict[int, int] = {}
    rest = []
    for tag, value in read_protobuf(inner):
        if tag == ice_servers << 3 | 2:
            made: dict[int, list[bytes]] = {}
            for inner_tag, inner_value in read_protobuf(value):
                made.setdefault(inner_tag >> 3, []).append(inner_value)
            servers.append(made)
        elif tag == client_configuration << 3 | 2:
            configuration |= {one >> 3: of for one, of in read_protobuf(value)}  # merged
        else:
            rest.append((tag, value))
    return servers, configuration, rest


def message(content: bytes, path: str = "/rtc", direction: str = "inbound") -> Message:
    return Message(content, direction, path=path, servers=(APPROVED,))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1", "/rtc?access_token=x"])
@pytest.mark.parametrize("servers", [[], ["stun:stun.example.org"], ["turn:a.example.org"] * 2])
@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (None, {5: 2}),
        (b"", {5: 2}),
        (field(5, 0), {5: 2}),
        (field(5, 1), {5: 2}),
        (field(5, 2), {5: 2}),
        (field(3, 1) + field(5, 1) + field(9, 4), {3: 1, 9: 4, 5: 2}),
        (field(5, 1) + field(5, 1), {5: 2}),
    ],
)
def test_relay_is_forced(
    kind: int, path: str, servers: list[str], configuration: bytes | None, expected: dict[int, int]
) -> None:
    before = response(kind, servers, configuration)
    made = livekit.relay_only(message(before, path))
    assert made is not None
    now, settings, rest = opened(made, kind)
    assert settings == expected
    old, _, others = opened(before, kind)
    assert rest == others
    assert now[: len(old)] == old
    assert now[len(old) :] == [
        {1: [url.encode() for url in APPROVED["urls"]], 2: [b"u"], 3: [b"c"]}
    ]
    assert livekit.relay_only(message(made, path)) == made


def test_two_configurations_are_one() -> None:
    """A field that is there twice is merged, the last one winning: so none may follow ours."""
    both = field(8, field(3, 1)) + field(8, field(5, 1))
    made = livekit.relay_only(message(field(JOIN, both)))
    assert made is not None
    assert opened(made, JOIN)[1].get(5) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        field(2, field(1, "answer") + field(2, "v=0")),
        field(4, field(1, "{}")),
        field(JOIN, 7),  # a join that is no message
        field(JOIN, b"") + field(18, 7),
        response(JOIN, [])[:-1],
        b"\xff" * 20,
    ],
)
def test_other_messages_stay(content: bytes) -> None:
    assert livekit.relay_only(message(content)) is None


@pytest.mark.parametrize(("path", "direction"), [("/", "inbound"), ("/rtc", "outbound")])
def test_elsewhere_they_stay(path: str, direction: str) -> None:
    assert livekit.relay_only(message(response(JOIN, []), path, direction)) is None


def test_without_approved_servers_relay_is_forced_all_the_same() -> None:
    content = response(JOIN, ["turn:a.example.org"])
    made = livekit.relay_only(Message(content, "inbound", path="/rtc"))
    assert made is not None
    assert opened(made, JOIN)[1] == {5: 2} and len(opened(made, JOIN)[0]) == 1


@given(st.binary(max_size=60))
def test_total(content: bytes) -> None:
    for one in (content, field(JOIN, content), field(RECONNECT, content)):
        made = livekit.relay_only(message(one))
        assert made is None or livekit.relay_only(message(made)) == made


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize(
    "url",
    [
        "stun:stun.example.org:3478",
        "turn:host.turn.livekit.example.org:443?transport=udp",
        "turns:host.turn.livekit.example.org:443?transport=tcp",
    ],
)
def test_rewritten_as_a_whole(kind: int, url: str) -> None:
    """What the site brings names nobody after that; what is approved is there, and told of once."""
    made = rewrite(message(response(kind, [url, url])), CONFIG)
    assert not made.blocked
    servers, settings, _ = opened(made.content, kind)
    assert settings == {5: 2}
    assert [one[1] for one in servers[2:]] == [[url.encode() for url in APPROVED["urls"]]]
    for one in servers[:2]:
        assert b".invalid" in one[1][0] and len(one[1][0]) == len(url)
    assert rewrite(message(made.content), CONFIG).content == made.content


def test_monitor_changes_nothing() -> None:
    content = response(JOIN, ["stun:stun.example.org"])
    made = rewrite(message(content), replace(CONFIG, mode="monitor"))
    assert made.content == content
    assert {record.action for record in made.records} == {"observed"}
    assert made.records[0].would == "stripped"


def test_in_json() -> None:
    """A client that sends text gets text."""
    content = json.dumps({"join": {"iceServers": [{"urls": ["stun:stun.example.org"]}]}}).encode()
    servers = json.loads(rewrite(message(content), CONFIG).content)["join"]["iceServers"]
    assert servers[0]["urls"] == APPROVED["urls"]

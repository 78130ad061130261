"""Approved servers in the lists that a site sends: each shape stays what it was, and parses."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice.address import is_unroutable
from rtcguard.ice.server import RtcIceServer, parse_uri
from rtcguard.policy.model import Config, Relay, RelayServer
from rtcguard.signaling import Message, Rewrite, offers, rewrite

from .containers import LAYERS, Layer, wrap
from .strategies import Written

URLS = ["turn:relay.example.net:3478?transport=udp", "turns:relay.example.net:443?transport=tcp"]
SERVER: RtcIceServer = {"urls": URLS, "username": '17:al"ice', "credential": "p&<'w"}
SECOND: RtcIceServer = {"urls": ["turn:192.0.2.99:3478"], "username": "u", "credential": "c"}
STUN, TURN = "stun:stun.example.org:19302", "turn:turn.example.org:3478?transport=udp"
SITE: dict[str, Any] = {"urls": TURN, "username": "site", "credential": "site's"}
CONFIG = Config(
    relay=Relay(servers=tuple(RelayServer(urls=tuple(one["urls"])) for one in (SERVER, SECOND)))
)


def guarded(content: bytes | str, *servers: RtcIceServer, config: Config = CONFIG) -> Rewrite:
    """What a client gets; given it again, it stays as it is."""
    raw = content.encode() if isinstance(content, str) else content
    made = rewrite(Message(raw, "inbound", servers=servers), config)
    assert not made.blocked
    assert (
        rewrite(Message(made.content, "inbound", servers=servers), config).content == made.content
    )
    return made


def told(value: Any) -> list[str]:
    """Every URI in a JSON value, in order."""
    if isinstance(value, dict):
        return [uri for inner in value.values() for uri in told(inner)]
    if isinstance(value, list):
        return [uri for inner in value for uri in told(inner)]
    is_uri = isinstance(value, str) and value.lower().startswith(("stun", "turn"))
    return [value] if is_uri else []


def rewritten(value: Any, *servers: RtcIceServer, indent: int | None = None) -> Any:
    """A JSON message as its receiver reads it."""
    return json.loads(guarded(json.dumps(value, indent=indent), *(servers or (SERVER,))).content)


def assert_guarded(value: Any, *urls: str) -> None:
    """The approved servers once each, and of the site's nobody."""
    found = told(value)
    for url in urls or URLS:
        assert found.count(url) == 1
    for uri in found:
        assert uri in (urls or URLS) or is_unroutable(parse_uri(uri).host)


# Lists


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("key", "entries", "expected"),
    [
        ("iceServers", [{"urls": STUN}], {"urls", "username", "credential"}),
        ("iceServers", [{"urls": [STUN]}, SITE], {"urls", "username", "credential"}),
        ("ice_servers", [{"url": STUN}], {"url", "username", "credential"}),
        (
            "IceServerList",  # Kinesis Video
            [{"Uris": [TURN], "Username": "u", "Password": "p", "Ttl": 300}],
            {"Uris", "Username", "Password"},
        ),
        ("iceServerList", [{"urls": [TURN], "username": "u"}], {"urls", "username", "credential"}),
        (
            "customIceServers",  # OpenVidu
            [{"url": TURN, "username": "u", "credential": "c"}],
            {"url", "username", "credential"},
        ),
        (
            "turnServers",  # BigBlueButton
            [{"url": TURN, "username": "17:u", "password": "p", "ttl": 9}],
            {"url", "username", "password"},
        ),
        ("turnservers", [{"urls": [TURN]}], {"urls", "username", "credential"}),
        ("turn_servers", [{"urls": TURN}], {"urls", "username", "credential"}),
    ],
)
def test_a_list(
    key: str, entries: list[dict[str, Any]], expected: set[str], indent: int | None
) -> None:
    before = {"id": 7, "config": {key: entries, "other": [1]}, "z": None}
    after = rewritten(before, indent=indent)
    assert_guarded(after)
    # Entries that name only servers of the site's are gone: no client waits for their names.
    made = added = after["config"][key]
    (name,) = expected & {"urls", "url", "Uris"}
    user, password = sorted(expected - {name}, key=lambda one: one.lower() != "username")
    assert all(set(entry) == expected for entry in added)
    assert {(entry[user], entry[password]) for entry in added} == {
        (SERVER["username"], SERVER["credential"])
    }
    # An address stays a text where the list has texts, and a list where it has lists.
    kind = type(entries[0][name])
    assert all(type(entry[name]) is kind for entry in added)
    assert not any(".invalid" in url for entry in made for url in told(entry))
    assert (after["id"], after["config"]["other"], after["z"]) == (7, [1], None)


def test_the_root_is_a_list() -> None:
    after = rewritten([{"urls": STUN}, SITE])
    assert_guarded(after)
    assert {entry["credential"] for entry in after} == {SERVER["credential"]}


@pytest.mark.parametrize("key", ["iceServers", "ice_servers"])
def test_one_object_for_a_list(key: str) -> None:
    """Cloudflare's older form and Xirsys: nothing but its values can be replaced."""
    before = {"v": {key: {"username": "u", "urls": [STUN, TURN], "credential": "c"}}, "s": "ok"}
    after = rewritten(before)
    assert_guarded(after)
    made = after["v"][key]
    assert list(made) == ["username", "urls", "credential"]
    assert (made["username"], made["credential"]) == (SERVER["username"], SERVER["credential"])
    one = rewritten({key: {"url": TURN, "username": "u", "credential": "c"}})[key]
    assert one["url"] == URLS[0] and one["username"] == SERVER["username"]


@pytest.mark.parametrize(
    "before",
    [
        {"username": "u", "password": "p", "ttl": 86400, "uris": [TURN, STUN]},
        {"uris": [TURN], "ttl": 5, "username": "u", "password": "p"},
        {"data": {"username": "u", "password": "p", "uris": [TURN]}, "x": 1},
    ],
)
def test_turn_rest(before: dict[str, Any]) -> None:
    """draft-uberti-behave-turn-rest, as Matrix has it: one user for all."""
    after = rewritten(before)
    assert_guarded(after)
    made, old = after.get("data", after), before.get("data", before)
    assert set(made) == set(old)
    assert (made["username"], made["password"]) == (SERVER["username"], SERVER["credential"])
    assert made.get("ttl") == old.get("ttl")


def test_turn_rest_behind_another_object() -> None:
    after = rewritten({"username": "u", "password": "p", "meta": {"a": 1}, "uris": [TURN]})
    assert_guarded(after)


def test_several_lists_and_servers() -> None:
    before = {"iceServers": [{"urls": STUN}], "more": {"ice_servers": [{"url": TURN}]}}
    after = rewritten(before, SERVER, SECOND)
    for made in (after["iceServers"], after["more"]["ice_servers"]):
        assert_guarded(made, *URLS, *SECOND["urls"])


def test_other_lists_stay() -> None:
    """Entries go where entries of that kind stand, and nowhere else."""
    before = {"iceServers": [{"urls": STUN}], "users": [{"username": "bob"}], "stunServers": []}
    after = rewritten(before)
    assert (after["users"], after["stunServers"]) == (before["users"], [])


def test_an_approved_server_of_the_site_itself() -> None:
    """It is kept, and not told twice."""
    config = Config(relay=Relay(servers=(RelayServer(urls=(TURN,)),)))
    own: RtcIceServer = {"urls": [TURN], "username": "u", "credential": "c"}
    made = guarded(json.dumps({"iceServers": [SITE, {"urls": STUN}]}), own, config=config)
    assert told(json.loads(made.content)).count(TURN) == 1


def test_without_approved_servers() -> None:
    made = guarded(json.dumps({"iceServers": [SITE], "iceTransportPolicy": "all"}))
    value = json.loads(made.content)
    assert is_unroutable(parse_uri(value["iceServers"][0]["urls"]).host)
    assert value["iceTransportPolicy"] == "relay"


def test_an_empty_list_gets_them() -> None:
    """A site without servers of its own cannot connect through a relay otherwise."""
    assert_guarded(rewritten({"iceServers": []}))


# Switches


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({"iceServers": [{"urls": STUN}]}, {"iceTransportPolicy": "relay"}),
        (
            {"iceTransportPolicy": "all", "iceServers": [{"urls": STUN}]},
            {"iceTransportPolicy": "relay"},
        ),
        (
            {"iceServers": [{"urls": STUN}], "iceTransportPolicy": "relay"},
            {"iceTransportPolicy": "relay"},
        ),
        ({"iceTransports": "all", "iceServers": [{"urls": STUN}]}, {"iceTransports": "relay"}),
        (
            {"session_id": "1", "ice_servers": [{"url": STUN}], "properties": {"a": 1}},
            {"properties": {"clientCandidates": "relay", "a": 1}},  # OpenTok
        ),
    ],
)
def test_relay_only_is_asked_for(before: dict[str, Any], expected: dict[str, Any]) -> None:
    after = rewritten(before)
    assert {key: after[key] for key in expected} == expected


# XEP-0215

SERVICES = (
    "<iq type='result'><services xmlns='urn:xmpp:extdisco:%d'>"
    "<service type='stun' host='stun.example.org' port='3478' transport='udp'/>"
    "<service type='turn' host='turn.example.org' port='443' username='u' password='p'/>"
    "</services></iq>"
)


@pytest.mark.parametrize("version", [1, 2])
def test_services(version: int) -> None:
    made = guarded(SERVICES % version, SERVER, SECOND)
    services = list(ElementTree.fromstring(made.content)[0])
    assert [
        (one.get("type"), one.get("host"), one.get("port"), one.get("transport"))
        for one in services[:3]
    ] == [
        ("turn", "relay.example.net", "3478", "udp"),
        ("turns", "relay.example.net", "443", "tcp"),
        ("turn", "192.0.2.99", "3478", "udp"),
    ]
    for one in services[:2]:
        assert (one.get("username"), one.get("password")) == (
            SERVER["username"],
            SERVER["credential"],
        )
    assert all(is_unroutable(one.get("host", "")) for one in services[3:])
    assert [one.get("port") for one in services[3:]] == ["3478", "443"]


def test_services_in_json() -> None:
    """As Jitsi pushes them."""
    before = {"services": [{"type": "stun", "host": "stun.example.org", "port": 3478}]}
    after = rewritten(before)["services"]
    assert [(one["type"], one["host"]) for one in after[:2]] == [
        ("turn", "relay.example.net"),
        ("turns", "relay.example.net"),
    ]
    assert {one["password"] for one in after[:2]} == {SERVER["credential"]}
    assert is_unroutable(after[2]["host"]) and len(after) == 3


# Where lengths count

LIST = json.dumps({"iceServers": [{"urls": STUN}]}, separators=(",", ":"))


@pytest.mark.parametrize(
    "content",
    [
        LIST,
        f"\n {LIST}\n",
        f"[{LIST}]",
        f'42["config",{LIST}]',  # Engine.IO 4, Socket.IO 5
        f'42/room,7["config",{LIST}]',
        f'430[{LIST}]\x1e42["x"]',
        f'{{"type":1}}\x1e{LIST}\x1e',  # SignalR
        f"data: {LIST}\n\n",
        f"event: x\nid: 7\ndata: {LIST}\n\n",
        SERVICES % 2,
    ],
)
def test_free(content: str) -> None:
    assert offers.is_free(content.encode())
    made = guarded(content, SERVER)
    assert b"relay.example.net" in made.content and b"stun.example.org" not in made.content


@pytest.mark.parametrize(
    "content",
    [
        f'{len(LIST) + 14}:42["config",{LIST}]',  # Engine.IO 3
        f"{len(LIST)}\n{LIST}",  # WebChannel
        f"[{LIST}]\n7\n[[9,[]]]",
        f"MESSAGE\ncontent-length:{len(LIST)}\n\n{LIST}\0",  # STOMP
        f"SIP/2.0 200 OK\r\nContent-Length: {len(LIST)}\r\n\r\n{LIST}",
        f"--b\r\nContent-Type: application/json\r\n\r\n{LIST}\r\n--b--",
        LIST[:-1],  # a piece of a longer message
        LIST[1:],
        LIST[: LIST.index("]")],
        f"\x05\x00{LIST}",
        f"\x81{LIST}",
        f'{{"a":"\x00"}}{LIST}',
        "",
        "\x1e",
    ],
)
def test_not_free(content: str) -> None:
    raw = content.encode("latin-1")
    assert not offers.is_free(raw)
    made = guarded(raw, SERVER)
    assert len(made.content) == len(raw)
    assert b"stun.example.org" not in made.content


def test_a_piece_that_ends_as_a_whole_does() -> None:
    """Firebase cuts a message every so many characters, wherever that is."""
    piece = '{"t":"d","d":{"iceServers":[{"urls":"stun:stun.example.org"}'
    assert not offers.is_free(piece.encode())


COUNTING = ("engine.io 3", "webchannel", "stomp", "sip", "multipart", "protobuf", "livekit",
            "msgpack", "cbor", "bson", "mqtt", "grpc-web", "zoom", "rumor")  # fmt: skip


@pytest.mark.parametrize(
    "layer", [one for one in LAYERS if one.name in COUNTING], ids=lambda one: one.name
)
@given(seed=st.integers(0, 99))
def test_containers_that_count(layer: Layer, seed: int) -> None:
    """A receiver that is strict about lengths reads on."""
    content = wrap(Written(LIST, frozenset()), (layer,), seed, plain=True).content
    made = guarded(content, SERVER)
    assert len(made.content) == len(content)
    assert b"stun.example.org" not in made.content
    layer.decode(made.content)


# Anything


@given(st.text('{}[]":,urlsice ServrstnX\\', max_size=80).map(str.encode) | st.binary(max_size=60))
def test_total_and_idempotent(content: bytes) -> None:
    made = offers.with_servers(content, (SERVER,))
    assert offers.with_servers(made, (SERVER,)) == made
    offers.is_free(content)


json_values = st.recursive(
    st.sampled_from([STUN, TURN, "x", 1, None, "a\"'\\b", True, "iceServers"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["iceServers", "urls", "url", "uris", "username", "credential",
                             "services", "a", "properties", "session_id", "turn_servers"]),
            inner, max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values, st.sampled_from([None, 2]))
def test_json_stays_json(value: Any, indent: int | None) -> None:
    """Whatever shape it has, its receiver can read it, and it is settled at once."""
    content = json.dumps(value, indent=indent)
    made = guarded(content, SERVER)
    after = json.loads(made.content)
    assert type(after) is type(value)
    assert b"stun.example.org" not in made.content and b"turn.example.org" not in made.content

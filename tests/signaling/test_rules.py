"""What rules change in signaling, by each key that they can name there."""

import json

import pytest

from rtcguard.ice.server import RtcIceServer
from rtcguard.policy.load import load
from rtcguard.policy.model import Config
from rtcguard.signaling import Message, Rewrite, rewrite
from rtcguard.signaling.links import rewrite_links

RELAY: RtcIceServer = {"urls": ["turn:relay.example.net"], "username": "u", "credential": "c"}
OWN = "turn:turn.example.org:443?transport=tcp"
STUN = "stun:stun.example.org:19302"
MONDAY_NOON = 12 * 60
HOST = "candidate:1 1 udp 2113937151 192.168.7.5 50000 typ host"


def config(match: str, action: str) -> Config:
    server = "{urls: turn:relay.example.net, username: u, credential: c}"
    rule = f"{{name: r, match: {match}, action: {action}}}"
    return load(f"version: 1\nrelay: {{servers: [{server}]}}\nrules: [{rule}]\n", "f.yaml")


def passed(content: str, match: str, action: str, *, inbound: bool) -> Rewrite:
    message = Message(
        content.encode(),
        "inbound" if inbound else "outbound",
        site="meet.example.org",
        client="192.168.7.5",
        destination="signal.example.org:8443",
        path="/rtc/1",
        protocol="websocket",
        user="alice",
        minute=MONDAY_NOON,
        servers=(RELAY,) if inbound else (),
    )
    return rewrite(message, config(match, action))


KEYS = [
    ("{site: '*.example.org'}", True),
    ("{site: '*.example.net'}", False),
    ("{user: alice}", True),
    ("{user: [bob, carol]}", False),
    ("{not: {user: '*'}}", False),
    ("{path: /rtc}", True),
    ("{client: private}", True),
    ("{destination: signal.example.org}", True),
    ("{destination: 10.0.0.0/8}", False),
    ("{port: 8000-9000}", True),
    ("{port: 443}", False),
    ("{protocol: websocket}", True),
    ("{protocol: http}", False),
    ("{time: mon 08:00-18:00}", True),
    ("{time: mon 12:01-18:00}", False),
    ("{not: {time: 08:00-18:00}}", False),
    ("{ring: signaling}", True),
    ("{ring: [page, network]}", False),
]


@pytest.mark.parametrize(("match", "holds"), KEYS)
def test_candidates(match: str, holds: bool) -> None:
    made = passed(HOST, match, "keep", inbound=False)
    assert (made.content == HOST.encode()) == holds
    (record,) = made.records
    assert record.rule == ("r" if holds else "default:outbound")


@pytest.mark.parametrize(("match", "holds"), KEYS)
def test_lists_of_servers(match: str, holds: bool) -> None:
    match = match.replace("{", "{server: 'turn:*', ", 1)
    lists = json.dumps({"iceServers": [{"urls": OWN, "username": "a", "credential": "b"}]})
    made = passed(lists, match, "keep", inbound=True)
    assert (OWN in made.content.decode()) == holds
    assert made.records[0].rule == ("r" if holds else "relay:site_servers")


@pytest.mark.parametrize(
    ("server", "kept"),
    [
        ("turn:*", [OWN]),
        ("stun:*", [STUN]),
        ("['stun:*', 'turn:*']", [OWN, STUN]),
        ("turn:*.example.org", [OWN]),
        ("turn:turn.example.org:443?transport=tcp", [OWN]),
        ("turn:turn.example.org:3478", []),
        ("turns:*", []),
        ("turn:*.example.net", []),
    ],
)
def test_which_servers_are_kept(server: str, kept: list[str]) -> None:
    lists = json.dumps(
        {"iceServers": [{"urls": OWN, "username": "a", "credential": "b"}, {"urls": STUN}]}
    )
    made = passed(lists, f"{{server: {server if '[' in server else repr(server)}}}", "keep",
                  inbound=True)  # fmt: skip
    told = [one["urls"] for one in json.loads(made.content)["iceServers"]]
    assert [one for one in told if one in (OWN, STUN)] == kept
    assert RELAY["urls"][0] in told


def lists(content: bytes) -> list[object]:
    return [one["urls"] for one in json.loads(content)["iceServers"]]


def test_drop_leaves_nothing_in_its_place_and_replace_does() -> None:
    content = json.dumps({"iceServers": [{"urls": STUN}]})
    dropped = passed(content, "{server: 'stun:*'}", "drop", inbound=True)
    (gone,) = lists(dropped.content)
    assert str(gone).endswith(".invalid:19302")
    replaced = passed(content, "{server: 'stun:*'}", "replace", inbound=True)
    assert lists(replaced.content) == RELAY["urls"]
    for made, action in ((dropped, "drop"), (replaced, "replace")):
        assert [(one.action, one.rule) for one in made.records] == [("stripped", "r")]
        again = passed(made.content.decode(), "{server: 'stun:*'}", action, inbound=True)
        assert again.content == made.content


def test_what_is_not_dropped_is_replaced_as_ever() -> None:
    content = json.dumps({"iceServers": [{"urls": STUN}, {"urls": OWN, "username": "a"}]})
    made = passed(content, "{server: 'stun:*'}", "drop", inbound=True)
    assert lists(made.content) == RELAY["urls"]


def test_without_a_server_drop_speaks_of_all_but_approved_ones() -> None:
    content = json.dumps({"iceServers": [{"urls": STUN}, {"urls": OWN, "username": "a"}]})
    made = passed(content, "{site: meet.example.org}", "drop", inbound=True)
    assert RELAY["urls"][0] not in lists(made.content)
    approved = json.dumps({"iceServers": [{"urls": RELAY["urls"][0], "username": "a"}]})
    assert RELAY["urls"][0] in passed(approved, "{}", "drop", inbound=True).content.decode()


def test_block_stops_the_message() -> None:
    content = json.dumps({"iceServers": [{"urls": STUN}]})
    made = passed(content, "{server: 'stun:*'}", "block", inbound=True)
    assert made.blocked == "rule 'r' says block"
    assert [one.action for one in made.records] == ["blocked"]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("keep", [f"<{RELAY['urls'][0]}>", f"<{STUN}>"]),
        ("drop", []),
        ("replace", [f"<{RELAY['urls'][0]}>"]),
    ],
)
def test_links(action: str, told: list[str]) -> None:
    message = Message(b"", "inbound", site="meet.example.org", servers=(RELAY,))
    rules = config("{server: 'stun:*'}", action)
    made, records = rewrite_links([f'<{STUN}>; rel="ice-server"'], message, rules)
    assert [one.partition(";")[0] for one in made] == told
    assert [one.rule for one in records] == ["r"]


def test_what_was_decided_is_not_remembered_past_its_minute() -> None:
    rules = config("{time: 08:00-18:00}", "keep")
    for minute, kept in ((18 * 60 - 1, True), (18 * 60, False), (24 * 60 + 8 * 60, True)):
        message = Message(HOST.encode(), "outbound", minute=minute)
        assert (rewrite(message, rules).content == HOST.encode()) == kept


def test_nor_for_another_user() -> None:
    rules = config("{user: alice}", "keep")
    for user in ("alice", "bob", "alice", ""):
        message = Message(HOST.encode(), "outbound", user=user)
        assert (rewrite(message, rules).content == HOST.encode()) == (user == "alice")

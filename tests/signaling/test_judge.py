"""What is decided and recorded: servers, opaque descriptions, repeated addresses, limits."""

import base64
import gzip
import json
from collections.abc import Callable

import pytest

from rtcguard.policy.load import load
from rtcguard.policy.model import Config, Relay, RelayServer
from rtcguard.policy.record import Record
from rtcguard.signaling import Rewrite
from rtcguard.signaling.judge import MAX_FINDINGS, Judge
from rtcguard.signaling.message import Message
from rtcguard.signaling.opening import MAX_DEPTH

from .offers import HOST, OFFER, RELAY, SRFLX, inbound, outbound, with_rule
from .searcher import addresses

# As clients encrypt a description (Trystero), or compress it (lz-string)
OPAQUE = (
    '{"type":"offer","sdp":"12,200,31,7$3mVbqJ8sWc1s"}',
    '{"offer": {"type": "offer", "sdp": "N4IgzgpgTglghgGxgLwnARgiAuA2iAGhAGMB7"}}',
    "42[\"signal\",{'sdp':'x9cml/YzichV2'}]",
    json.dumps({"data": json.dumps({"sdp": "QmFzZTY0"})}),
)


def told(records: tuple[Record, ...]) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.action, one.rule, one.candidate_type) for one in records]


# Opaque descriptions


@pytest.mark.parametrize("content", OPAQUE)
@pytest.mark.parametrize("direction", [outbound, inbound])
def test_opaque_is_recorded_and_passes(content: str, direction: Callable[[str], Rewrite]) -> None:
    made = direction(content)
    assert (made.content.decode(), made.blocked) == (content, "")
    assert told(made.records) == [("payload", "observed", "default:opaque", "opaque")]


@pytest.mark.parametrize("content", OPAQUE)
def test_opaque_is_blocked_by_a_rule(content: str) -> None:
    config = load(
        "version: 1\nrules: [{name: nothing unread, match: {candidate: [opaque]}, action: block}]",
        "x",
    )
    made = outbound(content, config)
    assert made.content == b"" and made.blocked
    assert told(made.records) == [("payload", "blocked", "nothing unread", "opaque")]
    assert not outbound(OFFER, config).blocked  # what can be read is decided by what it says


@pytest.mark.parametrize("content", OPAQUE)
@pytest.mark.parametrize("action", ["block", "strip", "keep"])
def test_a_rule_on_candidates_says_nothing_of_it(content: str, action: str) -> None:
    made = outbound(content, with_rule(action))
    assert told(made.records) == [("payload", "observed", "default:opaque", "opaque")]
    assert made.content.decode() == content


def test_opaque_is_not_blocked_in_monitor_mode() -> None:
    rules = with_rule("block", candidate=("opaque",)).rules
    made = outbound(OPAQUE[0], Config(mode="monitor", rules=rules))
    assert (made.content.decode(), made.blocked) == (OPAQUE[0], "")
    assert made.would_block == made.records[0].reason == "rule 'the rule' says block"
    assert (made.records[0].action, made.records[0].would) == ("observed", "blocked")


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"type": "offer", "sdp": OFFER}),
        json.dumps({"type": "offer", "sdp": base64.b64encode(OFFER.encode()).decode()}),
        json.dumps({"sdp": base64.b64encode(gzip.compress(OFFER.encode())).decode()}),
        json.dumps({"sdp": json.dumps({"sdp": OFFER})}),
        json.dumps({"type": "offer", "sdp": ""}),
        json.dumps({"type": "offer", "sdp": None}),
        json.dumps({"sdp": {"type": "offer"}}),
        json.dumps({"sdp": "a=ice-ufrag:F7gI\n"}),  # a fragment (Discord)
        json.dumps({"sdpMid": "audio"}),
    ],
)
def test_what_can_be_read_is_not_opaque(content: str) -> None:
    assert "opaque" not in {one.candidate_type for one in outbound(content).records}


# Servers


@pytest.mark.parametrize(
    ("uri", "relay", "action", "rule"),
    [
        ("stun:stun.example.org", Relay(), "stripped", "default:servers"),
        ("stun:stun.example.org", Relay(site_servers="keep"), "stripped", "default:servers"),
        ("turn:turn.example.org", Relay(), "stripped", "relay:site_servers"),
        ("turn:turn.example.org", Relay(site_servers="keep"), "kept", "relay:site_servers"),
        (
            "turn:TURN.example.org",
            Relay(servers=(RelayServer(urls=("turn:turn.example.org:3478?transport=udp",)),)),
            "kept",
            "relay:servers",
        ),
        (
            "turn:turn.example.org:3479",
            Relay(servers=(RelayServer(urls=("turn:turn.example.org:3478?transport=udp",)),)),
            "stripped",
            "relay:site_servers",
        ),
    ],
)
def test_servers(uri: str, relay: Relay, action: str, rule: str) -> None:
    content = json.dumps({"iceServers": [{"urls": uri}]})
    made = inbound(content, Config(relay=relay), destination="site.example.org:443")
    (record,) = made.records
    assert (record.kind, record.action, record.rule) == ("server", action, rule)
    host, _, port = record.destination.partition(":")
    assert (host, port or "3478") == (uri.split(":")[1].lower(), record.destination.split(":")[1])
    assert (made.content.decode() == content) == (action == "kept")
    monitored = inbound(content, Config(mode="monitor", relay=relay))
    assert monitored.content.decode() == content
    assert (monitored.records[0].action, monitored.records[0].would) == ("observed", action)


def test_each_server_is_recorded_once() -> None:
    uris = ["stun:a.example.org", "stun:b.example.org", "stun:a.example.org"]
    records = inbound(json.dumps({"iceServers": [{"urls": uris}]})).records
    assert [one.destination for one in records] == ["a.example.org:3478", "b.example.org:3478"]


# What else repeats an address


@pytest.mark.parametrize("told_as", ['"192.168.1.5"', "'192.168.1.5'", '"x 192.168.1.5:9"'])
def test_what_is_gone_is_gone_elsewhere(told_as: str) -> None:
    made = outbound(f'{{"candidate":"{HOST}","local":{told_as}}}')
    assert b"192.168.1.5" not in made.content
    assert ("description", "scrubbed") in {(one.kind, one.action) for one in made.records}


def test_private_addresses_beside_a_candidate() -> None:
    """By themselves they are values; in the midst of a text they may be anything."""
    content = f'{{"candidate":"{HOST}","lan":"10.1.2.3","version":"build 10.1.2.3 of x"}}'
    made = json.loads(outbound(content).content)
    assert made["lan"] != "10.1.2.3" and made["version"] == "build 10.1.2.3 of x"


def test_a_relay_s_address_stays_wherever_it_is() -> None:
    content = json.dumps({"candidate": RELAY, "relay": "198.51.100.7", "mine": "203.0.113.77"})
    made = json.loads(outbound(content).content)
    assert made["relay"] == "198.51.100.7" and made["mine"] != "203.0.113.77"


def test_nothing_is_repeated_without_a_finding() -> None:
    content = '{"lan":"10.1.2.3","chat":"my address is 192.168.1.5"}'
    made = outbound(content, client="10.1.2.3")
    assert (made.content.decode(), made.records) == (content, ())


# Candidates in the midst of other text


def test_a_field_of_a_binary_message() -> None:
    content = b"\x0a\x4b" + HOST.encode() + b"\x12\x01x" + SRFLX.encode() + b"\x00"
    made = outbound(content)
    assert not {"192.168.1.5", "203.0.113.77"} & addresses(made.content)
    assert len(made.content) == len(content)
    assert {one.address for one in made.records} == {"192.168.1.5", "203.0.113.77"}


def test_prose_about_candidates() -> None:
    """Inbound nobody takes a candidate out of prose; outbound it may be a log that is sent."""
    content = f"The log says {HOST} and nothing else."
    assert inbound(content).content.decode() == content
    assert "192.168.1.5" not in outbound(content).content.decode()


# Limits


def nested(levels: int) -> str:
    content = HOST
    for _ in range(levels):
        content = base64.b64encode(content.encode()).decode()
    return content


def test_as_deep_as_can_be_looked_at() -> None:
    made = outbound(nested(MAX_DEPTH))
    assert not made.blocked and made.content.decode() != nested(MAX_DEPTH)


@pytest.mark.parametrize("direction", [outbound, inbound])
def test_nested_too_deep(direction: Callable[[str], Rewrite]) -> None:
    made = direction(nested(MAX_DEPTH + 1))
    assert made.content == b""
    assert made.blocked == "it is nested deeper than can be looked at"


def test_a_bomb() -> None:
    bomb = gzip.compress(b"typ " + bytes(4_000_000), 9)
    made = outbound(bomb * 8)
    assert (made.content, made.blocked) == (b"", "it unpacks to more than can be looked at")


def test_limits_do_not_block_in_monitor_mode() -> None:
    for content in (nested(MAX_DEPTH + 1).encode(), f"a={HOST}\n".encode() * (MAX_FINDINGS + 9)):
        made = outbound(content, Config(mode="monitor"))
        assert (made.content, made.blocked) == (content, "") and made.would_block


@pytest.mark.parametrize(
    "line",
    [
        "a=" + HOST.replace("192.168.1", "10.%s"),
        "c=IN IP4 10.%s.5",
        '{"foundation":"1","ip":"10.%s.5"}',
        "x typ \x00" + HOST.replace("192.168.1", "10.%s") + "\x00",
    ],
)
def test_more_findings_than_any_call_has(line: str) -> None:
    content = "\r\n".join(
        line.replace("%s", f"{at // 256}.{at % 256}") for at in range(MAX_FINDINGS + 1)
    )
    made = outbound(content)
    assert made.content == b""
    assert made.blocked == f"more than {MAX_FINDINGS} candidates and addresses"


def test_more_servers_than_any_site_has() -> None:
    content = json.dumps([f"stun:s{at}.example.org" for at in range(MAX_FINDINGS + 1)])
    made = inbound(content)
    assert (made.content, bool(made.blocked)) == (b"", True)


def test_as_many_findings_as_may_be() -> None:
    content = "\r\n".join(f"c=IN IP4 10.{at // 256}.{at % 256}.5" for at in range(MAX_FINDINGS))
    made = outbound(content)
    assert not made.blocked and len(made.records) == MAX_FINDINGS


# The judge itself


def test_the_first_reason_to_block_is_told() -> None:
    judge = Judge(Message(b"", "outbound"), Config())
    judge.block("one")
    judge.block("two")
    assert judge.blocked == "one"


def test_refused_as_a_whole() -> None:
    judge = Judge(Message(b"", "inbound", site="s", client="10.0.0.1", destination="d:1"), Config())
    judge.refuse("not readable at all")
    (record,) = judge.records()
    assert judge.blocked == record.reason == "not readable at all"
    assert (record.kind, record.action, record.rule) == ("payload", "blocked", "default:opaque")
    assert (record.site, record.client, record.destination) == ("s", "10.0.0.1", "d:1")
    assert (record.address, record.scope) == ("", "")

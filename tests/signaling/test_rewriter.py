"""The rewriter in detail: an offer, decisions, records."""

import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qsl, quote_plus

import pytest

from rtcguard.policy.load import load
from rtcguard.policy.model import Config
from rtcguard.policy.rule import CANDIDATE_TYPES, OF_SERVERS, OF_TLS, RULE_ACTIONS
from rtcguard.signaling import Rewrite

from .offers import (
    HOST,
    MDNS,
    OFFER,
    RELAY,
    SRFLX,
    changed_lines,
    inbound,
    outbound,
    with_rule,
)
from .searcher import addresses
from .strategies import STYLES, quoted

# An offer in detail


def test_an_offer() -> None:
    made = outbound(OFFER)
    assert made.content.decode().splitlines() == [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 0.0.100.100",
        "s=-",
        "t=0 0",
        "m=application 46154 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.10.100.100",
        "a=rtcp:9 IN IP4 0.0.100.100",
        "a=ice-ufrag:F7gI",
        "a=ice-pwd:x9cml/YzichV2+XlhiMu8g",
        "a=x-rtcguard:host ".ljust(len(HOST) + 2, "0"),
        "a=x-rtcguard:srflx ".ljust(len(SRFLX) + 2, "0"),
        f"a={RELAY}".replace("203.0.113.77", "0.10.100.100").replace("46154", "10000"),
        "a=x-rtcguard:host ".ljust(len(MDNS) + 2, "0"),
        "a=end-of-candidates",
        "a=mid:0",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("c=IN IP4 192.168.1.5", "c=IN IP4 0.0.100.100"),
        ("c=IN IP4 198.51.100.7", "c=IN IP4 198.51.100.7"),  # the relay below
        ("c=IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0"),
        ("c=IN IP4 127.0.0.1", "c=IN IP4 127.0.0.1"),
        ("c=IN IP4 224.2.1.1/127", "c=IN IP4 224.2.1.1/127"),
        ("c=IN IP4 10.0.0.1/127", "c=IN IP4 0.0.0.10/127"),
        ("c=IN IP6 2001:db8:1::5", "c=IN IP6 0000::000:000"),
        ("c=IN IP6 ::", "c=IN IP6 ::"),
        ("C=in  ip4\t192.168.1.5", "C=in  ip4\t0.0.100.100"),
        ("o=alice 1 1 IN IP4 host.example.org", "o=alice 1 1 IN IP4 00000000.invalid"),
        ("o=mozilla...THIS_IS_SDPARTA-99.0 5 0 IN IP4 0.0.0.0",) * 2,
        ("a=rtcp:46155 IN IP4 192.168.1.5", "a=rtcp:46155 IN IP4 0.0.100.100"),
        ("a=rtcp:46155", "a=rtcp:46155"),
        (
            "a=remote-candidates:1 192.168.1.5 4000 2 2001:db8:1::5 4001",
            "a=remote-candidates:1 0.0.100.100 4000 2 0000::000:000 4001",
        ),
        ("a=x-vendor:c=IN IP4 10.9.9.9", "a=x-vendor:c=IN IP4 10.9.9.9"),  # told by nobody else
        ("a=x-vendor:192.168.1.5:46154", "a=x-vendor:0.0.100.100:46154"),  # the host's below
        ("a=x-vendor:192.168.1.55", "a=x-vendor:192.168.1.55"),  # not the host's
        ("a=x-client:203.0.113.250", "a=x-client:0.100.100.100"),  # the client's own
    ],
)
def test_lines(line: str, expected: str) -> None:
    text = f"v=0\r\n{line}\r\na={HOST}\r\na={RELAY}\r\n"
    made = outbound(text, client="203.0.113.250").content.decode().splitlines()
    assert made[1] == expected


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", ""])
def test_line_ends_stay(end: str) -> None:
    text = (end or "\n").join(["v=0", f"a={HOST}", "a=mid:0"]) + end
    made = outbound(text).content.decode()
    assert made == text.replace(f"a={HOST}", "a=x-rtcguard:host ".ljust(len(HOST) + 2, "0"))


def test_relay_keeps_its_address_and_loses_the_related() -> None:
    made = outbound(RELAY).content.decode()
    assert made == (
        "candidate:2966157206 1 udp 41885439 198.51.100.7 49153 typ relay raddr 0.10.100.100 "
        "rport 10000 generation 0 ufrag F7gI network-cost 999"
    )


def test_related_address_on_a_vendors_line() -> None:
    """What is taken out of a relay candidate must not stay on a line of the same description."""
    made = outbound(f"v=0\r\na={RELAY}\r\na=x-local:203.0.113.77\r\n")
    assert "203.0.113.77" not in made.content.decode()


@pytest.mark.parametrize("told", ["2001:DB8:1::5", "2001:db8:1:0:0:0:0:5", "2001:db8:1::0005"])
def test_vendors_line_in_another_spelling(told: str) -> None:
    host = HOST.replace("192.168.1.5", "2001:db8:1::5")
    made = outbound(f"v=0\r\na={host}\r\na=x-local:{told}\r\n")
    assert "2001:db8:1::5" not in addresses(made.content)


@pytest.mark.parametrize("told", ["192.168.1.5:4000", "local=192.168.1.5", "[fd00:aaaa::17]:4000"])
def test_extension_that_holds_an_address_and_more(told: str) -> None:
    made = outbound(f"{RELAY} x-from {told}")
    assert not {"192.168.1.5", "fd00:aaaa::17"} & addresses(made.content)


def test_upper_case_related_address() -> None:
    """The grammar's words are case-insensitive (RFC 5234 section 2.3), and some stacks agree."""
    made = outbound(RELAY.replace("raddr", "RADDR").replace("rport", "RPORT")).content.decode()
    assert "203.0.113.77" not in made
    assert "RPORT 10000" in made


@pytest.mark.parametrize("style", STYLES)
def test_scrubbed_relay_is_readable(style: str) -> None:
    """One bad a=candidate line makes libwebrtc refuse the whole description."""
    made = outbound(f'{{"sdp":{quoted(f"v=0\r\na={RELAY}\r\n", style, 7)}}}')
    assert not made.blocked
    line = json.loads(made.content)["sdp"].splitlines()[1]
    if line.startswith("a=candidate:"):
        words = line.split()
        assert words[words.index("rport") + 1].isdigit()
        assert int(words[words.index("rport") + 1]) < 65536
        assert words[4] == "198.51.100.7"
    else:
        assert line.startswith("a=x-rtcguard:relay ")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_candidate_in_strings(style: str, levels: int) -> None:
    text = HOST
    for _ in range(levels):
        text = f'{{"candidate":{quoted(text, style, 3)}}}'
    made = outbound(text)
    clear = made.content.decode()
    for _ in range(levels):
        clear = json.loads(clear)["candidate"]
    assert clear.startswith("candidate:0 1 udp 0 0.0.0.0 9 typ host x 0")


@pytest.mark.parametrize("style", STYLES)
def test_description_in_a_string(style: str) -> None:
    made = outbound(f'{{"type":"offer","sdp":{quoted(OFFER, style, 5)}}}')
    assert not made.blocked
    clear = json.loads(made.content)["sdp"]
    assert len(clear.splitlines()) == len(OFFER.splitlines())
    assert "a=ice-pwd:x9cml/YzichV2+XlhiMu8g" in clear
    assert addresses(made.content) <= {"198.51.100.7", *(a for a in addresses(made.content)
                                                         if a.startswith("0."))}  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        # Line ends that were escaped once more than the string needs (Teams, Webex).
        json.dumps({"sdp": OFFER.replace("\r\n", "\\r\\n")}),
        # One piece of a message that was cut: neither quote is there (Firebase, fragments).
        json.dumps(OFFER)[1:-1],
        json.dumps(OFFER)[40:-1],
        json.dumps(OFFER)[1:-40],
    ],
    ids=["escaped twice", "no quotes", "a piece from within", "a piece without its end"],
)
def test_line_ends_as_text(content: str) -> None:
    made = outbound(content)
    assert made.blocked or not {"192.168.1.5", "203.0.113.77"} & addresses(
        made.content.replace(b"\\\\r\\\\n", b" ").replace(b"\\r\\n", b" ")
    )


def test_stray_quotes_hide_nothing() -> None:
    text = f'say "hello\n{{"candidate":"{HOST}"}}\nit"s {{"candidate":"{HOST}"}}'
    assert "192.168.1.5" not in outbound(text).content.decode()


@pytest.mark.parametrize("around", ["I saw %s in my logs", '{"log":"[ice] local: %s, sent"}'])
def test_a_candidate_in_prose_loses_its_address_alone(around: str) -> None:
    """A log that is uploaded tells as much as signaling does; all else of it stays."""
    made = outbound(around % HOST).content.decode()
    assert made == around % HOST.replace("192.168.1.5", "0.0.100.100")
    assert inbound(around % HOST).content.decode() == around % HOST


# Decisions


@pytest.mark.parametrize(
    ("action", "content", "done"),
    [
        ("keep", RELAY, "kept"),
        ("observe", RELAY, "observed"),
        ("block", "", "blocked"),
        ("scrub", RELAY.replace("203.0.113.77", "0.10.100.100").replace("46154", "10000"),
         "scrubbed"),
        ("strip", "candidate:0 1 udp 0 0.0.0.0 9 typ host x ".ljust(len(RELAY), "0"), "stripped"),
    ],
)  # fmt: skip
def test_rule_actions(action: str, content: str, done: str) -> None:
    made = outbound(RELAY, with_rule(action))
    assert made.content.decode() == content
    assert bool(made.blocked) == (action == "block")
    (record,) = made.records
    assert (record.action, record.rule) == (done, "the rule")


@pytest.mark.parametrize("action", RULE_ACTIONS)
def test_rule_actions_on_lines(action: str) -> None:
    text = f"v=0\r\nc=IN IP4 192.168.1.5\r\na={HOST}\r\n"
    made = outbound(text, with_rule(action, candidate=("host",)))
    lines = made.content.decode().splitlines()
    if action == "block":
        assert made.blocked and not lines
    elif action == "strip":
        assert lines[1:] == [
            "c=IN IP4 0.0.100.100",
            "a=x-rtcguard:host ".ljust(len(HOST) + 2, "0"),
        ]
    elif action in (*OF_SERVERS, *OF_TLS):  # they do not speak of candidates
        assert made.content == outbound(text).content != text.encode()
    else:  # what passes as a candidate may be the default address (RFC 8839 section 5.1.1.2)
        assert lines == text.splitlines()


def test_block_in_one_of_many_blocks_all() -> None:
    made = outbound(OFFER, with_rule("block", candidate=("srflx",)))
    assert made.content == b""
    assert made.blocked == "rule 'the rule' says block"
    assert {record.action for record in made.records} >= {"blocked", "stripped"}


def test_monitor_does_not_block() -> None:
    rule = with_rule("block").rules
    made = outbound(OFFER, Config(mode="monitor", rules=rule))
    assert (made.content, made.blocked) == (OFFER.encode(), "")
    assert made.would_block == "rule 'the rule' says block"
    assert {(r.action, r.would) for r in made.records if r.kind == "candidate"} == {
        ("observed", "blocked")
    }


@pytest.mark.parametrize("kind", CANDIDATE_TYPES)
def test_rule_on_a_type(kind: str) -> None:
    text = "x".join(f"candidate:1 1 udp 1 192.168.1.5 9 typ {kind}".split("x"))
    config = with_rule("keep", candidate=(kind,))
    assert outbound(text, config).content.decode() == text


def test_unknown_type_is_not_relay() -> None:
    made = outbound(HOST.replace("typ host", "typ anycast"))
    assert "192.168.1.5" not in made.content.decode()
    assert made.records[0].candidate_type == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        HOST.replace("46154", "99999"),  # no port
        HOST.replace("2122260223", "-1"),
        HOST.replace("generation 0", "generation"),
        HOST.replace("typ host", "typ"),
        RELAY.replace("41885439", "many"),
        "a=" + MDNS.replace("50123", "x"),
    ],
)
@pytest.mark.parametrize("around", ["%s", "v=0\r\n%s\r\n", '{"candidate":"%s"}'])
def test_unreadable_is_stripped(text: str, around: str) -> None:
    made = outbound(around % text)
    assert len(made.content) == len(around % text)
    assert not addresses(made.content) - {"0.0.0.0"}
    assert made.records[0].candidate_type == "unknown"
    assert made.records[0].action == "stripped"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (HOST.replace("46154", "99999"), "192.168.1.5"),
        (HOST.replace("46154", "99999").replace("192.168.1.5", "2001:db8:1::5"), "2001:db8:1::5"),
        (MDNS.replace("50123", "99999"), "1f4712db-ea17-4bcf-a596-105139dfd8bf.local"),
    ],
)
def test_unreadable_is_recorded_with_its_address(text: str, address: str) -> None:
    assert outbound(text).records[0].address == address
    # An address rule decides by that very address, too.
    if ":" not in address and not address.endswith("local"):
        rule = load("version: 1\nrules: [{name: r, match: {address: 192.168.0.0/16}, "
                    "action: block}]", "x").rules  # fmt: skip
        assert outbound(text, Config(rules=rule)).blocked


def test_relay_that_is_the_client_itself() -> None:
    made = outbound(RELAY, client="198.51.100.7")
    assert "198.51.100.7" not in made.content.decode()
    assert made.records[0].action == "stripped"


@pytest.mark.parametrize(
    ("config", "confirmed", "kept"),
    [
        ("auto", "", False),
        ("auto", "page", True),
        ("auto", "network", True),
        ("keep", "", True),
        ("strip", "page", False),
    ],
)
def test_inbound(config: str, confirmed: str, kept: bool) -> None:
    made = inbound(OFFER, Config(inbound=config), confirmed=confirmed)  # type: ignore[arg-type]
    if kept:
        assert made.content.decode() == OFFER
    else:
        changed = changed_lines(OFFER, made.content.decode())
        assert [old for old, _ in changed] == [f"a={one}" for one in (HOST, SRFLX, RELAY, MDNS)]
        assert all(new.startswith("a=x-rtcguard:") for _, new in changed)
    assert {record.rule for record in made.records} == {f"inbound:{config}"}
    assert {record.direction for record in made.records} == {"inbound"}


# Records


def test_records() -> None:
    made = outbound(OFFER, site="meet.example.org", client="192.168.1.5", destination="s:443")
    found = [
        (r.kind, r.action, r.address, r.port, r.scope, r.candidate_type, r.ufrag)
        for r in made.records
    ]
    assert found == [
        ("candidate", "stripped", "192.168.1.5", 46154, "private", "host", "F7gI"),
        ("candidate", "stripped", "203.0.113.77", 46154, "public", "srflx", "F7gI"),
        ("candidate", "scrubbed", "198.51.100.7", 49153, "public", "relay", "F7gI"),
        ("candidate", "stripped", MDNS.split()[4], 50123, "mdns", "host", "F7gI"),
        ("description", "scrubbed", "192.168.1.5", 0, "private", "", ""),
        ("description", "scrubbed", "203.0.113.77", 0, "public", "", ""),
        ("description", "scrubbed", "192.168.1.5", 0, "private", "", ""),
    ]
    assert {r.reason for r in made.records if r.kind == "description"} == {
        "an address of the client in o=",
        "an address of the client in c=",
        "an address of the client in a=rtcp",
    }
    for record in made.records:
        assert (record.site, record.client) == ("meet.example.org", "192.168.1.5")
        assert (record.ring, record.direction) == ("signaling", "outbound")
        assert record.destination == "s:443"
        assert record.reason and record.rule


def test_ufrag_of_its_section() -> None:
    text = "".join(
        f"m=audio 9 x 0\r\na={HOST[:-len(' ufrag F7gI')].replace('46154', str(port))}\r\n"
        f"a=ice-ufrag:{ufrag}\r\n"
        for port, ufrag in ((1000, "AAAA"), (2000, "BBBB"))
    )  # fmt: skip
    records = outbound("v=0\r\n" + text).records
    assert [(r.port, r.ufrag) for r in records] == [(1000, "AAAA"), (2000, "BBBB")]


def test_a_blocked_address_is_recorded() -> None:
    """An address that cannot be overwritten in place is still one that tried to get out."""
    text = '{"sdp":"v=0\\r\\nc=IN IP4 \\u0031\\u0039\\u0032.168.1.5\\r\\n"}'
    for mode in ("enforce", "monitor"):
        made = outbound(text, Config(mode=mode))  # type: ignore[arg-type]
        assert [record.address for record in made.records] == ["192.168.1.5"]


def test_one_record_for_a_candidate_in_each_section() -> None:
    made = outbound(f"v=0\r\na={HOST}\r\nm=audio 9 x 0\r\na={HOST}\r\n")
    assert len(made.records) == 1


# What forms, games and binary maps have shown


@pytest.mark.parametrize(
    "content",
    [
        # Candidates without their name need no percent sign (werift, libdatachannel).
        "c=1+1+udp+2122260223+192.168.1.5+46154+typ+host",
        "a=1&c=1+1+udp+2122260223+192.168.1.5+46154+typ+host&b=%41",
        "c=candidate:1+1+udp+2122260223+192.168.1.5+46154+typ+host",
        "c=%0Acandidate:1+1+udp+2122260223+192.168.1.5+46154+typ+host",
        "c=candidate%3A1+1+udp+2122260223+192.168.1.5+46154+typ+host",
        "c=" + quote_plus(f"v=0\r\na={HOST}\r\n"),
    ],
)
def test_a_form(content: str) -> None:
    made = outbound(content)
    assert not made.blocked and len(made.content) == len(content)
    before, after = (parse_qsl(text) for text in (content, made.content.decode()))
    assert [key for key, _ in before] == [key for key, _ in after]
    assert not any("192.168.1.5" in value for _, value in after)
    assert b" " not in made.content  # it may be a URL


@pytest.mark.parametrize("word", ["turn:left", "turn:3", "turn:12", "stun:ned", "turn:around"])
def test_words_that_are_no_servers(word: str) -> None:
    """A game's moves: no server has a name of one label that every client knows."""
    content = f'{{"command":"{word}"}}'
    made = inbound(content)
    assert (made.content.decode(), made.blocked) == (content, "")


@pytest.mark.parametrize("host", ["a.io", "t.co", "abc.com", "ab.com.", "stun.io", "1.1.1.1"])
def test_servers_of_short_names(host: str) -> None:
    """There is no name under .invalid as short as some are, and the site must go on."""
    content = f'{{"iceServers":[{{"urls":["stun:{host}","stun:{host}:3478"]}}]}}'
    made = inbound(content)
    assert not made.blocked and len(made.content) == len(content)
    assert host not in made.content.decode()
    json.loads(made.content)


@pytest.mark.parametrize(
    ("direction", "content"),
    [
        (outbound, b"a=remote-candidates:" * 8_000),
        (outbound, b"a=remote-candidates:1 " * 4_900),
        (outbound, b"\x1f\x8b\x08\0" * 300_000),
        (outbound, b"\x78\x9c" * 200_000),
        (outbound, b'"typ \\' * 100_000),
        (outbound, b"%41&" * 100_000),
        (outbound, b"a=" + HOST.encode() + b"\r\n" + b"10.1.2.3 " * 50_000),
        (outbound, b'{"foundation":"x",' + b'"ip":"10.1.2.3",' * 20_000 + b"}"),
        (inbound, b'["stun:stun.example.org",' + b'"iceServers":[{' * 4_000),
        (inbound, b'["stun:stun.example.org",' + b'"iceServers":[{' * 4_000 + b"]"),
        (inbound, b'["stun:stun.example.org"]' + b"<service " * 50_000),
        (inbound, b'["stun:stun.example.org"]' + b'"services":[{' * 50_000),
    ],
    ids=lambda one: one[:24].decode("latin-1") if isinstance(one, bytes) else one.__name__,
)  # fmt: skip
def test_time(direction: Callable[..., Rewrite], content: bytes) -> None:
    """One message must not hold up the others. What takes time by the square takes minutes here."""
    server = {"urls": ["turn:relay.example.net"], "username": "u", "credential": "c"}
    text = content if direction is outbound else content.decode()
    made = direction(text, servers=(server,))
    assert made.blocked or len(made.content) >= len(content)


# What stands beside an address, and looks like a part of it

WIDE = "candidate:1 1 udp 41885439 198.51.100.7 9 typ relay raddr 192.168.1.5"


def _left(content: bytes) -> set[str]:
    made = outbound(content)
    assert not made.blocked
    return addresses(made.content) & {"192.168.1.5", "192.168.1.77", "printer.local"}


def test_a_run_of_letters_in_front_of_a_string_hides_none_in_it() -> None:
    """Of runs only the first is told by the search, and it may stand in another string."""
    hidden = base64.b64encode(HOST.encode()).decode()
    content = {"token": "A" * 40, "sdp": f"v=0\r\nc=IN IP4 192.168.1.77\r\na=x-b:{hidden}\r\n"}
    assert not _left(json.dumps(content).encode())


@pytest.mark.parametrize("before", [b"", b"\x01", b"\xfe\xff"])
@pytest.mark.parametrize("after", [b"", b"\xf8\x01", b"\x00\x01"])
def test_wide_text_of_either_order_to_its_last_letter(before: bytes, after: bytes) -> None:
    assert not _left(before + WIDE.encode("utf-16-be") + after)


@pytest.mark.parametrize("boundary", ["--x21ab--", "--boundary", "AAAA"])
@pytest.mark.parametrize("width", [64, 76, 1000])
def test_base64_ends_where_its_lines_do(boundary: str, width: int) -> None:
    """Without padding, what stands on the next line looks like more of it."""
    for spare in range(3):
        told = base64.b64encode(b"x" * spare + WIDE.encode("utf-16-le")).decode().rstrip("=")
        lines = "\r\n".join(told[at : at + width] for at in range(0, len(told), width))
        made = outbound(f"--x21ab\r\n\r\n{lines}\r\n{boundary}".encode()).content.decode()
        letters = made.split("\r\n\r\n")[1].removesuffix(boundary).replace("\r\n", "")
        assert not addresses(letters.encode()) & {"192.168.1.5"}


@pytest.mark.parametrize("width", [64, 76])
def test_a_relay_stays_in_base64_of_lines(width: int) -> None:
    """As encoders for mail write it, Android's too. The last line is shorter, and where it cuts the
    candidate, what is above it is no candidate of its own."""
    for spare in range(width):
        text = json.dumps({"n": "x" * spare, "candidate": f"{WIDE} rport 9 network-cost 999"})
        told = base64.b64encode(text.encode()).decode()
        lines = "".join(f"{told[at : at + width]}\n" for at in range(0, len(told), width))
        made = outbound(json.dumps({"message": lines}).encode())
        letters = json.loads(made.content)["message"].replace("\n", "")
        kept = json.loads(base64.b64decode(letters))["candidate"]
        assert kept.startswith("candidate:1 1 udp 41885439 198.51.100.7 9 typ relay raddr 0.0.")


def test_base64_in_events_within_a_string() -> None:
    told = base64.urlsafe_b64encode(WIDE.encode("utf-16-be") * 3).decode()
    lines = "".join(f"data:{told[at : at + 64]}\n" for at in range(0, len(told), 64))
    assert not _left(json.dumps({"sdp": f"id: 7\n{lines}\n"}).encode())


def test_a_local_name_before_the_next_field() -> None:
    sdp = f"v=0\r\na={MDNS}\r\na=x-local:{MDNS.split()[4]}"
    assert b".local" not in outbound(sdp.encode() + b"dtypeeoffer\xc9\x01").content


@pytest.mark.parametrize("length", [bytes((len(WIDE),)), b"\x79" + len(WIDE).to_bytes(2)])
def test_a_field_ends_where_its_length_says(length: bytes) -> None:
    """`01` behind it is the next field of protobuf, and no part of the address."""
    assert not _left(b"5abcdz" + length + WIDE.encode() + b"01")


def test_a_letter_that_is_no_length_hides_nothing() -> None:
    assert not _left(b"MSG" + b"G" + WIDE.encode() + b" rport 9 x-address 192.168.1.77 y 1")


def test_two_readings_of_one_message_come_to_rest() -> None:
    content = (
        b"v%3D0%0D%0A\na=rtcp:9 IN IP4 LE%200%0D%0Aa%3Dcandidate%3A1%201%20udp%201%20192.168.1.5"
        b"%209%20typ%20relay%20raddr%2o=- 1 1 IN IP6 0fd00%3Aaaaa%3A%3A17%20rport%2035713"
    )
    made = outbound(content)
    assert made.blocked or outbound(made.content).content == made.content

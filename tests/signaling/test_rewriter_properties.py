"""What holds for every message: the rewriter's properties, what comes back untouched, bombs."""

import json
import resource
import subprocess
import sys

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rtcguard.policy.model import Config
from rtcguard.policy.record import ACTIONS
from rtcguard.signaling import Message, rewrite

from .offers import (
    HOST,
    OFFER,
    RELAY,
    changed_lines,
    outbound,
)
from .searcher import addresses, canonical
from .strategies import Wrapped, candidates, descriptions, wrapped

# Anything

# What the rewriter looks for, in pieces that hypothesis puts together in ways nobody meant.
PIECES = [
    *(b'"', b'\\"', b"\\\\", b"\\", b"\r\n", b"\n", b" ", b"\\r\\n", b"\\u0022", b"\\u005c", b"{"),
    *(b"v=0", b"c=IN IP4 ", b"o=- 1 1 IN IP6 ", b"a=rtcp:9 IN IP4 ", b"a=remote-candidates:1 "),
    *(b"candidate:", b"a=candidate:1 1 udp 1 ", b"\\u0063andidate:", b" typ ", b"host", b"relay"),
    *(b"10.0.0.1", b"2001:db8::5", b"a.local", b"198.51.100.7", b" 9", b" raddr ", b" rport "),
    *(HOST.encode(), RELAY.encode(), json.dumps(OFFER).encode(), b"\xff", b"\x00", b"\xc3\xa9"),
]
soups = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=300), soups),
    st.sampled_from(["outbound", "inbound"]),
    st.sampled_from(["enforce", "monitor"]),
)
@example(b'a=' + HOST.encode() + b' x "' + HOST.encode() + b'"', "outbound", "enforce")  # fmt: skip
@example(HOST.encode() + b'\\u0020"x', "outbound", "enforce")
@example(b"\\u0043andidate:\ttyp\t" + b"\0" * 13 + b'" 1.0.0.0\t\0', "outbound", "enforce")
@example(b"\\u0043andidate:\ttyp\t" + b"\0" * 11 + b'\\\0"\t1.0.0.0', "outbound", "enforce")
def test_any_bytes(content: bytes, direction: str, mode: str) -> None:
    config = Config(mode=mode)  # type: ignore[arg-type]
    message = Message(content, direction, client="10.0.0.1")  # type: ignore[arg-type]
    made = rewrite(message, config)
    if mode == "monitor":
        assert made.content == content and not made.blocked
    elif made.blocked:
        assert made.content == b""
    else:
        assert len(made.content) == len(content)
        again = Message(made.content, direction, client="10.0.0.1")  # type: ignore[arg-type]
        assert rewrite(again, config).content == made.content
    assert {record.action for record in made.records} <= set(ACTIONS)


# What a client writes

messages = st.one_of(wrapped(descriptions()), wrapped(candidates()))
# Where no escape stands within an address nothing has to be blocked for want of room.
legible = st.one_of(
    wrapped(descriptions(), styles=("plain", "slashes")),
    wrapped(candidates(), styles=("plain", "slashes")),
)


@settings(max_examples=200, deadline=None)
@given(messages)
def test_no_address_of_the_client_is_left(message: Wrapped) -> None:
    made = outbound(message.content)
    forbidden = {canonical(one) or one for one in message.written.client}
    assert not forbidden & addresses(made.content)


@settings(max_examples=100, deadline=None)
@given(messages)
def test_idempotent(message: Wrapped) -> None:
    once = outbound(message.content)
    assume(not once.blocked)
    assert len(once.content) == len(message.content)
    assert outbound(once.content).content == once.content


@settings(max_examples=100, deadline=None)
@given(legible)
def test_not_blocked_and_relays_stay(message: Wrapped) -> None:
    made = outbound(message.content)
    assert not made.blocked
    assert {canonical(one) for one in message.written.relays} <= addresses(made.content)


@settings(max_examples=100, deadline=None)
@given(messages)
def test_what_stands_around_stays(message: Wrapped) -> None:
    made = outbound(message.content)
    assume(not made.blocked)
    assert made.content.startswith(message.head)
    assert made.content.endswith(message.tail)


@settings(max_examples=100, deadline=None)
@given(descriptions())
def test_other_lines_stay(written: object) -> None:
    text = written.text  # type: ignore[attr-defined]
    for old, new in changed_lines(text, outbound(text).content.decode()):
        assert len(old) == len(new)
        told = addresses(old.encode()) & {canonical(one) or one for one in written.client}  # type: ignore[attr-defined]
        assert told, f"changed without need: {old}"
        if "relay" in old.lower():
            words = [(a, b) for a, b in zip(old.split(), new.split(), strict=True) if a != b]
            assert all(addresses(a.encode()) or a.isdigit() for a, _ in words)


@settings(max_examples=100, deadline=None)
@given(messages)
def test_monitor_records_the_same_and_changes_nothing(message: Wrapped) -> None:
    enforced, watched = (
        outbound(message.content, Config(mode=mode)) for mode in ("enforce", "monitor")
    )
    assert watched.content == message.content and not watched.blocked
    assert {record.action for record in watched.records} <= {"observed"}
    told = [{(r.kind, r.address, r.port) for r in made.records} for made in (enforced, watched)]
    assert told[0] == told[1]


@settings(max_examples=100, deadline=None)
@given(messages)
def test_inbound_keep_changes_nothing(message: Wrapped) -> None:
    made = rewrite(Message(message.content, "inbound"), Config(inbound="keep"))
    assert made.content == message.content and not made.blocked


# What must come back byte for byte


@pytest.mark.parametrize(
    "content",
    [
        "candidate: Alice",
        '{"text":"candidate: Alice"}',
        '{"q":"candidate:Alice Smith, Springfield"}',
        '{"text":"candidate: Bob, interviewed at 10:30"}',
        '{"text":"Candidate:abc:def has the file, ask face:b00c"}',
        '{"text":"candidate: see http://192.168.1.5/vote and typ"}',
        '{"type":"host","candidate":"Alice","address":"12 Main Street, Springfield"}',
        '{"candidate":"","sdpMid":"0"}',
        '{"candidate":null}',
        '{"candidate":"candidate:","sdpMid":"0","note":"an empty one is an end"}',
        '{"message":"my address is 192.168.1.5, the server is 203.0.113.77"}',
        '{"post":"I saw a=candidate:1 1 udp 1 192.168.1.5 5000 typ host in my logs"}',
        '{"n":[1e3,1.50,-0,1E+2,0.1e-7],"n":2,"s":"\\ud800 \\udfff","e":"\\u0041\\/"}',
        '{"sdp":"v=0 is how it begins"}',
        '{"version":"v=0","in":"IN IP4 is a word of SDP"}',
        "v=0\r\ns=-\r\na=ice-ufrag:F7gI\r\na=end-of-candidates\r\n",
        '{"typ":"JWT","alg":"ES256","kid":"candidate"}',
        "\\u0041\\u0042 \\u002",
        "",
    ],
)
def test_not_signaling(content: str) -> None:
    made = outbound(content)
    assert made.content.decode() == content
    assert (made.records, made.blocked) == ((), "")


WORDS = ["candidate", "candidate:", "candidate: Alice", "typ", "host", "relay", "v=0", "10:30"]
PROSE = [*WORDS, "e:1", "Zoë", "\U0001f600", "\\", '"', "\n", "a=mid:0"]
# Beginning with `candidate:` and with the word `typ` it may be a candidate that is hard to read.
prose = st.one_of(
    st.lists(st.sampled_from(PROSE), max_size=6).map(" ".join), st.text(max_size=20)
).filter(lambda text: " typ " not in text.lower())
unrelated = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), prose),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS) | prose, inner),
)


@settings(max_examples=100, deadline=None)
@given(unrelated, st.booleans(), st.integers(0, 3))
def test_unrelated_json(value: object, ascii_only: bool, levels: int) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    for _ in range(levels):
        text = json.dumps({"data": text}, ensure_ascii=ascii_only)
    content = text.encode("utf-8", "surrogatepass")
    made = outbound(content)
    assert made.content == content
    assert not made.records


# Bombs

BOMBS = {
    "a candidate line of 10 MB": "b'a=candidate:' + b'1 ' * 5_000_000",
    "one word of 10 MB": "b'a=candidate:' + b'z' * 10_000_000",
    "one word of 10 MB and a type": "b'candidate: typ ' + b'z' * 10_000_000",
    "a hex word of 10 MB": "b'candidate: typ ' + b'f' * 10_000_000",
    "white space": "b'candidate:' + b' ' * 10_000_000 + b'\\n.'",
    "a connection line of 10 MB": "b'v=0\\nc=' + b'IN ' * 3_000_000",
    "many connection lines": "b'v=0\\n' + b'c=IN IP4 10.0.0.1\\n' * 500_000",
    "many addresses": "b'v=0\\n' + b''.join(b'c=IN IP4 10.%d.%d.9\\n' % divmod(i, 250)"
    " for i in range(50_000))",
    "many candidates": "b'v=0\\n' + b''.join(b'a=candidate:1 1 udp 1 10.%d.%d.9 9 typ host\\n'"
    " % divmod(i, 250) for i in range(50_000))",
    "many ufrags": "b'v=0\\n' + b'a=ice-ufrag:a\\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\\n'"
    " * 30_000",
    "points without a string": "b'candidate ' * 1_000_000 + b'\"'",
    "quotes": "b'\"' * 100_000 + b'candidate:'",
    "points in quotes": "b'\"candidate:1 1 udp 1 10.0.0.1 9 typ host\" ' * 100_000",
    "escaped quotes": "b'\\\\\"' * 1_000_000 + b'candidate:' * 10_000",
    "backslashes": "b'\"' + b'\\\\' * 5_000_000 + b'v=0' + b'\\\\' * 5_000_000 + b'\"'",
    "escapes": "b'\"' + b'\\\\u0063' * 1_500_000 + b'\"'",
    "nested strings": "nest(12)",
}
RUN = """
import json, sys
from rtcguard.policy.model import Config
from rtcguard.signaling import Message, rewrite
def nest(levels):
    text = "candidate:1 1 udp 1 10.0.0.1 9 typ host"
    for _ in range(levels):
        text = json.dumps([text])
    return text.encode() * 100
content = BOMB
made = rewrite(Message(content, "outbound"), Config())
assert made.blocked or len(made.content) == len(content)
"""


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bombs(bomb: str) -> None:
    """Each is read or refused within 5 seconds and 1 GB; on a plain body it is milliseconds."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.replace("BOMB", bomb)],
        timeout=5,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]

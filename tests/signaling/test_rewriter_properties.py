"""What holds for every message: the rewriter's properties, what comes back untouched, bombs."""

import base64
import gzip
import json
import os
import re
import resource
import subprocess
import sys
import tracemalloc
import zlib

import cbor2
import msgpack
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rtcguard.policy.model import Config
from rtcguard.policy.record import ACTIONS
from rtcguard.signaling import Message, rewrite

from .containers import (
    LAYERS,
    LENGTH_KEEPING,
    Carried,
    Layer,
    as_bytes,
    assume_marked,
    carried,
    leaves,
    odd_writings,
    wrap,
)
from .offers import (
    HOST,
    OFFER,
    RELAY,
    changed_lines,
    outbound,
)
from .searcher import addresses, canonical
from .strategies import Wrapped, Written, candidates, descriptions, wrapped

# More of them for a longer look: RTCGUARD_EXAMPLES=5000 pytest tests/signaling
EXAMPLES = int(os.environ.get("RTCGUARD_EXAMPLES", "150"))

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
    assert watched.would_block == enforced.blocked
    told = [
        [(r.kind, r.address, r.port, r.would or r.action, r.rule, r.reason) for r in made.records]
        for made in (enforced, watched)
    ]
    assert told[0] == told[1]


@settings(max_examples=100, deadline=None)
@given(messages)
def test_inbound_keep_changes_nothing(message: Wrapped) -> None:
    made = rewrite(Message(message.content, "inbound"), Config(inbound="keep"))
    assert made.content == message.content and not made.blocked


# What carries it: every encoding and framing of `containers.py`, in one another

anywhere = st.one_of(carried(), carried(deepest=1))
length_keeping = carried(LENGTH_KEEPING)
as_libraries_write = carried(LENGTH_KEEPING, plain=True)
odd = carried(LENGTH_KEEPING, odd_writings, deepest=2)


def of_client(message: Carried) -> set[str]:
    return {canonical(one) or one for one in message.client}


@settings(max_examples=EXAMPLES, deadline=None)
@given(anywhere)
def test_no_address_is_left_in_any_container(message: Carried) -> None:
    assume_marked(message)
    made = outbound(message.content)
    left = of_client(message) & addresses(made.content)
    assert not left, (message.names, made.content)


@settings(max_examples=EXAMPLES, deadline=None)
@given(odd)
def test_no_address_is_left_of_what_is_hard_to_read(message: Carried) -> None:
    made = outbound(message.content)
    left = of_client(message) & addresses(made.content)
    assert not left, (message.names, made.content)


@pytest.mark.parametrize("layer", LAYERS, ids=[layer.name for layer in LAYERS])
def test_each_container(layer: Layer) -> None:
    """An offer in each, as its library writes it: goes on, without the client, with its relay."""
    client = frozenset(
        {"192.168.1.5", "203.0.113.77", "1f4712db-ea17-4bcf-a596-105139dfd8bf.local"}
    )
    written = Written(OFFER, client, frozenset({"198.51.100.7"}))
    for seed in range(8):
        message = wrap(written, (layer,), seed, plain=True)
        made = outbound(message.content)
        assert not made.blocked, made.blocked
        assert addresses(made.content) & (client | written.relays) == written.relays
        open_and_compare(message, made.content)


@settings(max_examples=EXAMPLES, deadline=None)
@given(anywhere)
def test_containers_idempotent(message: Carried) -> None:
    once = outbound(message.content)
    assume(not once.blocked)
    again = outbound(once.content)
    assert again.content == once.content and not again.blocked


@settings(max_examples=EXAMPLES, deadline=None)
@given(length_keeping)
def test_length_stays(message: Carried) -> None:
    made = outbound(message.content)
    assume(not made.blocked)
    assert len(made.content) == len(message.content), message.names


@settings(max_examples=EXAMPLES, deadline=None)
@given(as_libraries_write)
def test_what_libraries_write_is_not_blocked_and_keeps_its_relays(message: Carried) -> None:
    made = outbound(message.content)
    assert not made.blocked, (message.names, made.blocked)
    kept = {canonical(one) for one in message.relays}
    assert kept <= addresses(made.content), message.names


@settings(max_examples=EXAMPLES, deadline=None)
@given(anywhere)
def test_only_findings_differ(message: Carried) -> None:
    made = outbound(message.content)
    assume(not made.blocked and made.content != message.content)
    # XML has no way to write a record's separator.
    assume(not any(b"\x1e" in payload for _, _, payload in message.opened))
    # A count of characters within a form: an escape in an escape may take another number of them.
    assume("engine.io 3" not in message.names[1:])
    # Of an IPv6 address that ends a CBOR string nobody can tell its end by looking at it.
    assume("cbor" not in message.names or ":" not in message.payload.decode().split()[-1])
    open_and_compare(message, made.content)


def open_and_compare(message: Carried, content: bytes) -> None:
    """Opens what was made as a receiver would, level by level. Each has its keys, lists, numbers
    and other strings as they were; a string that differs held an address."""
    for layer, before, payload in message.opened:
        old, new = (list(leaves(layer.decode(one))) for one in (before, content))
        assert [path for path, _ in old] == [path for path, _ in new], layer.name
        expected = payload.replace(b"\r\n", b"\n") if layer.name == "sse" else payload
        inner = None
        for (path, was), (_, became) in zip(old, new, strict=True):
            if as_bytes(was) == expected:
                inner = as_bytes(became)
            if was == became:
                continue
            held, holds = as_bytes(was), as_bytes(became)
            assert held is not None and holds is not None, (layer.name, path)
            assert of_client(message) & addresses(held), f"{layer.name} {path} changed: {held!r}"
        assert inner is not None, layer.name
        content = inner if expected == payload else inner.replace(b"\n", b"\r\n")
        if len(expected) != len(payload) and expected.replace(b"\n", b"\r\n") != payload:
            return  # a stream of events has one kind of line end: this cannot be opened further
    lines = message.payload.replace(b"\r\n", b"\n").split(b"\n")
    for was, became in zip(lines, content.replace(b"\r\n", b"\n").split(b"\n"), strict=True):
        assert was == became or of_client(message) & addresses(was), f"changed: {was!r}"


RELATED = re.compile(r"""(raddr|x-address|rel-addr|"relatedAddress")[\s=:"']*[^\s"']+""", re.I)


@settings(max_examples=EXAMPLES, deadline=None)
@given(anywhere)
def test_records_name_what_was_taken(message: Carried) -> None:
    made = outbound(message.content)
    assume(not made.blocked)
    inside = message.payload.decode("utf-8", "replace")
    # A candidate is recorded by its own address; one that it names beside may go unnamed.
    taken = of_client(message) & addresses(RELATED.sub(" ", inside).encode())
    taken -= addresses(made.content)
    named = {canonical(record.address) or record.address.lower() for record in made.records}
    assert taken <= named, message.names
    # And those that tell of an address that stays say so.
    acted = {record.action for record in made.records if record.address in message.relays}
    assert acted <= {"kept", "scrubbed"}


@settings(max_examples=EXAMPLES, deadline=None)
@given(anywhere, st.integers(0, 100_000), st.binary(max_size=4), st.booleans())
def test_damaged(message: Carried, at: int, put: bytes, cut: bool) -> None:
    """Cut off, or with other bytes at some place: still settled by one judging, or blocked."""
    content = message.content
    at %= len(content) + 1
    content = content[:at] + put + (b"" if cut else content[at + len(put) :])
    made = outbound(content)
    if made.blocked:
        assert made.content == b""
        return
    assert len(made.content) == len(content) or message.compressed
    assert outbound(made.content).content == made.content


@settings(max_examples=EXAMPLES, deadline=None)
@given(length_keeping, st.integers(0, 100_000))
def test_cut_off_at_the_end(message: Carried, at: int) -> None:
    """What is whole before the cut is judged as ever: a stream's part is a message too."""
    content = message.content[: at % (len(message.content) + 1)]
    made = outbound(content)
    told = {line.split()[4] for line in readable_candidates(content) if "host" in line}
    assert (
        not {canonical(one) or one for one in told} & of_client(message) & addresses(made.content)
    )


def readable_candidates(content: bytes) -> list[str]:
    """The candidates that stand in the clear with the line end after them."""
    lines = content.decode("latin-1").split("\n")[:-1]
    begins = ("a=candidate:", "candidate:")
    return [line for line in lines if line.startswith(begins) and len(line.split()) > 8]


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


# What is no signaling comes back byte for byte, in any container

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000001f15c4890000000d49444154789c6360"
    "000002000001e221bc330000000049454e44ae426082"
)
SCRIPT = (
    'var a=e=>e.candidate?{type:"host",candidate:e.candidate}:null;function b(t){return t.split('
    '"\\r\\n").filter(e=>0===e.indexOf("a=candidate:")||/typ (host|srflx|relay)/.test(e))}const c='
    "/^candidate:([0-9a-z]+) (\\d) (udp|tcp) (\\d+) ([0-9.]+) (\\d+) typ (host|relay)/i;"
    'fetch("/ping?ip=192.168.1.5",{body:"v=0"});'
)
CHATS = (
    '{"message":"my address is 192.168.1.5, not 203.0.113.77"}',
    '{"user":"candidate","ip":"192.168.1.5","action":"login"}',
    '{"type":"host","name":"printer.local","os":"linux"}',
    '{"candidate":"Ada","type":"relay","note":"relay race, typ host"}',
    "<p>candidate: 192.168.1.5 is what <b>typ host</b> means</p>",
    "GET /?candidate=1 HTTP/1.1\r\nX-Forwarded-For: 192.168.1.5\r\n\r\n",
    "candidate=Ada+Lovelace&address=192.168.1.5&type=host",
    SCRIPT,
)
binaries = st.one_of(
    st.binary(max_size=400),
    st.just(PNG),
    st.binary(max_size=200).map(zlib.compress),
    st.binary(max_size=200).map(lambda data: b"\x0a" + bytes([len(data) & 0x7F]) + data),
    unrelated.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
)
NONE: frozenset[str] = frozenset()


def comes_back(content: bytes) -> None:
    made = outbound(content)
    assert made.content == content
    assert (made.records, made.blocked) == ((), "")


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.one_of(st.sampled_from(CHATS), binaries.map(lambda data: base64.b64encode(data).decode())),
    st.lists(st.sampled_from(LAYERS), max_size=3),
    st.integers(0, 999),
)
def test_unrelated_in_containers(text: str, layers: list[Layer], seed: int) -> None:
    content = wrap(Written(text, NONE), tuple(layers), seed).content
    made = outbound(content)
    assert made.content == content and not made.blocked
    # Some framings call it `sdp`, so it may be told that this could not be read, and no more.
    assert {record.action for record in made.records} <= {"observed"}


@settings(max_examples=EXAMPLES, deadline=None)
@given(binaries)
def test_unrelated_binary(content: bytes) -> None:
    comes_back(content)
    comes_back(base64.b64encode(content))
    comes_back(content.hex().encode())


packable = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 2**63), st.binary(max_size=40), prose),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(packable)
def test_unrelated_packed(value: object) -> None:
    comes_back(bytes(msgpack.packb(value, unicode_errors="surrogatepass")))
    try:
        comes_back(cbor2.dumps(value))
    except UnicodeEncodeError:
        return  # CBOR knows no lone surrogates


# Bombs: they end, and within bounds of memory and of work


def nest_base64(levels: int, of: str = HOST) -> bytes:
    data = of.encode()
    for _ in range(levels):
        data = base64.b64encode(data)
    return data


def nest_json(levels: int, of: str = HOST) -> bytes:
    for _ in range(levels):
        of = json.dumps([of])
    return of.encode()


def gzip_bomb(size: int, times: int = 1) -> bytes:
    data = gzip.compress(bytes(1 << 20) * (size >> 20))
    for _ in range(times - 1):
        data = gzip.compress(data)
    return data


# What is repeated up to a size; each with what makes a scanner, a decoder or an editor look at it.
REPEATED = {
    "quotes": b'"',
    "escaped quotes": b'\\"',
    "backslashes": b"\\",
    "percent signs": b"%",
    "percent of percent": b"%25",
    "percent of a quote": b"%22",
    "base64 letters": b"aGVs",
    "one base64 letter": b"A",
    "hex": b"63616e646964617465",
    "lines": b"a=x\r\n",
    "candidates without an end": b"a=candidate:",
    "candidates": b"a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n",
    "keys": b'{"ip":',
    "whole objects": b'{"ip":"10.0.0.1","port":9,"type":"host","protocol":"udp"},',
    "one object of many keys": b'"ip":"10.0.0.1","port":9,',
    "brackets": b"[",
    "elements": b"<candidate ",
    "attributes": b" ip='10.0.0.1' type='host' port='9'",
    "references": b"&#99;",
    "ampersands": b"&",
    "UTF-16": "candidate:".encode("utf-16-le"),
    "zeros": b"\0",
    "gzip headers": b"\x1f\x8b\x08\0\0\0\0\0\0\3",
    "zlib headers": b"\x78\x9c",
    "base64 of gzip headers": b"H4sIAAAAAAAAA",
    "counted fields": b"\x0a\x05v=0\r\n",
    "lengths that lie": b"\x0a\xff\xff\xff\x0f",
    "escapes": b"\\u0063andidate:",
    "events": b"data: v=0\n",
    "parts": b"\r\n--x\r\n\r\nv=0\r\n",
    "types": b" typ host",
    "words": b"1 ",
    "dots": b"1.",
    "colons": b"1:",
}


@pytest.mark.parametrize("piece", REPEATED.values(), ids=REPEATED.keys())
def test_work_grows_with_the_size(piece: bytes) -> None:
    """Counted, not timed: twice the message takes about twice the steps of Python, or is refused.

    What a regular expression does within one step is not seen here, but `test_bombs` ends only if
    that is bounded as well.
    """
    once, twice = (work_of(piece * (size // len(piece))) for size in (10_000, 20_000))
    assert twice <= 3 * once + 20_000


def work_of(content: bytes) -> int:
    """How many lines of Python the rewriter runs for a message."""
    steps = 0
    events = sys.monitoring.events

    def count(code: object, line: int) -> None:
        nonlocal steps
        steps += 1

    tool = sys.monitoring.PROFILER_ID
    sys.monitoring.use_tool_id(tool, "work")
    try:
        sys.monitoring.register_callback(tool, events.LINE, count)
        sys.monitoring.set_events(tool, events.LINE)
        outbound(content)
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.register_callback(tool, events.LINE, None)
        sys.monitoring.free_tool_id(tool)
    return steps


MEMORY_TIMES, MEMORY_BESIDE = 40, 48 << 20


@pytest.mark.parametrize(
    "content",
    [
        *(piece * (400_000 // len(piece)) for piece in REPEATED.values()),
        *(nest_base64(20), nest_base64(3, HOST * 2000), nest_json(11)),
        *(gzip_bomb(100 << 20), gzip_bomb(100 << 20, 2), base64.b64encode(gzip_bomb(100 << 20, 2))),
    ],
    ids=[
        *(*REPEATED, "base64 20 times", "large base64 thrice", "JSON 11 times"),
        *("gzip of 100 MB", "gzip of gzip of 100 MB", "base64 of them"),
    ],
)
def test_memory_is_bounded(content: bytes) -> None:
    """At most 40 times the message and 48 MB beside: an inflated payload has its own bound."""
    tracemalloc.start()
    try:
        outbound(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= MEMORY_TIMES * len(content) + MEMORY_BESIDE


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
    "gzip of 100 MB": "gzip.compress(bytes(100_000_000))",
    "gzip of gzip of 100 MB": "gzip.compress(gzip.compress(bytes(100_000_000)))",
    "base64 of gzip of 100 MB": "base64.b64encode(gzip.compress(bytes(100_000_000)))",
    "base64 letters": "b'aGVs' * 2_500_000",
    "base64 of a candidate": "base64.b64encode(b'a=candidate:1 1 udp 1 10.0.0.1 9 typ host '"
    " * 100_000)",
    "percent signs": "b'%' * 10_000_000",
    "percent of percent": "b'%25' * 3_000_000",
    "keys": "b'{\"ip\":' * 1_500_000",
    "brackets": "b'[' * 10_000_000",
    "lines": "b'a=x\\r\\n' * 2_000_000",
    "candidates without an end": "b'a=candidate:' * 800_000",
    "zeros": "bytes(10_000_000)",
    "hex of a candidate": "(b'candidate:1 1 udp 1 10.0.0.1 9 typ host ' * 100_000).hex().encode()",
    "UTF-16": "('candidate:1 1 udp 1 10.0.0.1 9 typ host\\n' * 100_000).encode('utf-16')",
    "references": "b'&#99;' * 2_000_000",
    "gzip headers": "bytes.fromhex('1f8b08') * 3_000_000",
    "random": "random.Random(1).randbytes(10_000_000)",
    "base64 of random": "base64.b64encode(random.Random(1).randbytes(7_000_000))",
}
RUN = """
import base64, gzip, json, random, sys
from rtcguard.policy.model import Config
from rtcguard.signaling import Message, rewrite
def nest(levels):
    text = "candidate:1 1 udp 1 10.0.0.1 9 typ host"
    for _ in range(levels):
        text = json.dumps([text])
    return text.encode() * 100
content = BOMB
made = rewrite(Message(content, "outbound"), Config())
assert made.blocked or len(made.content) == len(content) or content[:2] in (b'H4', b'\\x1f\\x8b')
"""


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_bombs(bomb: str) -> None:
    """Each is read or refused, within 1 GB. The time is only what a test may wait for."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.replace("BOMB", bomb)],
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]

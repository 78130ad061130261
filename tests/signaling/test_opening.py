"""Which views are opened where: what could hide a candidate is looked through."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import PayloadBlocked
from rtcguard.signaling import escapes, opening
from rtcguard.signaling.opening import MAX_DEPTH, Budget
from rtcguard.signaling.scan import SHORTEST_RUN, points
from rtcguard.signaling.views import View, Whole

from .offers import HOST, OFFER

TEXT = HOST.encode()


def walk(view: View, budget: Budget, depth: int = 0) -> Iterator[View]:
    """Every view on a view, the one itself first."""
    yield view
    found = points(view.text)
    if depth > MAX_DEPTH:
        return
    inside = list(opening.strings(view, found))
    for start, end in inside:
        yield from walk(escapes.json_string(view, start, end, _nothing), budget, depth + 1)
    for child in opening.opened(view, found, inside, budget, _nothing):
        yield from walk(child, budget, depth + 1)


def _nothing() -> None:
    pass


def texts(content: bytes) -> list[bytes]:
    return [view.text for view in walk(Whole(content), Budget(len(content)))]


def standard(text: bytes) -> bytes:
    return base64.b64encode(text)


# JSON strings


@pytest.mark.parametrize("depth", range(7))
def test_found_at_any_depth(depth: int) -> None:
    content = HOST
    for _ in range(depth):
        content = json.dumps({"data": content})
    assert texts(content.encode()).count(TEXT) == 1


@pytest.mark.parametrize(
    "content",
    [
        '{"candidate":"%s"}',
        '{"a":"b","candidate": "%s" ,"c":"d"}',
        '["\\"","%s"]',
        '["\\\\","%s"]',
        '["\\\\\\"","%s"]',
        '"%s"',
        '"%s',
        '%s"',
        'it"s\n{"candidate":"%s"}',
        'it"s\r{"candidate":"%s"}',
        '{"\\u0063andidate":"%s"}',
    ],
)
def test_the_string_around(content: str) -> None:
    raw = (content % HOST.replace("typ", "\\u0074yp")).encode()
    assert TEXT in texts(raw)


@given(st.text('\\"\n:{}abc', max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_string_around_is_within(text: str, floor: int, point: int) -> None:
    raw = text.encode()
    point = min(point, max(0, len(raw) - 1))
    floor = min(floor, point)
    start, end = opening.string_around(raw, floor, point)
    assert floor <= start <= end <= len(raw)
    assert b"\n" not in raw[start:end]


@given(st.lists(st.sampled_from([HOST, "x", "typ ", '"', "\\"]), max_size=6))
def test_each_string_once(values: list[str]) -> None:
    content = json.dumps(values).encode()
    view = Whole(content)
    spans = list(opening.strings(view, points(content)))
    assert spans == sorted(set(spans))
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert [content[slice(*span)] for span in spans] == [TEXT for one in values if one == HOST]


# What is opened


@pytest.mark.parametrize(
    "content",
    [
        b"sdp=" + quote(OFFER, safe="").encode(),
        b"a=1&sdp=" + quote_plus(OFFER).encode() + b"&b=2",
        b"GET /?sdp=" + quote(OFFER, safe="").encode() + b" HTTP/1.1\r\n",
        b"<sdp a='1'>" + OFFER.replace("\r\n", "&#13;&#10;").encode() + b"</sdp>",
        b"<sdp>" + "".join(f"&#x{ord(c):02X};" for c in OFFER).encode() + b"</sdp>",
        OFFER.encode("utf-16-le"),
        OFFER.encode("utf-16"),
        OFFER.encode("utf-16-be"),
        b"\x01\x02" + OFFER.encode("utf-16-le"),
        b"x" + standard(OFFER.encode()),
        b"xx" + standard(OFFER.encode()),
        b"xxx" + standard(OFFER.encode()),
        b"xxxx" + standard(OFFER.encode()),
        standard(OFFER.encode()).rstrip(b"="),
        base64.urlsafe_b64encode(OFFER.encode()),
        base64.encodebytes(OFFER.encode()),
        base64.encodebytes(OFFER.encode()).replace(b"\n", b"\r\n"),
        base64.encodebytes(OFFER.encode()).replace(b"\n", b"\r"),
        json.dumps({"sdp": standard(OFFER.encode()).decode()}).encode(),
        json.dumps({"sdp": base64.encodebytes(OFFER.encode()).decode()}).encode(),
        json.dumps(standard(b"\xff\xff" + OFFER.encode()).decode()).replace("/", "\\/").encode(),
        b"data=" + quote_plus(standard(b"\xfb\xff" + OFFER.encode())).encode(),
        OFFER.encode().hex().encode(),
        OFFER.encode().hex().upper().encode(),
        b"0" + OFFER.encode().hex().encode(),
        gzip.compress(OFFER.encode()),
        b"\x05\x00\x99" + gzip.compress(OFFER.encode()) + b"tail",
        zlib.compress(OFFER.encode()),
        b"\x05\x00\x99" + zlib.compress(OFFER.encode()) + b"tail",
        standard(zlib.compress(OFFER.encode())),
        standard(zlib.compress(OFFER.encode(), 1)),
        standard(zlib.compress(OFFER.encode(), wbits=-15)),
        standard(gzip.compress(OFFER.encode())),
        gzip.compress(OFFER.encode()).hex().encode(),
        gzip.compress(json.dumps({"sdp": standard(OFFER.encode()).decode()}).encode()),
        msgpack.packb({"sdp": OFFER, "n": 1}),
        msgpack.packb({"sdp": gzip.compress(OFFER.encode())}),
        standard(standard(standard(OFFER.encode()))),
        quote(quote(quote(OFFER))).encode(),
    ],
)
def test_what_is_looked_through(content: bytes) -> None:
    found = texts(content)
    lines = [b"a=" + TEXT, b"c=IN IP4 203.0.113.77"]
    assert [one for one in found if all(line in one for line in lines)]


@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("size", range(28, 34))
def test_the_shortest_candidate_in_base64(phase: int, size: int) -> None:
    """A run of letters is as short as that, and what stands in front may be of the alphabet too."""
    text = f"{'1' * (size - 27)} 1 udp 1 1.2.3.4 9 typ host"[:size].encode()
    assert text in b"\n".join(texts(b"A" * phase + standard(text)))


@pytest.mark.parametrize("size", range(28, 34))
def test_the_shortest_candidate_in_hex(size: int) -> None:
    text = f"{'1' * (size - 27)} 1 udp 1 1.2.3.4 9 typ host"[:size].encode()
    assert text in texts(text.hex().encode())


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"text":"hello"}', '{"a":"Zoë\\u00e9"}'.encode(), b"typo", b"100%", b"g" * 99],
)
def test_nothing_to_look_at(content: bytes) -> None:
    assert texts(content) == [content]


def test_what_a_string_shows_is_not_opened_again() -> None:
    """What is in a JSON string is seen through that string, where escapes count."""
    content = json.dumps({"candidate": HOST, "data": standard(OFFER.encode()).decode()}).encode()
    found = texts(content)
    assert found.count(TEXT) == 1
    assert found.count(OFFER.encode()) == 1


@given(st.binary(max_size=300))
def test_total(content: bytes) -> None:
    for view in walk(Whole(content), Budget(len(content))):
        assert not view.covers(0)
        assert view.flush()  # nothing was written, so nothing is


hostile = st.lists(
    st.sampled_from(
        [
            b'"',
            b"\\",
            rb"\u0063",
            b"%41",
            b"&#10;",
            b"A" * SHORTEST_RUN,
            b"\r\n",
            b"candidate:1 ",
            b"t\0y\0p\0 \0",
            b"\x1f\x8b\x08\0",
            b"\x78\x9c",
            b"/+",
            b"_-",
            gzip.compress(b"x typ "),
            standard(b"candidate:1 1 udp \xff\xfe"),
        ]
    ),
    max_size=12,
).map(b"".join)


@given(hostile)
def test_what_is_hostile(content: bytes) -> None:
    """Any view can be written on as a whole, and the message stays as long as it was."""
    whole = Whole(content)
    views = list(walk(whole, Budget(len(content))))
    view = max(views[::-1], key=lambda one: one is not whole)
    view.replace(0, len(view.text), lambda length: b"0" * length)
    for one in reversed(views):
        one.flush()
    assert len(whole.edits.apply(content)) == len(content)


# The budget


def test_the_budget() -> None:
    budget = Budget(10)
    budget.spend(64 * 10 + (16 << 20))
    with pytest.raises(PayloadBlocked, match="unpacks to more"):
        budget.spend(1)


def test_bombs_end() -> None:
    """Each member unpacks to thousands of times its size."""
    bomb = gzip.compress(b"typ " + bytes(4_000_000), 9)
    with pytest.raises(PayloadBlocked, match="unpacks to more"):
        texts(bomb * 8)

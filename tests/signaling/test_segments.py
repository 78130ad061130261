"""Messages cut over several of WebSocket: joined to be judged, and cut again at the same places."""

import json
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rtcguard.errors import PayloadBlocked
from rtcguard.signaling.segments import Segments, cut

from ..data.samples import FOLDER
from .offers import HOST, MDNS, OFFER, SRFLX, outbound
from .searcher import addresses

FIREBASE = [(FOLDER / f"clients/firebase-segment-{at}.txt").read_bytes() for at in range(3)]
MQTT = [(FOLDER / f"framings/mqtt4-cut-{at}.bin").read_bytes() for at in range(2)]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["}", '"]\\']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
packets = st.builds(
    lambda first, rest: bytes([first]) + remaining(len(rest)) + rest,
    st.integers(0x10, 0xFF),
    st.binary(max_size=300) | st.integers(120, 20_000).map(bytes),
)


def remaining(length: int) -> bytes:
    """MQTT's remaining length, by the algorithm in its section 2.2.3."""
    made = bytearray()
    while True:
        length, byte = divmod(length, 128)
        made.append(byte | (128 if length else 0))
        if not length:
            return bytes(made)


@st.composite
def pieces(draw: st.DrawFn, content: bytes, least: int = 1) -> list[bytes]:
    """`content` at random cuts, empty pieces among them."""
    cuts = draw(st.lists(st.integers(0, len(content)), min_size=least - 1, max_size=8))
    return [content[start:end] for start, end in pairwise([0, *sorted(cuts), len(content)])]


def added(segments: Segments, *contents: bytes, is_text: bool = True) -> list[list[bytes]]:
    return [group for one in contents for group in segments.add(one, is_text=is_text)]


# Firebase


@given(st.data(), st.lists(st.dictionaries(st.text(max_size=5), values, min_size=1), max_size=4))
def test_firebase_in_pieces(data: st.DataObject, messages: list[object]) -> None:
    segments = Segments()
    for message in messages:
        text = json.dumps(message, ensure_ascii=data.draw(st.booleans())).encode()
        if data.draw(st.booleans()):
            assert segments.add(text) == [[text]]
            continue
        cuts = data.draw(pieces(text, least=2))
        assume(cuts[0] and not any(one.isdigit() for one in cuts))
        last = max(at for at, one in enumerate(cuts) if one)
        count = str(len(cuts)).encode()
        assert segments.add(count) == [[count]]
        for at, piece in enumerate(cuts[:last]):
            assert segments.add(piece) == [], at
            assert segments.held
        # It is complete with the last that is not empty, though the count promises some more.
        assert segments.add(cuts[last]) == [cuts[: last + 1]]
        assert not segments.held
        for piece in cuts[last + 1 :]:
            assert segments.add(piece) == [[piece]]


def test_every_cut_of_an_offer() -> None:
    text = json.dumps({"t": "d", "d": {"sdp": OFFER, "é": 'a "{[\\'}}, ensure_ascii=False).encode()
    segments = Segments()
    for at in range(1, len(text)):
        assert added(segments, b"2", text[:at], text[at:]) == [[b"2"], [text[:at], text[at:]]]
    single = [text[at : at + 1] for at in range(len(text))]
    count = str(len(text)).encode()
    letters = added(segments, count, *single)
    # A digit alone cannot be told from a count; nothing is lost by it.
    assert [piece for group in letters for piece in group] == [count, *single]


def test_a_count_is_an_end_too() -> None:
    segments = Segments()
    assert added(segments, b"3", b'{"a":"', b"b", b"c") == [[b"3"], [b'{"a":"', b"b", b"c"]]
    assert added(segments, b'{"a":') == [[b'{"a":']]


@pytest.mark.parametrize(
    "contents",
    [
        [b"0", b'{"a":', b"1}"],  # the keepalive
        [b"1", b'{"a":', b"1}"],
        [b"2", b"3", b"2probe", b"3probe", b"5", b"2", b'42["offer",{"sdp":', b"3"],  # Engine.IO
        [b"2", b'{"a":1}', b'{"b":'],  # a ping that another one's message follows
        [b"2", b'{"a":1} {"b":', b"2}"],
        [b"2", b"[] [", b"]"],
        [b"17", b"", b'{"a":'],
        [b"2", b"{ hello", b"there"],
        [b"2", b"[error", b"3]"],
        [b"2", b"text {", b"}"],
        [b"1000000", b'{"a":', b"1}"],
        [b"-2", b'{"a":', b"1}"],
        [b"2.0", b'{"a":', b"1}"],
        [b"2" * 7, b'{"a":', b"1}"],
        ["２".encode(), b'{"a":', b"1}"],
        [b'{"a":', b"1}", b"2", b"3", b"4"],
        MQTT,
        FIREBASE[1:],
    ],
)
def test_all_else_goes_on_at_once(contents: list[bytes]) -> None:
    segments = Segments()
    for content in contents:
        assert segments.add(content) == [[content]]
        assert not segments.held


@pytest.mark.parametrize(("other", "is_text"), [(b"0", True), (b"x", False), (b"2", False)])
def test_what_cannot_be_a_piece_lets_all_go(other: bytes, is_text: bool) -> None:
    segments = Segments()
    assert added(segments, b"9", b'{"a":', b'"b') == [[b"9"]]
    assert segments.add(other, is_text=is_text) == [[b'{"a":', b'"b'], [other]]
    assert not segments.held
    assert segments.add(b'{"a":') == [[b'{"a":']]


def test_a_count_within_begins_anew() -> None:
    segments = Segments()
    given = [b"9", b'{"a":', b"2", b'{"b":', b"3}"]
    assert added(segments, *given) == [[b"9"], [b'{"a":'], [b"2"], [b'{"b":', b"3}"]]


def test_a_count_is_text() -> None:
    segments = Segments()
    assert segments.add(b"2", is_text=False) == [[b"2"]]
    assert segments.add(b'{"a":') == [[b'{"a":']]


def test_the_sample_of_firebase() -> None:
    segments = Segments()
    assert segments.add(FIREBASE[0]) == [[FIREBASE[0]]]
    assert segments.add(FIREBASE[1]) == []
    [group] = segments.add(FIREBASE[2])
    assert group == FIREBASE[1:]
    whole = b"".join(group)
    made = cut(outbound(whole).content, group)
    assert [len(piece) for piece in made] == [len(piece) for piece in group]
    assert addresses(whole) == {"192.168.1.20"}
    assert "192.168.1.20" not in addresses(b"".join(made))
    for piece in made:
        assert b"192.168" not in piece
        assert "192.168.1.20" not in addresses(piece)
    before, after = (json.loads(one)["d"]["b"].pop("d") for one in (whole, b"".join(made)))
    assert {at: one | {"candidate": ""} for at, one in after.items()} == {
        at: one | {"candidate": ""} for at, one in before.items()
    }


@pytest.mark.parametrize("candidate", [HOST, SRFLX, MDNS])
def test_no_cut_of_a_candidate_lets_it_through(candidate: str) -> None:
    secret = addresses(candidate.encode())
    missed = 0
    text = json.dumps({"t": "d", "d": {"candidate": candidate, "sdpMid": "0"}}).encode()
    for at in range(1, len(text)):
        segments = Segments()
        _, group = added(segments, b"2", text[:at], text[at:])
        made = cut(outbound(b"".join(group)).content, group)
        assert list(map(len, made)) == list(map(len, group))
        assert not secret & addresses(b"".join(made))
        alone = b"".join(outbound(piece).content for piece in group)
        missed += bool(secret & addresses(alone))
    assert missed  # the control: judged apart, some would have got through


# MQTT


@pytest.mark.parametrize("subprotocol", ["mqtt", "mqttv3.1", "MQTT"])
@given(data=st.data(), sent=st.lists(packets, min_size=1, max_size=5))
def test_mqtt_in_pieces(subprotocol: str, data: st.DataObject, sent: list[bytes]) -> None:
    content = b"".join(sent)
    ends = {0}
    for packet in sent:
        ends.add(max(ends) + len(packet))
    segments = Segments(subprotocol)
    given, groups, at = data.draw(pieces(content)), [], 0
    for piece in given:
        groups += segments.add(piece, is_text=False)
        at += len(piece)
        assert segments.held == (at not in ends)
    assert [piece for group in groups for piece in group] == given
    at = 0
    for group in groups:
        at += len(b"".join(group))
        assert at in ends


def test_the_sample_of_mqtt() -> None:
    segments = Segments("mqtt")
    assert segments.add(MQTT[0], is_text=False) == []
    [group] = segments.add(MQTT[1], is_text=False)
    assert group == MQTT
    secret = {"192.168.1.20", "10.20.30.40", "203.0.113.77", "2001:db8:1::5", "fd00:aaaa::17"}
    whole = b"".join(group)
    assert secret <= addresses(whole)
    made = cut(outbound(whole).content, group)
    assert [len(piece) for piece in made] == [len(piece) for piece in group]
    assert not secret & addresses(b"".join(made))
    # What follows stands for itself again.
    assert segments.add(b"\xc0\x00", is_text=False) == [[b"\xc0\x00"]]


def test_mqtt_byte_by_byte() -> None:
    whole = b"".join(MQTT)
    single = [whole[at : at + 1] for at in range(len(whole))]
    assert added(Segments("mqtt"), *single, is_text=False) == [single]


@pytest.mark.parametrize(
    "wrong", [b"\x00", b"\x00\x05abc", b"\x30\x80\x80\x80\x80\x01", b"\x30\xff\xff\xff\xff"]
)
def test_what_is_not_mqtt_is_not_held(wrong: bytes) -> None:
    segments = Segments("mqtt")
    assert added(segments, b"\x30", b"\x02a") == []
    assert segments.add(b"b" + wrong) == [[b"\x30", b"\x02a", b"b" + wrong]]
    assert added(segments, b"\x30", b"\x05", b"2") == [[b"\x30"], [b"\x05"], [b"2"]]


def test_mqtt_knows_no_counts() -> None:
    assert added(Segments("mqtt"), b"\xc0\x00", b"\x30\x02", b'{"') == [
        [b"\xc0\x00"],
        [b"\x30\x02", b'{"'],
    ]


# Limits


def test_too_large_in_pieces() -> None:
    segments = Segments("mqtt", limit=100)
    large = b"\x30" + remaining(150) + bytes(150)
    assert segments.add(large) == [[large]]  # in one piece it is no matter of this module
    assert segments.add(large[:60]) == []
    with pytest.raises(PayloadBlocked, match=r"^.{10,80}$"):
        segments.add(large[60:110])
    assert not segments.held
    for rest in (large[110:111], large[111:]):
        with pytest.raises(PayloadBlocked):
            segments.add(rest)
    assert segments.add(b"\xc0\x00") == [[b"\xc0\x00"]]
    assert added(segments, b"\xc0", b"\x00") == [[b"\xc0", b"\x00"]]


def test_too_large_by_its_last_piece() -> None:
    segments = Segments(limit=100)
    added(segments, b"2", b'{"a":"' + b"a" * 60)
    with pytest.raises(PayloadBlocked):
        segments.add(b"a" * 60 + b'"}')
    assert added(segments, b"2", b'{"a":', b"4}") == [[b"2"], [b'{"a":', b"4}"]]


def test_too_large_and_interrupted() -> None:
    segments = Segments(limit=100)
    added(segments, b"5", b'{"a":"')
    with pytest.raises(PayloadBlocked):
        segments.add(b"a" * 100)
    assert segments.add(b"0") == [[b"0"]]
    assert segments.add(b"a") == [[b"a"]]


def test_too_many_pieces() -> None:
    segments = Segments()
    added(segments, b"999999", b'{"a":"')
    held = 1
    with pytest.raises(PayloadBlocked):
        while True:
            assert segments.add(b"") == []
            held += 1
    assert 1000 <= held <= 10_000


@given(st.data(), packets, st.integers(1, 200))
def test_lenient_lets_out_what_is_there(data: st.DataObject, packet: bytes, limit: int) -> None:
    segments = Segments("mqtt", limit, lenient=True)
    given = data.draw(pieces(packet))
    groups = added(segments, *given)
    assert [piece for group in groups for piece in group] == given
    assert all(len(b"".join(group[:-1])) <= limit for group in groups)
    assert not segments.held


@given(st.lists(st.tuples(st.binary(max_size=12), st.booleans())), st.sampled_from(["", "mqtt"]))
def test_nothing_is_lost_and_the_order_stays(
    given: list[tuple[bytes, bool]], subprotocol: str
) -> None:
    segments = Segments(subprotocol)
    groups = [group for one, is_text in given for group in segments.add(one, is_text=is_text)]
    out = [piece for group in groups for piece in group]
    assert out == [one for one, _ in given][: len(out)]
    assert segments.held == (len(out) < len(given))


json_like = st.lists(
    st.sampled_from([*b'2 3 0 {"a": " \\ [ ] } {"b":1} x'.split(), b""]),
    max_size=30,
)


@given(json_like)
def test_a_count_promises_no_more_than_it_says(given: list[bytes]) -> None:
    segments = Segments()
    groups = added(segments, *given)
    out = [piece for group in groups for piece in group]
    assert out == given[: len(out)]
    assert len(given) - len(out) <= 2
    assert all(len(group) <= 3 for group in groups)


# Cutting again


@given(st.data(), st.binary(max_size=60))
def test_cut_at_the_same_places(data: st.DataObject, content: bytes) -> None:
    given = data.draw(pieces(content))
    assert cut(content, given) == given
    inverted = bytes(byte ^ 0xFF for byte in content)
    assert list(map(len, cut(inverted, given))) == list(map(len, given))
    assert b"".join(cut(inverted, given)) == inverted


@given(st.data(), st.text(max_size=30), st.text(max_size=60))
def test_what_grew_is_cut_between_characters(data: st.DataObject, before: str, after: str) -> None:
    text = data.draw(pieces(before.encode()))
    made = cut(after.encode(), text)
    assert len(made) == len(text)
    assert b"".join(made) == after.encode()
    if len(after.encode()) != len(before.encode()):
        assert "".join(piece.decode() for piece in made) == after


@given(st.data(), st.binary(max_size=30), st.binary(max_size=60))
def test_cut_is_total(data: st.DataObject, before: bytes, after: bytes) -> None:
    made = cut(after, data.draw(pieces(before)))
    assert b"".join(made) == after

"""STUN on TCP: what a stream begins as, and its messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.network import stun
from rtcguard.network.stream import OVERLAP, Beginning, Splitter, begins, find, frame

REQUEST = stun.encode(stun.ALLOCATE, stun.REQUEST, b"twelve-bytes", ((0x0019, b"\x11\0\0\0"),))
EMPTY = stun.encode(stun.BINDING, stun.REQUEST, b"twelve-bytes")
CLASSIC = stun.encode(stun.BINDING, stun.REQUEST, b"sixteen-bytes-it")
CHANNEL_DATA = b"\x40\x00\x00\x05hello\0\0\0"


@pytest.mark.parametrize("message", [REQUEST, EMPTY])
@pytest.mark.parametrize(("framed", "known"), [(False, 8), (True, 10)])
def test_a_message_is_known_by_its_cookie(message: bytes, framed: bool, known: int) -> None:
    data = frame(message, framed=framed)
    kind: Beginning = "framed" if framed else "bare"
    for size in range(len(data) + 1):
        assert begins(data[:size]) == ("open" if size < known else kind)
    assert begins(data + b"more") == kind


def test_without_a_cookie_it_is_known_as_a_whole() -> None:
    assert begins(CLASSIC) == "bare"
    assert begins(CLASSIC[:-1]) == "other"
    assert begins(CLASSIC + b"\0") == "other"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x10\x20\x00\x04MQTT\x04\x02\x00\x3c",
        b"\x00\x1d\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01",
        b"\x05\x01\x00\x03\x0aexample.org\x00\x50",  # SOCKS5
        CHANNEL_DATA,  # nothing begins with it: there is no allocation yet
    ],
)
def test_other_protocols(data: bytes) -> None:
    assert begins(data) == "other"


@given(st.binary(max_size=60))
def test_any_bytes_have_an_answer_and_more_never_bring_it_back(data: bytes) -> None:
    answers = [begins(data[:size]) for size in range(len(data) + 1)]
    if "other" in answers and len(data) < stun.HEADER_LENGTH:
        assert set(answers[answers.index("other") :]) == {"other"}


@given(st.lists(st.sampled_from([REQUEST, EMPTY]), max_size=5), st.booleans(), st.data())
def test_messages_come_out_whole_however_they_are_cut(
    messages: list[bytes], framed: bool, data: st.DataObject
) -> None:
    stream = b"".join(frame(message, framed=framed) for message in messages)
    if not framed:
        stream = CHANNEL_DATA + stream + CHANNEL_DATA
    splitter, found = Splitter(framed=framed), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == messages


def test_what_is_neither_ends_it() -> None:
    splitter = Splitter(framed=False)
    assert splitter.feed(EMPTY + b"\x80nonsense") == [EMPTY]
    assert splitter.feed(EMPTY) == []


@pytest.mark.parametrize("message", [REQUEST, EMPTY])
@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("before", [b"", b"\0", b"text" * 9, b"\x21\x12\xa4\x42" * 3])
def test_a_request_in_the_midst_of_a_stream(message: bytes, framed: bool, before: bytes) -> None:
    assert find(before + frame(message, framed=framed) + b"more") == len(before)


@pytest.mark.parametrize(
    "data",
    [
        CLASSIC,  # nothing tells it there
        stun.encode(stun.BINDING, stun.SUCCESS, b"twelve-bytes"),
        b"\x00\x01\x00\x03\x21\x12\xa4\x42",  # not a length of STUN
        b"\x21\x12\xa4\x42" * 8,
        b"\x00\x01\x21\x12\xa4\x42",
    ],
)
def test_what_is_no_request(data: bytes) -> None:
    assert find(b"text" + data) == -1


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 60), st.booleans())
def test_a_request_is_found_however_a_stream_is_cut(
    before: bytes, after: bytes, cut: int, framed: bool
) -> None:
    data = before + frame(REQUEST, framed=framed) + after
    first, second = data[:cut], data[cut:]
    assert find(first) >= 0 or find(first[-OVERLAP:] + second) >= 0


@given(st.binary(max_size=80))
def test_any_bytes_may_be_searched(data: bytes) -> None:
    assert find(data) < len(data) or not data

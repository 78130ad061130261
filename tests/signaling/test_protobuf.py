"""Protocol Buffers' wire format, against an encoder of the test's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.signaling import protobuf
from rtcguard.signaling.protobuf import LENGTH, VARINT, Field

from .containers import varint

numbers = st.integers(1, 2**29 - 1)
values = st.one_of(
    st.tuples(st.just(VARINT), st.integers(0, 2**64 - 1).map(varint)),
    st.tuples(st.just(LENGTH), st.binary(max_size=200)),
    st.tuples(st.just(1), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(5), st.binary(min_size=4, max_size=4)),
)
fields = st.lists(st.tuples(numbers, values).map(lambda one: Field(one[0], *one[1])), max_size=6)


def encoded(message: list[Field]) -> bytes:
    made = b""
    for field in message:
        made += varint(field.number << 3 | field.wire)
        made += varint(len(field.value)) if field.wire == LENGTH else b""
        made += field.value
    return made


@given(fields)
def test_there_and_back(message: list[Field]) -> None:
    content = encoded(message)
    assert protobuf.read(content) == message
    assert protobuf.write(message) == content


@given(st.binary(max_size=60))
def test_total(content: bytes) -> None:
    try:
        read = protobuf.read(content)
    except ParseError:
        return
    # Lengths may have been written longer than they need be.
    assert len(protobuf.write(read)) <= len(content)
    assert protobuf.read(protobuf.write(read)) == read


@given(fields.filter(bool), st.data())
def test_a_message_cut_off(message: list[Field], data: st.DataObject) -> None:
    """What is read of a piece is the beginning of it; mostly it is none."""
    content = encoded(message)
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    try:
        read = protobuf.read(cut)
    except ParseError:
        return
    assert read == message[: len(read)] and encoded(read) == cut


@pytest.mark.parametrize(
    "content",
    [
        b"\x08",  # no value
        b"\x0a\x05abc",  # cut off
        b"\x09" + bytes(7),
        b"\x0d" + bytes(3),
        b"\x0b\x0c",  # groups are no longer in use
        b"\x0e\x00",
        b"\x0f\x00",
        b"\x00\x01",  # no field has the number 0
        b"\x02\x00",
        b"\x80" * 11,  # a number without an end
        b"\x08" + b"\xff" * 11,
        b"\x0a" + b"\xff" * 9 + b"\x01",  # longer than anything
        b"{}",
        b"<a/>",
    ],
)
def test_no_message(content: bytes) -> None:
    with pytest.raises(ParseError):
        protobuf.read(content)


def test_what_is_made() -> None:
    made = protobuf.write([protobuf.text(1, "Zoë"), protobuf.number(2, 300), Field(5, LENGTH, b"")])
    assert made == b"\x0a\x04Zo\xc3\xab\x10\xac\x02\x2a\x00"


def test_a_length_longer_than_needed_is_read() -> None:
    assert protobuf.read(b"\x8a\x00\x81\x00x") == [Field(1, LENGTH, b"x")]

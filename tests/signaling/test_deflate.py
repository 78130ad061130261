"""Compressed payloads made anew in as many bytes, read by zlib and by the usual tools."""

import gzip
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling import deflate, edits
from rtcguard.signaling.deflate import Form
from rtcguard.signaling.views import Whole, exactly

from .offers import HOST, OFFER

LINE = f"a={HOST}".encode()
FORMS: tuple[Form, ...] = ("gzip", "zlib", "deflate")
WBITS = {"gzip": 31, "zlib": 15, "deflate": -15}
STRATEGIES = (
    zlib.Z_DEFAULT_STRATEGY,
    zlib.Z_FILTERED,
    zlib.Z_HUFFMAN_ONLY,
    zlib.Z_RLE,
    zlib.Z_FIXED,
)


def compress(text: bytes, form: Form, level: int = 6, strategy: int = 0, flush: int = 0) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, WBITS[form], 8, strategy)
    half = len(text) // 2
    made = stream.compress(text[:half]) + (stream.flush(flush) if flush else b"")
    return made + stream.compress(text[half:]) + stream.flush()


def inflate(payload: bytes, form: Form) -> bytes:
    """Strictly: all of it, its checksum right, nothing behind it."""
    stream = zlib.decompressobj(WBITS[form])
    text = stream.decompress(payload) + stream.flush()
    assert stream.eof and not stream.unused_data
    return text


def opened(content: bytes, form: Form, start: int = 0) -> tuple[Whole, deflate.Deflated]:
    whole = Whole(content)
    found = deflate.inflate(content[start:], form)
    assert found is not None
    source = content[start : start + found.length]
    return whole, deflate.Deflated(whole, start, source, found, form)


def header(flags: int, extra: bytes, name: bytes, comment: bytes) -> bytes:
    """A gzip header with the fields that `flags` names (RFC 1952 section 2.3)."""
    made = b"\x1f\x8b\x08" + bytes([flags]) + struct.pack("<I", 1_700_000_000) + b"\x02\x03"
    if flags & 4:
        made += struct.pack("<H", len(extra)) + extra
    if flags & 8:
        made += name + b"\0"
    if flags & 16:
        made += comment + b"\0"
    if flags & 2:
        made += struct.pack("<H", zlib.crc32(made) & 0xFFFF)
    return made


# Reading


@pytest.mark.parametrize("form", FORMS)
@given(text=st.binary(min_size=1, max_size=200), after=st.binary(max_size=9))
def test_a_payload_is_found(form: Form, text: bytes, after: bytes) -> None:
    payload = compress(text, form)
    found = deflate.inflate(payload + after, form)
    assert found == deflate.Inflated(text, len(payload), True)


@pytest.mark.parametrize("form", FORMS)
def test_a_piece_of_a_payload(form: Form) -> None:
    payload = compress(OFFER.encode(), form)
    found = deflate.inflate(payload[:-9], form)
    assert found is not None and not found.whole
    assert OFFER.encode().startswith(found.text)


@pytest.mark.parametrize("form", FORMS)
@given(content=st.binary(max_size=60))
def test_inflate_is_total(form: Form, content: bytes) -> None:
    found = deflate.inflate(content, form)
    assert found is None or (found.text and 0 < found.length <= len(content))


def test_no_more_than_so_much() -> None:
    """A bomb is told by what it says, not by unpacking it."""
    bomb = compress(bytes(deflate.MOST + 1), "gzip", 9)
    found = deflate.inflate(bomb, "gzip")
    assert found is not None
    assert (len(found.text), found.whole) == (deflate.MOST, False)


# Writing


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_made_anew(form: Form, level: int, strategy: int) -> None:
    """At any level, what a description shrinks by can be padded."""
    payload = compress(OFFER.encode(), form, level, strategy)
    before, after = b"\x08\x01\x12", b"\x18\x01"
    whole, view = opened(before + payload + after, form, 3)
    start = view.text.index(LINE)
    assert view.replace(start, start + len(LINE), lambda length: edits.tombstone("host", length))
    assert view.flush()
    made = whole.edits.apply(whole.text)
    assert len(made) == len(whole.text)
    assert (made[:3], made[-2:]) == (before, after)
    expected = OFFER.encode().replace(LINE, edits.tombstone("host", len(LINE)))
    assert inflate(made[3:-2], form) == expected


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH])
def test_of_several_blocks(flush: int) -> None:
    payload = compress(OFFER.encode(), "gzip", flush=flush)
    whole, view = opened(payload, "gzip")
    assert view.replace(0, 3, exactly(b"000"))
    assert view.flush()
    assert inflate(whole.edits.apply(payload), "gzip") == b"000" + OFFER.encode()[3:]


@given(
    st.integers(0, 15).map(lambda flags: flags << 1),
    st.binary(max_size=300),
    st.binary(max_size=20).map(lambda text: text.replace(b"\0", b"x")),
    st.binary(max_size=20).map(lambda text: text.replace(b"\0", b"x")),
)
def test_the_header_of_gzip_stays(flags: int, extra: bytes, name: bytes, comment: bytes) -> None:
    """FHCRC, FEXTRA, FNAME and FCOMMENT, and whatever bytes they hold."""
    first = header(flags, extra, name, comment)
    text = OFFER.encode()
    tail = struct.pack("<II", zlib.crc32(text), len(text))
    payload = first + compress(text, "deflate", 1) + tail
    assert gzip.decompress(payload) == text
    whole, view = opened(payload, "gzip")
    start = text.index(LINE)
    assert view.replace(start, start + len(LINE), lambda length: edits.tombstone("host", length))
    assert view.flush()
    made = whole.edits.apply(payload)
    assert made.startswith(first) and len(made) == len(payload)
    assert gzip.decompress(made) == text.replace(LINE, edits.tombstone("host", len(LINE)))


def test_two_members() -> None:
    """Of several members (RFC 1952 section 2.2) each is a payload of its own."""
    first, second = gzip.compress(b"hello " * 9), gzip.compress(OFFER.encode())
    whole, view = opened(first + second, "gzip", len(first))
    assert view.replace(0, 3, exactly(b"000"))
    assert view.flush()
    made = whole.edits.apply(whole.text)
    assert gzip.decompress(made) == b"hello " * 9 + b"000" + OFFER.encode()[3:]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spare", range(0, 201))
def test_padding(form: Form, spare: int) -> None:
    """Every difference can be padded, or another way to compress the text is found for it."""
    text = OFFER.encode()
    payload = compress(text, form, 9) + bytes(spare)
    made = deflate.deflate(text, payload, form)
    assert made is not None and len(made) == len(payload)
    assert inflate(made, form) == text


@pytest.mark.parametrize("length", [0, *range(5, 8), *range(9, 201)])
def test_empty_blocks(length: int) -> None:
    """Blocks that hold nothing, in front of what does: a decompressor steps over them."""
    made = deflate._empty_blocks(length)
    assert made is not None and len(made) == length
    assert inflate(made + compress(b"text", "deflate"), "deflate") == b"text"
    inner = zlib.decompressobj(-15)
    assert inner.decompress(made) == b"" and not inner.eof


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8])
def test_no_empty_blocks(length: int) -> None:
    assert deflate._empty_blocks(length) is None


@given(st.integers(0, 2**32), st.integers(0, 400))
def test_what_does_not_fit(seed: int, length: int) -> None:
    """Noise gets no shorter. What finds no room is not written in part."""
    noise = random.Random(seed).randbytes(length)
    source = compress(b"0" * length, "gzip", 9)
    made = deflate.deflate(noise, source, "gzip")
    if made is None:
        assert len(compress(noise, "gzip", 9)) > len(source) - 9
    else:
        assert len(made) == len(source) and gzip.decompress(made) == noise


def test_what_cannot_be_written_is_told() -> None:
    whole, view = opened(compress(b"0" * 500, "zlib"), "zlib")
    noise = random.Random(7).randbytes(400)
    assert view.replace(0, 400, exactly(noise))
    assert not view.flush() and not whole.edits


def test_a_piece_of_a_payload_cannot_be_written() -> None:
    """Nobody knows how it goes on, so its checksum is not known either."""
    whole, view = opened(compress(OFFER.encode(), "gzip")[:-9], "gzip")
    assert view.flush()  # nothing was to be
    assert view.replace(0, 3, exactly(b"000"))
    assert not view.flush() and not whole.edits

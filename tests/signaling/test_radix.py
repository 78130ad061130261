"""Base64, hex and UTF-16: what is replaced in the text, and only that, is so to its reader."""

import base64
import binascii
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling import edits, radix
from rtcguard.signaling.views import View, Whole, exactly

from .offers import HOST, OFFER

LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\n\n")
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), min_size=1, max_size=4)


def replaced(view: View, wanted: list[tuple[int, int]]) -> bytes:
    """What the text should be, with those of the spans replaced that do not overlap others."""
    expected = bytearray(view.text)
    for start, length in wanted:
        end = min(start + length, len(expected))
        if start >= end or any(view.covers(at) for at in range(start, end)):
            continue
        made = bytes(0x30 + at % 10 for at in range(start, end))
        assert view.replace(start, end, exactly(made))
        expected[start:end] = made
        assert all(view.covers(at) for at in range(start, end))
    return bytes(expected)


def wrapped(letters: bytes, width: int, end: bytes) -> bytes:
    return end.join(letters[at : at + width] for at in range(0, len(letters), width))


# Base64


@st.composite
def sources(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Bytes, and a run of their letters: in either alphabet, in one line or several, no padding."""
    data = draw(st.binary(min_size=1, max_size=70))
    letters = draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))(data).rstrip(b"=")
    if draw(st.booleans()):
        letters = wrapped(letters, draw(st.integers(1, 76)), draw(st.sampled_from(LINE_ENDS)))
    return data, letters


def read(letters: bytes) -> bytes:
    """As a strict reader does: one alphabet, whole groups."""
    letters = re.sub(rb"[\r\n]", b"", letters)
    altchars = b"-_" if b"-" in letters or b"_" in letters else b"+/"
    return base64.b64decode(letters + b"=" * (-len(letters) % 4), altchars, validate=True)


def base64_view(whole: Whole, start: int, letters: bytes) -> radix.Base64:
    return radix.Base64(whole, start, letters, radix.decoded(letters))


@given(sources())
def test_base64_is_read(source: tuple[bytes, bytes]) -> None:
    data, letters = source
    assert radix.decoded(letters) == data


@given(sources(), spans, st.binary(max_size=5), st.sampled_from([b"", b"=", b"==", b'"}']))
def test_base64(
    source: tuple[bytes, bytes], wanted: list[tuple[int, int]], before: bytes, after: bytes
) -> None:
    data, letters = source
    whole = Whole(before + letters + after)
    view = base64_view(whole, len(before), letters)
    expected = replaced(view, wanted)
    assert not whole.edits  # only then are they written, as whole groups
    assert view.flush()
    made = whole.edits.apply(whole.text)
    assert len(made) == len(whole.text)
    assert made.startswith(before) and made.endswith(after)
    made = made[len(before) : len(made) - len(after)]
    assert read(made) == expected
    # Line ends are where they were, and groups that hold no edit stay letter for letter.
    assert [found.span() for found in re.finditer(rb"[\r\n]", made)] == [
        found.span() for found in re.finditer(rb"[\r\n]", letters)
    ]
    old, new = (re.sub(rb"[\r\n]", b"", text) for text in (letters, made))
    for at in range(0, len(data), 3):
        if data[at : at + 3] == expected[at : at + 3]:
            assert new[at // 3 * 4 :][:4] == old[at // 3 * 4 :][:4]


@given(sources(), st.integers(1, 3))
def test_base64_at_any_phase(source: tuple[bytes, bytes], glued: int) -> None:
    """What stands in front may be of the alphabet too; it is nobody's group."""
    data, letters = source
    whole = Whole(b"abc"[:glued] + letters)
    view = base64_view(whole, glued, letters)
    assert view.replace(0, 1, exactly(b"0"))
    assert view.flush()
    made = whole.edits.apply(whole.text)
    assert made[:glued] == b"abc"[:glued] and read(made[glued:]) == b"0" + data[1:]


@given(st.text("ABCabc019+/-_\r\n", max_size=80).map(str.encode))
def test_base64_is_total(letters: bytes) -> None:
    """Runs that no encoder wrote: of both alphabets, with a letter too many, of line ends only."""
    whole = Whole(letters)
    view = base64_view(whole, 0, letters)
    assert len(view.text) == len(re.sub(rb"[\r\n]", b"", letters)) * 6 // 8
    if view.text:
        assert view.replace(0, len(view.text), lambda length: b"0" * length)
        assert view.flush()
        assert len(whole.edits.apply(letters)) == len(letters)


def test_base64_without_an_edit_writes_nothing() -> None:
    whole = Whole(base64.b64encode(OFFER.encode()))
    view = base64_view(whole, 0, whole.text)
    assert not view.replace(0, 4, lambda length: None)
    assert view.flush() and not whole.edits


def test_base64_of_a_description() -> None:
    content = base64.encodebytes(OFFER.encode())
    letters = content.rstrip(b"=\n")
    whole = Whole(content)
    view = base64_view(whole, 0, letters)
    line = f"a={HOST}".encode()
    start = view.text.index(line)
    assert view.replace(start, start + len(line), lambda length: edits.tombstone("host", length))
    assert view.flush()
    made = base64.decodebytes(whole.edits.apply(content))
    assert made == OFFER.encode().replace(line, edits.tombstone("host", len(line)))


# Hex


@given(st.binary(min_size=1, max_size=70), spans, st.booleans(), st.binary(max_size=3))
def test_hex(data: bytes, wanted: list[tuple[int, int]], upper: bool, before: bytes) -> None:
    digits = binascii.hexlify(data)
    digits = digits.upper() if upper else digits
    whole = Whole(before + digits + b"f")
    view = radix.Hex(whole, len(before), digits)
    assert view.text == data
    expected = replaced(view, wanted)
    made = whole.edits.apply(whole.text)
    assert made.startswith(before) and made.endswith(b"f") and len(made) == len(whole.text)
    digits = made[len(before) : -1]
    assert bytes.fromhex(digits.decode()) == expected


def test_hex_keeps_its_letters() -> None:
    for digits in (b"ABCDEF4a".upper(), b"abcdef4a"):
        whole = Whole(digits)
        assert radix.Hex(whole, 0, digits).replace(1, 2, exactly(b"\n"))
        assert (
            whole.edits.apply(digits)
            == digits[:2] + (b"0A" if digits.isupper() else b"0a") + (digits[4:])
        )


def test_hex_that_nothing_fits_in() -> None:
    whole = Whole(b"abcdef")
    assert not radix.Hex(whole, 0, b"abcdef").replace(0, 2, exactly(b"0"))
    assert not whole.edits


# UTF-16


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@given(
    st.text(st.characters(max_codepoint=255), min_size=1, max_size=70), spans, st.binary(max_size=3)
)
def test_wide(encoding: str, text: str, wanted: list[tuple[int, int]], before: bytes) -> None:
    source = text.encode(encoding)
    whole = Whole(before + source)
    view = radix.Wide(whole, len(before), len(whole.text), low=0 if encoding.endswith("le") else 1)
    assert view.text == text.encode("ascii", "replace")
    expected = replaced(view, wanted)
    made = whole.edits.apply(whole.text)
    assert made.startswith(before) and len(made) == len(whole.text)
    assert made[len(before) :].decode(encoding).encode("ascii", "replace") == expected


def test_wide_that_nothing_fits_in() -> None:
    whole = Whole(b"a\0b\0c\0")
    assert not radix.Wide(whole, 0, 6, low=0).replace(0, 2, exactly(b"0"))
    assert not whole.edits

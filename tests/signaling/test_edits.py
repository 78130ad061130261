"""What is written over what must not pass."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice import candidate
from rtcguard.signaling import edits

lengths = st.integers(0, 600)


@given(st.sampled_from(["host", "srflx", "prflx", "relay", "unreadable"]), lengths)
def test_tombstone(kind: str, length: int) -> None:
    made = edits.tombstone(kind, length)
    assert len(made) == length
    assert made == (f"a=x-rtcguard:{kind} ".encode() + b"0" * length)[:length]


@pytest.mark.parametrize("prefix", ["", "candidate:", "a=candidate:", "A=Candidate:"])
@given(lengths)
def test_inert(prefix: str, length: int) -> None:
    made = edits.inert(prefix, length)
    if made is None:
        assert length < len(prefix + "0 1 udp 0 :: 9 typ host")
    else:
        assert len(made) == length
        assert made.decode().startswith(prefix)
        assert candidate.is_inert(candidate.parse(made.decode()))


@given(st.integers(1, 600))
def test_port(length: int) -> None:
    made = edits.port(length)
    if made is None:
        assert length > 5
    else:
        assert len(made) == length
        assert made.isdigit() and 0 < int(made) < 65536


@given(st.binary(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1))))
def test_apply(content: bytes, wanted: list[tuple[int, bytes]]) -> None:
    """What lies within an earlier edit is not needed, what overlaps one in part is a defect."""
    made, expected, covered = edits.Edits(), bytearray(content), set[int]()
    for start, text in wanted:
        span = set(range(start, start + len(text)))
        if start + len(text) > len(content):
            continue
        if span <= covered and made.covers(start):
            before = made.apply(content)
            with contextlib.suppress(edits.Overlap):  # over two edits that touch
                made.add(start, text)
            assert made.apply(content) == before
        elif span & covered:
            with pytest.raises(edits.Overlap, match="overlaps"):
                made.add(start, text)
        else:
            made.add(start, text)
            expected[start : start + len(text)] = text
            covered |= span
    assert made.apply(content) == bytes(expected)
    assert all(made.covers(at) == (at in covered) for at in range(len(content)))
    spans = made.spans()
    assert spans == sorted(spans) and len(spans) == len(made)
    assert {at for span in spans for at in range(*span)} == covered


def test_apply_nothing() -> None:
    assert edits.Edits().apply(b"abc") == b"abc"
    assert not edits.Edits()

"""Bodies that are edited while they pass."""

import gzip
import itertools
import json
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.page.html import Inserter
from rtcguard.proxy.streaming import Document, Gate, Lines, can_decode

PAGE = b"<!doctype html><html><head></head><body>" + b"x" * 3000 + b"</body></html>"
ENCODED = {
    "": PAGE,
    "gzip": gzip.compress(PAGE[:100]) + gzip.compress(PAGE[100:]),  # two members
    "deflate": zlib.compress(PAGE),
    "Deflate": zlib.compress(PAGE)[2:-4],  # without the zlib wrapper
    "br": brotli.compress(PAGE),
    "zstd": zstandard.compress(PAGE),
    "gzip, br": brotli.compress(gzip.compress(PAGE)),
    "BR,deflate , identity": zlib.compress(brotli.compress(PAGE)),
}


def upper(body: bytes) -> bytes | None:
    return None if b"stop" in body else body.upper()


def unreached(reason: str = "") -> None:
    pytest.fail(f"nothing was too large, or cut off: {reason}")


def through(stream: Gate | Lines | Document, *pieces: bytes) -> bytes:
    return b"".join(out for piece in (*pieces, b"") for out in stream(piece))


def test_a_gate_judges_what_ends_within_the_limit() -> None:
    gate = Gate(upper, 10, None)
    assert gate(b"abc") == []
    assert through(gate, b"def") == b"ABCDEF"


def test_a_gate_lets_pass_what_is_too_large_to_be_signaling() -> None:
    gate = Gate(upper, 4, None)
    assert b"".join([*gate(b"abc"), *gate(b"de"), *gate(b"f"), *gate(b"")]) == b"abcdef"


def test_a_strict_gate_withholds_what_is_too_large() -> None:
    told: list[str] = []
    gate = Gate(upper, 4, lambda: told.append("once"))
    assert through(gate, b"abc", b"def", b"ghi") == b""
    assert told == ["once"]


def test_what_is_too_large_may_go_on_all_the_same() -> None:
    told: list[str] = []

    def tells() -> bool:
        told.append("once")
        return True

    assert through(Gate(upper, 4, tells), b"abc", b"def", b"ghi") == b"abcdefghi"
    assert told == ["once"]
    assert through(Lines(upper, 4, tells), b"abcdef", b"gh\ni\n", b"j\n") == b"abcdefGH\nI\nJ\n"
    assert told == ["once", "once"]


def test_a_gate_withholds_what_must_not_pass() -> None:
    assert through(Gate(upper, 10, None), b"stop") == b""


def test_lines_pass_when_they_are_whole() -> None:
    lines = Lines(upper, 100, unreached)
    assert lines(b"data: a\nda") == [b"DATA: A\n"]
    assert lines(b"ta") == []
    assert through(lines, b": b") == b"DATA: B"


def test_after_a_line_that_must_not_pass_nothing_does() -> None:
    lines = Lines(upper, 100, unreached)
    assert through(lines, b"a\n", b"stop\n", b"b\n") == b"A\n"


def test_lines_that_need_no_judging_go_on_as_they_come_until_they_do() -> None:
    """The policy may change in the midst of an endless body."""
    free = True
    lines = Lines(upper, 4, unreached, lambda: free)
    assert lines(b"a\nbcdefghi") == [b"a\nbcdefghi"]  # no limit either
    free = False
    assert lines(b"j\nk") == [b"J\n"]
    free = True
    assert lines(b"l\n") == [b"KL\n"]  # what is held is judged
    assert lines(b"m\n") == [b"m\n"]
    assert through(lines) == b""


def test_a_line_beyond_the_limit_is_withheld() -> None:
    told: list[str] = []
    lines = Lines(upper, 4, lambda: told.append("once"))
    assert through(lines, b"a\n", b"bcdefg", b"\n", b"c\n") == b"A\n"
    assert told == ["once"]


@pytest.mark.parametrize("encoding", ENCODED)
@given(cut=st.lists(st.integers(0, 4000), max_size=5))
def test_a_document_is_decoded_and_guarded_in_any_pieces(encoding: str, cut: list[int]) -> None:
    body = ENCODED[encoding]
    edges = [0, *sorted(cut), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(edges) if body[a:b]]
    made = through(Document(encoding, Inserter("g()"), unreached), *pieces)
    assert made == b"<!doctype html><script>g()</script>" + PAGE[len(b"<!doctype html>") :]


def test_a_broken_encoding_ends_the_document_and_is_told() -> None:
    told: list[str] = []
    document = Document("gzip", Inserter("g()"), told.append)
    assert through(document, b"this is no gzip at all, not by any reading of it") == b""
    assert len(told) == 1 and "cut off" in told[0]


def test_what_can_be_decoded() -> None:
    assert all(can_decode(one) for one in ("", "identity", "gzip", " GZIP ", "br", "gzip, br"))
    assert not any(can_decode(one) for one in ("dcb", "gzip, dcz", "compress", "x"))


def test_a_fragment_stays_as_it_is() -> None:
    for choose in (lambda head: None, lambda head: Inserter("g()") if head[:2] == b"<!" else None):
        body = b"<p>" + PAGE
        assert through(Document("", choose, unreached), body[:9], body[9:]) == body


def chunk(value: object) -> bytes:
    """As WebChannel writes it: the count is of UTF-16 code units."""
    text = json.dumps(value, ensure_ascii=False)
    return f"{len(text.encode('utf-16-le')) // 2}\n{text}".encode()


@pytest.mark.parametrize("step", [1, 3, 7, 50, 10_000])
def test_chunks_of_webchannel_go_on_as_they_come(step: int) -> None:
    texts = ["x" * 20, "Zoë 😀 and more", "no"]
    chunks = [chunk([[number, [text]]]) for number, text in enumerate(texts)]
    judged: list[bytes] = []

    def judge(content: bytes) -> bytes:
        judged.append(content)
        return content

    gate, whole = Gate(judge, 1 << 20, None), b"".join(chunks)
    made = [one for at in range(0, len(whole), step) for one in gate(whole[at : at + step])]
    assert made == chunks == judged
    assert gate(b"") == []


def test_a_chunk_that_must_not_pass_is_the_end() -> None:
    gate = Gate(lambda content: None, 1 << 20, None)
    assert gate(chunk([[0, ["first one"]]])) == []
    assert gate(chunk([[1, ["x"]]])) == [] and gate(b"") == []

"""Where candidates and addresses stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.signaling import scan, sdp

from .strategies import Written, candidates, descriptions

HOST = b"candidate:1 1 udp 2122260223 192.168.1.5 46154 typ host"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HOST, HOST),
        (b"a=" + HOST, b"a=" + HOST),
        (b"A=CANDIDATE" + HOST[9:], b"A=CANDIDATE" + HOST[9:]),
        (b" \r\n" + HOST + b" \r\n", HOST),
        (HOST[10:], HOST[10:]),  # without any prefix (werift, libdatachannel)
        (HOST[10:].replace(b"typ", b"TYP"), HOST[10:].replace(b"typ", b"TYP")),
        (b"candidate: Alice", b"candidate: Alice"),  # for the candidate's parser to tell
        (b"candidate:", b"candidate:"),
        (b"", None),
        (b"the candidate: Alice", None),
        (HOST + b"\r\n" + HOST, None),
        (b'{"candidate":"x"}', None),
        (b'{"typ": 1, "a": 2, "b": 3, "c": 4, "d": 5}', None),
    ],
)
def test_single_candidate(text: bytes, found: bytes | None) -> None:
    at = sdp.single_candidate(text)
    assert (at and text[at.start : at.end]) == found
    assert at is None or not at.line


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\n\n"])
def test_candidate_lines(end: bytes) -> None:
    lines = [b"v=0", b"a=" + HOST, b"a=end-of-candidates", b"A=" + HOST.upper(), HOST, b"a=x:1"]
    text = end.join(lines)
    found = [text[at.start : at.end] for at in sdp.candidates(text, scan.points(text))]
    assert found == [lines[1], lines[3], lines[4]]
    assert all(at.line for at in sdp.candidates(text, scan.points(text)))


@pytest.mark.parametrize(
    ("lines", "ufrags"),
    [
        ("a=ice-ufrag:A|HOST", ["A"]),
        ("HOST|a=ice-ufrag:A", ["A"]),
        ("HOST", [""]),
        ("a=ice-ufrag:S|m=audio 9 x 0|HOST", ["S"]),  # of the session
        ("m=audio 9 x 0|a=ice-ufrag:A|HOST|m=video 9 x 0|a=ice-ufrag:B|HOST", ["A", "B"]),
        # Firefox writes the candidates of a section before its ufrag.
        ("m=audio 9 x 0|HOST|a=ice-ufrag:A|m=video 9 x 0|HOST|a=ice-ufrag:B", ["A", "B"]),
    ],
)
def test_ufrags(lines: str, ufrags: list[str]) -> None:
    text = lines.replace("|", "\r\n").encode().replace(b"HOST", b"a=" + HOST)
    assert [at.ufrag for at in sdp.candidates(text, scan.points(text))] == ufrags


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"c=IN IP4 10.0.0.1", [(b"10.0.0.1", "c=")]),
        (b"c=IN IP4 10.0.0.1/127/3", [(b"10.0.0.1", "c=")]),
        (b"C=in\tip6  fd00::1", [(b"fd00::1", "c=")]),
        (b"o=- 1 2 IN IP4 a.local", [(b"a.local", "o=")]),
        (b"o=IN IP4 1 2 IN IP4 10.0.0.1", [(b"1", "o="), (b"10.0.0.1", "o=")]),
        (b"a=rtcp:9 IN IP4 10.0.0.1", [(b"10.0.0.1", "a=rtcp")]),
        (b"a=rtcp:9", []),
        (b"a=rtcp-mux", []),
        (b"a=rtcp-fb:96 nack", []),
        (
            b"a=remote-candidates:1 10.0.0.1 9 2 fd00::1 9",
            [(b"10.0.0.1", "a=remote-candidates"), (b"fd00::1", "a=remote-candidates")],
        ),
        (b"a=remote-candidates:", []),
        (b"a=x:IN IP4 10.0.0.1", []),
        (b"c=", []),
    ],
)
def test_addresses(line: bytes, found: list[tuple[bytes, str]]) -> None:
    text = b"v=0\r\n" + line + b"\r\nt=0 0\r\n"
    assert [
        (text[at.start : at.end], at.line) for at in sdp.addresses(text, scan.points(text))
    ] == found


@given(descriptions())
def test_every_candidate_line_is_found(written: Written) -> None:
    text = written.text.encode()
    lines = [line for line in written.text.splitlines() if line.startswith("a=candidate:")]
    assert [
        text[at.start : at.end].decode() for at in sdp.candidates(text, scan.points(text))
    ] == lines


@given(candidates())
def test_every_single_candidate_is_found(written: Written) -> None:
    for prefix in ("", "a="):
        text = (prefix + written.text).encode()
        at = sdp.single_candidate(text)
        assert at is not None and (at.start, at.end) == (0, len(text))


@given(st.binary())
def test_total(text: bytes) -> None:
    for at in [*sdp.candidates(text, scan.points(text)), *sdp.addresses(text, scan.points(text))]:
        assert 0 <= at.start < at.end <= len(text)

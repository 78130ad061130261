"""SDP and candidate logs: which side a line speaks of, and descriptions that are cut nowhere."""

from pathlib import Path

import pytest

from tests.data.samples import load
from tests.recordings.reading import read_bytes

HOST = "candidate:1 1 udp 2113937151 192.168.7.{} 54400 typ host\n"


@pytest.mark.parametrize(
    ("before", "direction"),
    [
        ("", "outbound"),
        ("onicecandidate ", "outbound"),
        ("local candidate: ", "outbound"),
        ("setRemoteDescription\r\na=", "inbound"),
        ("addIceCandidate:\n", "inbound"),
        ("addIceCandidate:\ncandidate:2 1 udp 1 abcd.local 9 typ host\n", "inbound"),
    ],
)
def test_the_side_of_a_line(before: str, direction: str, tmp_path: Path) -> None:
    made = read_bytes((before + HOST.format(5)).encode(), tmp_path, "10.0.0.1")
    assert made.name == "text"
    found = made.told("direction", "address", "client")
    assert (direction, "192.168.7.5", "10.0.0.1") in found
    assert {record.direction for record in made.records} == {direction}


def test_the_far_side_in_the_midst_of_a_line_is_no_leak(tmp_path: Path) -> None:
    """Ring 2 lets such pass towards a client, for none takes a candidate out of prose."""
    for before in ("[debug] addIceCandidate(", "Received REMOTE candidate: a="):
        assert not read_bytes((before + HOST.format(5)).encode(), tmp_path).records


def test_a_line_speaks_for_those_behind_it(tmp_path: Path) -> None:
    log = "\n".join(
        (
            "setRemoteDescription:", "v=0", "a=ice-ufrag:far", "a=" + HOST.format(9).strip(),
            "setLocalDescription:", "v=0", "a=ice-ufrag:near", "a=" + HOST.format(5).strip(),
        )
    )  # fmt: skip
    made = read_bytes(log.encode(), tmp_path)
    assert made.told("direction", "address", "ufrag") == {
        ("inbound", "192.168.7.9", "far"),
        ("outbound", "192.168.7.5", "near"),
    }


def test_long_logs_are_cut_between_descriptions(tmp_path: Path) -> None:
    """Each candidate keeps the fragment of its own description."""
    parts = [
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\na=ice-ufrag:u{number:04}\r\n"
        + "a=x-filling:is here\r\n" * (number % 97)
        + "a=candidate:1 1 udp 2113937151 192.168.7.5 "
        + f"{number + 1} typ host\r\n"
        for number in range(300)
    ]
    made = read_bytes("".join(parts).encode(), tmp_path)
    told = {(record.port, record.ufrag) for record in made.records if record.kind == "candidate"}
    assert told == {(number + 1, f"u{number:04}") for number in range(300)}


def test_descriptions_of_real_browsers(tmp_path: Path) -> None:
    found = 0
    for sample in load():
        if sample.family == "browser" and sample.content.startswith(b"v=0"):
            made = read_bytes(sample.content, tmp_path)
            direction = {record.direction for record in made.records}
            assert made.name == "text" and direction <= {"outbound"}
            found += bool(made.records)
    assert found > 3

"""Files that are cut, that lie, or that are nothing: told, never a traceback, never much memory."""

import gzip
import random
import struct
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtcguard.recordings.pcap import Frame, frames
from rtcguard.recordings.source import Source
from tests.recordings.reading import read, read_bytes, sample, sample_names
from tests.recordings.wires import pcap

NAMES = tuple(sample_names())
CONTENTS = {name: sample(name) for name in NAMES}


def pcap_frames(content: bytes) -> list[Frame]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with Source(Path(file.name)) as source:
            return list(frames(source))


_PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)

FRAMES = [data for _, _, data, _ in pcap_frames(CONTENTS["call.pcap"])]

Edit = tuple[str, float, bytes]
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "insert", "delete", "copy", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"9", b"\x80", b'"',
                         b"\\", b"{", b"]", b"\x21\x12\xa4\x42"])
        | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


def edited(content: bytes, edits: list[Edit]) -> bytes:
    data = bytearray(content)
    for what, where, value in edits:
        at = int(where * len(data))
        if what == "put":
            data[at : at + len(value)] = value
        elif what == "insert":
            data[at:at] = value
        elif what == "delete":
            del data[at : at + 16 * len(value)]
        elif what == "copy":
            data[at:at] = data[at // 2 : at // 2 + 40 * len(value)]
        else:
            del data[max(at, 1) :]
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=_EDITS)
def test_no_damage_makes_a_reader_fail(name: str, edits: list[Edit], tmp_path: Path) -> None:
    made = read_bytes(edited(CONTENTS[name], edits), tmp_path)
    assert "\n" not in made.damage
    assert all(record.action == "observed" for record in made.records)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(st.tuples(st.integers(0, 10_000), _EDITS), min_size=1, max_size=20),
    chance=st.randoms(use_true_random=False),
    shuffled=st.booleans(),
)
def test_no_packet_makes_the_reader_fail(
    edits: list[tuple[int, list[Edit]]], chance: random.Random, shuffled: bool, tmp_path: Path
) -> None:
    """The capture's framing is right, its packets are not, and come in any order."""
    made = list(FRAMES)
    for place, edit in edits:
        made[place % len(made)] = edited(made[place % len(made)], edit)
    if shuffled:
        chance.shuffle(made)
    assert read_bytes(pcap(made, 276), tmp_path).damage == ""


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_before_a_cut_is_told(name: str, tmp_path: Path) -> None:
    whole = read_bytes(CONTENTS[name], tmp_path).told("kind", "address", "destination")
    cut = read_bytes(CONTENTS[name][:-5], tmp_path)
    if name != "rtcstats.jsonl":  # a text may end anywhere
        assert "cut off" in cut.damage
    found = cut.told("kind", "address", "destination")
    assert found and found <= whole


@pytest.mark.parametrize("name", NAMES)
def test_a_packed_file_that_is_cut(name: str, tmp_path: Path) -> None:
    packed = gzip.compress(CONTENTS[name])
    assert "the gzip file is cut off at its byte" in read_bytes(packed[:-9], tmp_path).damage
    broken = packed[: len(packed) // 2] + b"\xff" * 40 + packed[len(packed) // 2 + 40 :]
    assert read_bytes(broken, tmp_path).damage


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (gzip.compress(b"", mtime=0), "it is empty"),
        (bytes(4096), "it is none of"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is none of"),
        (_PCAP[:20], "the capture's header is cut off"),
        (_PCAP + bytes(7), "packet 1 at byte 24 is cut off"),
        (_PCAP + struct.pack("<IIII", 1, 1, 0x7FFFFFFF, 60), "says that it has 2147483647 bytes"),
        (_PCAP + struct.pack("<IIII", 1, 1, 60, 60) + bytes(9), "packet 1 at byte 24 is cut off"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0oops" + bytes(16), "the section at byte 0 has no byte order"),
        (b"\x0a\x0d\x0d\x0a" + struct.pack("<III", 0xFFFFFFF0, 0x1A2B3C4D, 1), "says that it has"),
        (b"999999999999:4:type;", "flow 1 at byte 0: it is cut off"),
        (b"30:4:type;99999:http;", "flow 1 at byte 0: it says that it has 99999 bytes"),
        (b"10:4:type;0:~}x", "flow 2 at byte 14: it is cut off"),
        (b'{"log":{"entries":[{"request":', "the JSON is cut off at byte 30"),
        (b'{"log":{"entries":[}', "no JSON any more before byte"),
        (b'{"log":' + b"[" * 4000, "nested too deep"),
    ],
)  # fmt: skip
def test_told_in_one_line(content: bytes, told: str, tmp_path: Path) -> None:
    damage = read_bytes(content, tmp_path).damage
    assert told in damage and "\n" not in damage


def _million(parts: bytes) -> bytes:
    return parts * (1_000_000 // len(parts))


@pytest.mark.parametrize(
    "content",
    [
        b'{"log":{"entries":[{"request":{"url":"' + _million(b"ab") * 12 + b'"}}]}}',
        b'{"log":{"entries":[{"request":{"url":"' + _million(b"\\n") * 12,
        b'{"log":' + _million(b"1") * 12,
        b"80000100:7:request;80000080:7:content;80000000:" + _million(b"c") * 12,
        b"999999999999:7:request;999999999000:4:path;999999990000:" + _million(b"c") * 12,
        b"candidate:" + _million(b"x") * 12,
        gzip.compress(_million(b"a=x" + b"x" * 2000 + b"\n") * 12, mtime=0),
        _PCAP + struct.pack("<IIII", 1, 1, 4_000_000, 60) + _million(b"\xff") * 12,
    ],
    ids=["string", "escapes", "number", "content", "lengths", "line", "packed", "frames"],
)
def test_memory_stays_flat_whatever_a_file_says(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    del content
    tracemalloc.start()
    try:
        read(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 24 << 20


def test_garbage_behind_a_capture(tmp_path: Path) -> None:
    junk = random.Random(1).randbytes(5000)
    made = read_bytes(CONTENTS["call.pcap"] + junk, tmp_path)
    assert "packet " in made.damage
    whole = read_bytes(CONTENTS["call.pcap"], tmp_path)
    assert made.told("kind", "address") == whole.told("kind", "address")

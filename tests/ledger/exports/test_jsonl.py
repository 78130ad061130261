"""JSON lines: whole lines whatever becomes of the file, and nothing that is on no disk."""

import json
import os
from pathlib import Path

import pytest

from rtcguard.ledger.exports.jsonl import JsonLinesFile
from rtcguard.ledger.exports.sink import Outage, explained
from tests.disk import small_disk
from tests.ledger.exports.events import BAD, STRIPPED, event


def numbers(file: Path) -> list[int]:
    return [int(json.loads(line)["id"], 16) for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_whole_events(file: Path) -> None:
    sink = JsonLinesFile(file)
    sink.send([STRIPPED, BAD])
    sink.close()
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        STRIPPED.to_dict(),
        BAD.to_dict(),
    ]
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_goes_on_where_it_was(file: Path) -> None:
    for number in (1, 2):
        sink = JsonLinesFile(file)
        sink.send([event(number)])
        sink.close()
    assert numbers(file) == [1, 2]


def test_another_mode_is_kept(file: Path) -> None:
    file.touch(mode=0o640)
    file.chmod(0o640)
    sink = JsonLinesFile(file)
    sink.send([event(1)])
    sink.close()
    assert file.stat().st_mode & 0o777 == 0o640


def test_logrotate_renames(file: Path) -> None:
    sink = JsonLinesFile(file)
    sink.send([event(1)])
    old = file.rename(file.with_suffix(".1"))
    sink.send([event(2)])
    file.unlink()
    sink.send([event(3)])
    file.rename(file.with_suffix(".2"))
    file.touch()  # logrotate's `create`
    sink.send([event(4)])
    sink.close()
    assert (numbers(old), numbers(file.with_suffix(".2")), numbers(file)) == ([1], [3], [4])


def test_logrotate_copies_and_cuts(file: Path) -> None:
    sink = JsonLinesFile(file)
    sink.send([event(1)])
    os.truncate(file, 0)
    sink.send([event(2)])
    sink.close()
    assert numbers(file) == [2]


def test_a_line_that_was_cut_does_not_take_the_next_with_it(file: Path) -> None:
    file.write_text('{"time": "2026-')
    sink = JsonLinesFile(file)
    sink.send([event(1)])
    sink.close()
    assert file.read_text().splitlines()[0] == '{"time": "2026-'
    assert json.loads(file.read_text().splitlines()[1])["id"] == event(1).id


def test_a_full_disk(tmp_path: Path) -> None:
    """All events are there in the end; one line may be there in part before."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        file, ballast = disk / "events.jsonl", disk / "ballast"
        sink = JsonLinesFile(file)
        sink.send([event(1)])
        ballast.write_bytes(bytes(40_000))
        batch = [event(n) for n in range(2, 60)]
        for _ in range(3):
            with pytest.raises(OSError) as raised:
                sink.send(batch)
            assert explained(raised.value) == "No space left on device"
        size = file.stat().st_size
        ballast.unlink()
        sink.send(batch)
        sink.close()
        assert file.stat().st_size > size
        whole, torn = [], 0
        for line in file.read_text().splitlines():
            try:
                whole.append(int(json.loads(line)["id"], 16))
            except ValueError:
                torn += 1
        assert set(whole) == set(range(1, 60)) and torn <= 3
        assert whole[-len(batch) :] == list(range(2, 60))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none/events.jsonl", "No such file or directory"),
        ("file/events.jsonl", "Not a directory"),
        (".", "Is a directory"),
        ("pipe", "it is not a file"),
    ],
)
def test_what_is_no_file(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises((OSError, Outage)) as raised:
        JsonLinesFile(tmp_path / path).send([STRIPPED])
    assert explained(raised.value) == said

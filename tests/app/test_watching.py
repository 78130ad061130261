"""When a change of a file counts."""

import os
from pathlib import Path

import pytest

from rtcguard.app.watching import Files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_text("one")
    return made


def watching(*paths: Path) -> Files:
    made = Files()
    made.watch(paths)
    return made


def test_nothing_changes(file: Path) -> None:
    files = watching(file)
    assert not files.has_settled() and not files.has_settled()


def test_a_change_counts_when_it_was_seen_twice(file: Path) -> None:
    files = watching(file)
    file.write_text("one and")
    assert not files.has_settled()
    file.write_text("one and two")
    assert not files.has_settled()  # it is still being written
    assert files.has_settled()
    assert files.has_settled()  # until it is taken
    files.take()
    assert files.is_taken and not files.has_settled()


def test_gone_and_there_again(file: Path) -> None:
    files = watching(file)
    file.unlink()
    assert not files.has_settled() and files.has_settled()
    files.take()
    file.write_text("one")
    assert not files.has_settled() and files.has_settled()


def test_another_file_of_the_same_size_and_rights(file: Path) -> None:
    files = watching(file)
    other = file.with_name("other")
    other.write_text("two")
    os.replace(other, file)
    assert not files.has_settled() and files.has_settled()
    files.take()
    file.chmod(0o644 ^ (file.stat().st_mode & 0o777) ^ 0o640)
    assert not files.has_settled() and files.has_settled()


def test_what_is_watched_further_keeps_its_change(file: Path) -> None:
    files = watching(file)
    file.write_text("two and more")
    files.watch([file, file.with_name("not there")])
    assert not files.has_settled() and files.has_settled()

"""A ledger that is only asked: nothing of it changes, whatever is wrong with it."""

import contextlib
import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter
from rtcguard.ledger.salvage import salvage
from rtcguard.ledger.schema import VERSION
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record

COUNT = 3000


def events() -> list[Event]:
    return [
        Event(f"2026-01-{1 + n * 28 // COUNT:02}T00:00:00.000Z", f"{n:032x}", "n",
              Record("signaling", "candidate", "stripped", address=f"10.0.{n // 250}.{n % 250}",
                     site="a.example", client="10.0.0.1", reason="x" * 80), "")
        for n in range(COUNT)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite3"
    with contextlib.closing(Store(path)) as store:
        store.add(events())
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, whole: bytes) -> Path:
    made = tmp_path / "it's a #ledger?.sqlite3"
    made.write_bytes(whole)
    return made


def test_nothing_is_written(path: Path, whole: bytes) -> None:
    new = Event("2026-02-01", "f" * 32, "n", Record("page", "guard", "observed"), "")
    with contextlib.closing(Store.read_only(path)) as store:
        assert len(store.grouped("ring", Filter())) == 1
        assert len(store.after(0, COUNT + 1)) == store.last_seq() == COUNT
        for writes in (
            lambda: store.add([new]),
            lambda: store.advance("x", 1),
            lambda: store.forget_before("2027"),
            lambda: store.ring_up("n", "network", "x", "2027", ""),
        ):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                writes()
    assert path.read_bytes() == whole


def test_beside_a_writer(path: Path) -> None:
    """What is committed meanwhile can be read, though it is in the log alone."""
    new = Event("2026-02-01", "f" * 32, "n", Record("page", "guard", "observed"), "")
    with (
        contextlib.closing(Store(path)) as writer,
        contextlib.closing(Store.read_only(path)) as store,
    ):
        writer.add([new])
        assert store.after(COUNT, 10)[0][1].id == new.id


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else")
def test_in_a_folder_of_another(path: Path, whole: bytes) -> None:
    """Where nothing can be made beside the file."""
    path.parent.chmod(0o555)
    path.chmod(0o444)
    for folder in path.parents[:-2]:
        folder.chmod(folder.stat().st_mode | 0o555)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            with contextlib.closing(Store.read_only(path)) as store:
                code = 0 if store.grouped("ring", Filter())[0].count == COUNT else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sorted(path.parent.iterdir()) == [path] and path.read_bytes() == whole


@pytest.mark.parametrize(
    ("version", "told"),
    [(VERSION + 1, "update rtcguard"), (VERSION - 1, "takes it over"), (0, "is no ledger")],
)
def test_another_version(path: Path, version: int, told: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(StartError, match=told):
        Store.read_only(path)
    assert path.read_bytes() == before


def test_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="there is no ledger yet"):
        Store.read_only(tmp_path / "none")
    with pytest.raises(StartError, match="there is no ledger yet"):
        Store.read_only(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty").touch()
    with pytest.raises(StartError, match="is no ledger"):
        Store.read_only(tmp_path / "empty")


def holes(whole: bytes) -> bytes:
    chance, made = random.Random(1), bytearray(whole)
    for page in chance.sample(range(3, len(made) // 4096), 12):
        made[page * 4096 : (page + 1) * 4096] = chance.randbytes(4096)
    return bytes(made)


# What is left of a file, and how many of its events at least.
DAMAGE: list[tuple[Callable[[bytes], bytes], int]] = [
    (holes, COUNT // 2),
    (lambda whole: whole[: len(whole) * 9 // 10], COUNT // 2),
    (lambda whole: whole[: len(whole) // 2 + 77], 100),
    (lambda whole: whole[:4096], 0),
    (lambda whole: whole[:50], 0),
    (lambda whole: b"x" * 16 + whole[16:], 0),
    (lambda whole: whole[:28] + b"\xff" * 4 + whole[32:], 0),
    (lambda whole: random.Random(2).randbytes(len(whole)), 0),
]


@pytest.mark.parametrize(("damage", "least"), DAMAGE)
def test_what_can_be_read_of_a_damaged_one(
    path: Path, whole: bytes, damage: Callable[[bytes], bytes], least: int, tmp_path: Path
) -> None:
    path.write_bytes(damage(whole))
    before = path.read_bytes()
    folder = tmp_path / "salvaged"
    folder.mkdir()
    store, count = salvage(path, folder, Filter())
    with contextlib.closing(store):
        found = [event for _, event in store.after(0, COUNT + 1)]
        known = {event.id: event for event in events()}
        assert least <= len(found) == count
        assert all(known[event.id] == event for event in found)
    assert path.read_bytes() == before


def test_only_of_the_time_that_is_asked_for(path: Path, whole: bytes, tmp_path: Path) -> None:
    path.write_bytes(holes(whole))
    store, count = salvage(path, tmp_path, Filter("2026-01-10", "2026-01-12"))
    with contextlib.closing(store):
        days = {event.time[:10] for _, event in store.after(0, COUNT)}
    assert days == {"2026-01-10", "2026-01-11"} and 50 < count < 300


def test_no_database_at_all(path: Path) -> None:
    path.write_bytes(b"this is text\n" * 1000)
    with pytest.raises(DamagedError, match=r"damaged \(file is not a database\)"):
        Store.read_only(path)

"""The store: one file, several connections, nothing twice."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.errors import StartError
from rtcguard.ledger.event import Event
from rtcguard.ledger.store import GROUPS, SCHEMA_VERSION, Store
from rtcguard.policy.record import Record


def event(id: str, time: str = "2026-01-01T00:00:00.000Z", **of: object) -> Event:
    values = {"ring": "signaling", "kind": "candidate", "action": "stripped", **of}
    return Event(time, id, "node", Record(**values))  # type: ignore[arg-type]


def count(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        (found,) = database.execute("SELECT COUNT(*) FROM events").fetchone()
    finally:
        database.close()
    return int(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def test_two_connections(path: Path) -> None:
    first, second = Store(path), Store(path)
    first.add([event("a", address="10.0.0.1")])
    second.add([event("b", address="10.0.0.1")])
    assert first.grouped("address", "") == second.grouped("address", "")
    assert first.grouped("address", "")[0][2] == 2
    first.close()
    second.close()


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """As the processes of `rtcguard run` do at the first start."""
    failed: list[BaseException] = []

    def opens(path: Path, barrier: threading.Barrier, name: str) -> None:
        try:
            barrier.wait()
            store = Store(path)
            store.add([event(name)])
            store.close()
        except BaseException as error:
            failed.append(error)

    for turn in range(20):
        path, barrier = tmp_path / f"{turn}.sqlite", threading.Barrier(6)
        threads = [threading.Thread(target=opens, args=(path, barrier, str(i))) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert count(path) == 6


def test_an_event_is_written_once(store: Store, path: Path) -> None:
    store.add([event("a", address="first"), event("a", address="second"), event("b")])
    store.add([event("a", address="third")])
    assert count(path) == 2
    assert store.grouped("address", "")[0][0] == "first"


def test_a_batch_is_all_or_nothing(store: Store, path: Path) -> None:
    with pytest.raises(sqlite3.Error):
        store.add([event("a"), event("b", address={})])
    assert count(path) == 0
    store.add([event("c")])  # the connection goes on
    assert count(path) == 1


def test_a_newer_version_is_refused(path: Path) -> None:
    Store(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(StartError) as raised:
        Store(path)
    assert str(raised.value) == (
        f"{path}: the ledger is of version {SCHEMA_VERSION + 1}, this rtcguard knows "
        f"{SCHEMA_VERSION}; update rtcguard, or move the file away"
    )
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("kind", ["under a file", "a folder", "no database"])
def test_cannot_be_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ledger.sqlite"
    if kind == "under a file":
        path.write_text("")
        path = path / "ledger.sqlite"
    elif kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"not a database, but long enough to be taken for one" * 20)
    with pytest.raises(StartError, match=f"^{path}: the ledger cannot be opened"):
        Store(path)


def test_retention(store: Store, path: Path) -> None:
    store.add([event(str(day), f"2026-01-{day:02}T00:00:00.000Z") for day in range(1, 11)])
    store.forget_before("2026-01-04T00:00:00.000Z")
    assert count(path) == 7  # the fourth itself stays
    store.forget_before("2026-02-01T00:00:00.000Z")
    assert count(path) == 0


def test_guard_seen(store: Store) -> None:
    store.add([event("a", "2026-01-02", kind="guard", client="10.0.0.1", site="a.example")])
    store.add([event("b", "2026-01-02", kind="candidate", client="10.0.0.2", site="a.example")])
    assert store.guard_seen("10.0.0.1", "a.example", "2026-01-02")
    assert not store.guard_seen("10.0.0.1", "a.example", "2026-01-03")
    assert not store.guard_seen("10.0.0.1", "b.example", "2026-01-01")
    assert not store.guard_seen("10.0.0.2", "a.example", "2026-01-01")  # no guard


@pytest.mark.parametrize("by", GROUPS)
def test_grouped(store: Store, by: str) -> None:
    values = {"client": "10.0.0.1", "site": "a.example", "destination": "s:443", "address": "x",
              "scope": "private", "ring": "network"}  # fmt: skip
    store.add([event("a", "2026-01-01", **values), event("b", "2026-01-03", **values)])
    store.add([event("c", "2026-01-02", action="kept", **values)])
    store.add([event("d", "2025-01-01", **values)])  # before
    store.add([event("e", "2026-01-01", **{**values, by: "other" if by != "ring" else "page"})])
    found = sorted(store.grouped(by, "2026-01-01"))
    mine = [row for row in found if row[0] == values[by]]
    assert [row[1:5] for row in mine] == [
        ("kept", 1, "2026-01-02", "2026-01-02"),
        ("stripped", 2, "2026-01-01", "2026-01-03"),
    ]
    assert mine[0][5:] == (["10.0.0.1"], ["a.example"], ["s:443"], "private")
    assert len(found) == 3


@pytest.mark.parametrize("by", ["address", "site", "client", "destination"])
def test_empty_keys_are_left_out(store: Store, by: str) -> None:
    store.add([event("a")])
    assert store.grouped(by, "") == []


def test_the_far_sides_addresses_are_no_leak(store: Store) -> None:
    store.add([event("a", address="10.0.0.9", site="a.example", direction="inbound")])
    assert store.grouped("address", "") == []
    assert len(store.grouped("site", "")) == 1


def test_grouped_by_nonsense(store: Store) -> None:
    with pytest.raises(ValueError, match="is none of"):
        store.grouped("1; DROP TABLE events", "")

"""The writer: everything recorded is written, or told as lost."""

import contextlib
import logging
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rtcguard.errors import StartError
from rtcguard.ledger import writer as module
from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from tests.disk import small_disk

DAY = 86400


def record(**of: object) -> Record:
    values = {"ring": "signaling", "kind": "candidate", "action": "stripped", **of}
    return Record(**values)  # type: ignore[arg-type]


def event(seconds: float, address: str) -> Event:
    moment = timestamp(seconds)
    return Event(moment, address, "n", record(address=address), moment)


def addresses(path: Path) -> set[str]:
    store = Store(path)
    found = {row.key for row in store.grouped("address", Filter())}
    store.close()
    return found


def told(path: Path) -> tuple[int, int]:
    """How many events were written, and how many are told as lost."""
    database = sqlite3.connect(path)
    rows = database.execute("SELECT kind, reason, count FROM events").fetchall()
    database.close()
    lost = [re.fullmatch(r"(\d+) events could not be written to the ledger", reason)
            for kind, reason, _ in rows if kind == "rtcguard"]  # fmt: skip
    assert all(lost)
    written = sum(count for kind, _, count in rows if kind != "rtcguard")
    return written, sum(int(found[1]) for found in lost if found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_everything_is_written(path: Path) -> None:
    writer = Writer(path, DAY, node="n1")
    before = timestamp(time.time())

    def records(thread: int) -> None:
        for i in range(50):
            writer.record([record(address=f"10.{thread}.{i}.{j}") for j in range(40)])

    threads = [threading.Thread(target=records, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    database = sqlite3.connect(path)
    ids, addresses, first, last = database.execute(
        "SELECT COUNT(DISTINCT id), COUNT(DISTINCT address), MIN(time), MAX(time) FROM events"
    ).fetchone()
    nodes = database.execute("SELECT DISTINCT node FROM events").fetchall()
    database.close()
    assert (ids, addresses, nodes) == (8000, 8000, [("n1",)])
    assert before <= first <= last <= timestamp(time.time())


def test_equal_ones_are_counted(path: Path) -> None:
    """What is repeated at once is one event; nothing that differs is."""
    writer = Writer(path, 2 * 10**9)
    writer.record([record(address="a"), record(address="b"), record(address="a", count=3)])
    writer.record([record(address="a", began=5.0, ended=6.0), record(address="a", site="s")])
    writer.close()
    database = sqlite3.connect(path)
    query = "SELECT address, site, count, time LIKE '1970%', last LIKE '1970%' FROM events"
    assert sorted(database.execute(query)) == [
        ("a", "", 5, 1, 0), ("a", "s", 1, 0, 0), ("b", "", 1, 0, 0)
    ]  # fmt: skip
    database.close()


def test_the_oldest_go_where_there_is_no_room(path: Path) -> None:
    writer = Writer(path, DAY)
    writer.record(record(address=str(n), reason="r" * 100) for n in range(3000))
    writer.close()
    writer = Writer(path, DAY, size=200_000)
    writer.record([record(address="next")])
    while not told_reasons(path):
        time.sleep(0.01)
    writer.close()
    assert re.fullmatch(
        r"\d+ events went before their time, as ledger.size leaves no room for more",
        told_reasons(path)[0],
    )
    database = sqlite3.connect(path)
    (left,) = database.execute("SELECT COUNT(*) FROM events").fetchone()
    database.close()
    assert 0 < left < 2000


def told_reasons(path: Path) -> list[str]:
    database = sqlite3.connect(path)
    rows = database.execute("SELECT reason FROM events WHERE kind = 'rtcguard'").fetchall()
    database.close()
    return [reason for (reason,) in rows]


def test_nothing_to_write(path: Path) -> None:
    Writer(path, DAY).close()
    assert told(path) == (0, 0)


def test_a_full_queue_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_SIZE", 100)
    writer = Writer(path, DAY)
    for _ in range(20):
        writer.record(record() for _ in range(1000))
    writer.close()
    written, lost = told(path)
    assert lost > 0
    assert written + lost == 20_000


class Failures(logging.Handler):
    """Says when the writer has logged one."""

    def __init__(self) -> None:
        super().__init__()
        self.happened = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.happened.set()


def test_a_batch_that_cannot_be_written_is_told(path: Path) -> None:
    writer = Writer(path, DAY)
    database = sqlite3.connect(path)
    database.execute("ALTER TABLE events RENAME TO away")
    failures = Failures()
    logging.getLogger(module.__name__).addHandler(failures)
    try:
        writer.record([record()] * 7)
        assert failures.happened.wait(60)
    finally:
        logging.getLogger(module.__name__).removeHandler(failures)
    database.execute("ALTER TABLE away RENAME TO events")
    database.close()
    writer.record([record()])
    writer.close()
    assert told(path) == (1, 7)


@pytest.mark.parametrize(
    "bad", [{"site": "\ud800"}, {"port": 2**70}], ids=["lone surrogate", "huge number"]
)
def test_one_bad_record_does_not_end_the_ledger(path: Path, bad: dict[str, object]) -> None:
    """Names and numbers come from pages: whatever they are, the next events are written."""
    writer = Writer(path, DAY)
    writer.record([record(address="first", **bad)])
    while writer._queue.qsize():  # the bad one is in a batch of its own
        time.sleep(0.001)
    writer.record([record(address="next")])
    writer.close()
    assert "next" in addresses(path)


def test_retention(path: Path) -> None:
    store = Store(path)
    now = time.time()
    store.add([event(now - 90, "old")])
    store.add([event(now - 30, "young")])
    store.close()
    writer = Writer(path, keep=60)
    writer.record([record(address="new")])
    writer.close()
    assert addresses(path) == {"young", "new"}


KILLED = """
import sys, time
from pathlib import Path
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
writer = Writer(Path(sys.argv[1]), 86400)
number = 0
while True:
    writer.record([Record("signaling", "candidate", "stripped", address=str(number))])
    number += 1
    time.sleep(0.0005)
"""


def test_what_is_committed_survives_a_kill(path: Path) -> None:
    Store(path).close()
    reader = sqlite3.connect(path)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)])
    try:
        committed = 0
        end = time.monotonic() + 60
        while committed < 100 and time.monotonic() < end:
            (committed,) = reader.execute("SELECT COUNT(*) FROM events").fetchone()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    reader.close()
    assert committed >= 100
    database = sqlite3.connect(path)
    (check,) = database.execute("PRAGMA integrity_check").fetchone()
    numbers = {int(row[0]) for row in database.execute("SELECT address FROM events")}
    database.close()
    assert check == "ok"
    assert len(numbers) >= committed
    assert numbers == set(range(len(numbers)))  # whole batches, in their order


def test_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits, what is there can be read, what is lost is counted; and when there is room
    again, all goes on, with what the values were seen with."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        path, ballast = disk / "ledger.sqlite", disk / "ballast"
        writer = Writer(path, 10**9)
        given = 0

        def record_some(count: int) -> None:
            nonlocal given
            addresses = range(given, given + count)
            writer.record([record(address=f"a{n}", site="s", client="c") for n in addresses])
            given += count

        record_some(100)
        while not committed(path):
            time.sleep(0.01)
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        for _ in range(3):
            record_some(3000)
            while not writer._queue.empty():
                time.sleep(0.01)
        store = Store.read_only(path)
        assert store.grouped("ring", Filter())
        store.close()
        ballast.unlink()
        record_some(100)
        writer.close()
        assert "disk is full" in caplog.text or "disk I/O error" in caplog.text
        assert "cannot rollback" not in caplog.text
        store = Store(path)
        rows = {row.key: row for row in store.grouped("address", Filter())}
        assert 200 <= len(rows) < given
        assert all(row.sites == ["s"] and row.clients == ["c"] for row in rows.values())
        assert sum(told(path)) == given and told(path)[0] == len(rows)
        assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store.close()


def committed(path: Path) -> int:
    with contextlib.closing(Store.read_only(path)) as store:
        return store.last_seq()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StartError, match="set RTCGUARD_STATE_DIR to a folder that can be written"):
        Writer(file / "ledger.sqlite", DAY)
    assert not [thread for thread in threading.enumerate() if thread.name == "ledger"]


def test_times_of_several(path: Path) -> None:
    """One event for several attempts tells when the first and the last of them were."""
    writer = Writer(path, 10**9)
    writer.record([record(address="10.0.0.1", count=7, began=1_700_000_000, ended=1_700_000_059)])
    writer.close()
    store = Store(path)
    (row,) = store.grouped("address", Filter())
    assert (row.count, row.first, row.last) == (
        7,
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:14:19.000Z",
    )
    store.close()

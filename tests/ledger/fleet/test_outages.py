"""Three gateways under load, while the database and the forwarders are killed again and again: what
went in is what came out."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from rtcguard.ledger.exports.delivery import BATCH, Delivery
from rtcguard.ledger.exports.postgresql import PostgreSQLSink
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import Writer
from rtcguard.policy import store_url
from rtcguard.policy.record import Record
from tests.ledger.exports.events import event
from tests.ledger.fleet.counting import assert_counted, rows
from tests.ledger.fleet.postgresql import PostgreSQL, postgresql

LONG = 3650 * 86400
MOST_BATCHES, IN_A_BATCH = 100, 50
KILLS = 4


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


@dataclass
class Gateway:
    node: str
    folder: Path
    url: str
    process: subprocess.Popen[bytes] | None = None
    recorded: int = 0
    thread: threading.Thread = field(init=False)
    enough: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.store = Store(self.ledger)  # for the test's own questions
        self.thread = threading.Thread(target=self._load)

    @property
    def ledger(self) -> Path:
        return self.folder / f"{self.node}.sqlite3"

    def start(self) -> None:
        argv = [sys.executable, "-m", "tests.ledger.fleet.forwarder"]
        self.process = subprocess.Popen([*argv, str(self.ledger), self.url, self.node])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def cursor(self) -> int:
        return self.store.cursor(store_url.parse(self.url).name)

    def _load(self) -> None:
        writer, choose = Writer(self.ledger, LONG, self.node), random.Random(self.node)
        for _ in range(MOST_BATCHES):
            if self.enough.is_set():
                break
            records = [
                Record(
                    ring=choose.choice(("page", "signaling", "network")),
                    kind=choose.choice(("candidate", "stun")),
                    action=choose.choice(("stripped", "kept")),
                    site=f"s{choose.randrange(20)}.example",
                    client=f"10.0.0.{choose.randrange(5)}",
                    address=f"10.1.{choose.randrange(20)}.{choose.randrange(20)}",
                    destination=f"192.0.2.{choose.randrange(9)}:3478",
                    count=choose.randrange(1, 4),
                )
                for _ in range(IN_A_BATCH)
            ]
            writer.record(records)
            self.recorded += sum(record.count for record in records)
            time.sleep(0.1)
        writer.close()


@pytest.fixture
def own_server() -> Iterator[PostgreSQL]:
    with postgresql() as made:
        yield made


def test_nothing_is_lost_or_doubled(own_server: PostgreSQL, tmp_path: Path) -> None:
    url = own_server.new_database("fleet")
    gateways = [Gateway(f"gw{number}", tmp_path, url) for number in range(3)]
    try:
        for one in gateways:
            one.start()
            one.thread.start()
        for kill in range(KILLS):
            # Each time in the midst of it: all have sent something since the last time.
            before = [one.cursor() for one in gateways]
            wait_until(
                lambda before=before: all(  # type: ignore[misc]
                    one.cursor() > seq or not one.thread.is_alive()
                    for one, seq in zip(gateways, before, strict=True)
                )
            )
            own_server.kill()
            gateways[kill % 3].kill()
            gateways[kill % 3].start()
            own_server.start()
        for one in gateways:
            one.enough.set()
        for one in gateways:
            one.thread.join()
        wait_until(lambda: all(one.cursor() == one.store.last_seq() for one in gateways))
    finally:
        for one in gateways:
            one.enough.set()
            one.thread.join()
            one.kill()
    local = [found for one in gateways for _, found in one.store.after(0, 10**6)]
    for one in gateways:
        one.store.close()
    there = rows(url, "SELECT id, node, site, address, count, time, last FROM events ORDER BY id")
    assert there == sorted(
        (e.id, e.node, e.record.site, e.record.address, e.record.count, e.time, e.last)
        for e in local
    )
    counted = dict(rows(url, "SELECT node, SUM(count)::bigint FROM events GROUP BY node"))
    assert counted == {one.node: one.recorded for one in gateways}
    assert_counted(url)


def _waiting_for_a_lock(url: str) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'"
    return bool(rows(url, query.format(url.rpartition("/")[2])))


def test_a_forwarder_killed_in_the_midst_of_a_batch(url: str, tmp_path: Path) -> None:
    gateway = Gateway("gw", tmp_path, url)
    gateway.store.add(event(number) for number in range(BATCH))
    gateway.start()
    wait_until(lambda: gateway.cursor() == BATCH)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE totals")
        gateway.store.add(event(number) for number in range(BATCH, 2 * BATCH))
        wait_until(lambda: _waiting_for_a_lock(url))  # its events are written, not committed
        gateway.kill()
    wait_until(lambda: not _waiting_for_a_lock(url))
    assert rows(url, "SELECT COUNT(*) FROM events") == [(BATCH,)]
    gateway.start()
    wait_until(lambda: gateway.cursor() == 2 * BATCH)
    gateway.kill()
    gateway.store.close()
    assert rows(url, "SELECT COUNT(*) FROM events") == [(2 * BATCH,)]
    assert_counted(url)


def test_what_was_committed_and_not_known_to_be(url: str, tmp_path: Path) -> None:
    """The place in the ledger does not move on: all of it is sent again, and counts once."""

    class Forgetful(Store):
        def advance(self, name: str, seq: int) -> None:
            raise KeyboardInterrupt

    store = Forgetful(tmp_path / "ledger")
    store.add(event(number) for number in range(50))
    sink = PostgreSQLSink(url, "gw", "i", LONG)
    delivery = Delivery("fleet", sink, lambda records: None)
    with pytest.raises(KeyboardInterrupt):
        delivery.turn(store)
    assert rows(url, "SELECT COUNT(*) FROM events") == [(50,)]
    store.close()
    again = Store(tmp_path / "ledger")
    again.add(event(number) for number in range(50, 60))
    Delivery("fleet", sink, lambda records: None).turn(again)
    sink.close()
    again.close()
    assert rows(url, "SELECT COUNT(*) FROM events") == [(60,)]
    assert_counted(url)

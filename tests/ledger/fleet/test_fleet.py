"""A fleet's database: counted once, whoever comes, however often, with whatever a page sent."""

import contextlib
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from rtcguard.errors import StartError
from rtcguard.ledger import fleet as database
from rtcguard.ledger.event import COLUMNS, Event, timestamp
from rtcguard.ledger.exports import postgresql as module
from rtcguard.ledger.exports.delivery import Delivery
from rtcguard.ledger.exports.postgresql import PostgreSQLSink
from rtcguard.ledger.exports.sink import Outage
from rtcguard.ledger.fleet import LONGEST, VERSION, Fleet, asked
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store
from tests.lab.ca import LabCA
from tests.ledger.exports.events import event
from tests.ledger.fleet.counting import assert_counted, rows
from tests.ledger.fleet.postgresql import PostgreSQL

DAY = 86400
LONG = 3650 * DAY


def many(first: int, count: int, **of: object) -> list[Event]:
    return [
        replace(
            event(n, address=f"10.0.0.{n % 9}", site=f"s{n % 5}.example", client=f"c{n % 3}", **of),
            time=f"2026-11-{20 + n % 4}T00:00:00.000Z",
        )
        for n in range(first, first + count)
    ]


def test_what_is_sent_twice_counts_once(url: str) -> None:
    fleet = Fleet(url)
    assert fleet.add([*many(0, 100), *many(50, 30)]) == 100
    assert fleet.add(many(90, 20)) == 10
    assert fleet.add([]) == 0
    fleet.close()
    assert rows(url, "SELECT COUNT(*), COUNT(DISTINCT id) FROM events") == [(110, 110)]
    assert_counted(url)


def test_the_events_are_those_of_the_local_ledger(url: str, tmp_path: Path) -> None:
    store, fleet = Store(tmp_path / "ledger"), Fleet(url)
    store.add(many(0, 20, port=2**40, reason="Grüße 😀 \\ % '\"", user="u"))
    store.add([event(99, reason="\ud800")])
    fleet.add(one for _, one in store.after(0, 100))
    fleet.close()
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    there = rows(url, f"SELECT {names} FROM events ORDER BY id")
    assert [Event.of_row(row) for row in there] == [one for _, one in store.after(0, 100)]
    store.close()


def test_what_postgresql_cannot_hold(url: str) -> None:
    """Names come from pages: with U+0000, and longer than an index can have them."""
    fleet = Fleet(url)
    long = "ä" * 100_000
    fleet.add([event(1, site="a\0b"), event(2, address=long, site=long, client=long, rule=long,
                                            destination=long, user=long, ufrag=long)])  # fmt: skip
    found = {group.key for group in fleet.grouped("site", Filter())}
    fleet.close()
    assert "a\ufffdb" in found
    (cut,) = found - {"a\ufffdb"}
    assert (
        cut.startswith("ää") and cut.endswith("ä…") and LONGEST - 3 < len(cut.encode()) <= LONGEST
    )
    assert_counted(url)


def test_several_gateways_come_to_a_new_database_at_once(url: str) -> None:
    failed = []

    def come(number: int) -> None:
        try:
            for part in range(5):  # what they share is theirs in another order each
                fleet = Fleet(url)
                for batch in range(3):
                    first = 10_000 * number + 1000 * part + 100 * batch
                    fleet.add(many(first, 100)[:: 1 if number % 2 else -1])
                fleet.close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=come, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert rows(url, "SELECT COUNT(*) FROM events") == [(6000,)]
    assert_counted(url)


def test_a_failed_batch_leaves_nothing_behind(url: str) -> None:
    """Not in memory either: what was linked in it is linked when it comes again."""
    fleet = Fleet(url)
    fleet.add(many(0, 1))
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("ALTER TABLE links RENAME TO away")
        with pytest.raises(psycopg.errors.UndefinedTable):
            fleet.add(many(1, 50))
        other.execute("ALTER TABLE away RENAME TO links")
    assert fleet.add(many(1, 50)) == 50
    fleet.close()
    assert_counted(url)


def test_another_version(url: str) -> None:
    Fleet(url).close()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("UPDATE rtcguard_version SET version = %s", (VERSION + 1,))
        with pytest.raises(StartError, match=f"version {VERSION + 1}.*update rtcguard"):
            Fleet(url)
        with pytest.raises(Outage, match="update rtcguard"):
            PostgreSQLSink(url, "n", "i", LONG).send(many(0, 1))
    assert rows(url, "SELECT COUNT(*) FROM events") == [(0,)]


def test_only_reading_makes_no_tables(url: str) -> None:
    with (
        contextlib.ExitStack() as stack,
        pytest.raises(StartError, match=r"is empty; a gateway whose ledger.store it is makes it"),
    ):
        stack.enter_context(asked(url))
    assert rows(url, "SELECT to_regclass('events')") == [(None,)]


def test_a_user_who_may_only_read(url: str) -> None:
    fleet = Fleet(url)
    fleet.add(many(0, 3))
    fleet.close()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("CREATE ROLE reader LOGIN")
        other.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    with asked(url.replace("rtcguard@", "reader@")) as reading:
        assert [group.count for group in reading.grouped("ring", Filter())] == [3]


def test_one_that_is_refused_stops_no_other(url: str, tmp_path: Path) -> None:
    Fleet(url).close()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("ALTER TABLE events ADD CHECK (reason != 'bad')")
    store = Store(tmp_path / "ledger")
    store.add([*many(0, 10), event(50, reason="bad"), *many(60, 10)])
    told: list[str] = []
    sink = PostgreSQLSink(url, "n", "i", LONG)
    delivery = Delivery("fleet", sink, lambda records: told.extend(r.reason for r in records))
    delivery.turn(store)
    sink.close()
    assert (delivery.progress.sent, delivery.progress.refused) == (20, 1)
    assert told == ["export fleet: it refused 1 events, which are not sent again"]
    assert store.cursor("fleet") == store.last_seq()
    store.close()
    assert_counted(url)


def test_deadlocks_are_tried_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure()]
    add = Fleet.add

    def added(fleet: Fleet, events: list[Event]) -> int:
        if failures:
            raise failures.pop()
        return add(fleet, events)

    monkeypatch.setattr(Fleet, "add", added)
    sink = PostgreSQLSink(url, "n", "i", LONG)
    assert sink.send(many(0, 5)) == 0
    sink.close()
    assert_counted(url)


def test_two_of_one_name(url: str, caplog: pytest.LogCaptureFixture) -> None:
    first, second = (PostgreSQLSink(url, "gw", instance, LONG) for instance in ("a", "b"))
    first.send(many(0, 2))
    assert not caplog.records
    second.send(many(2, 2))
    second.send(many(4, 2))
    (said,) = caplog.records
    assert "as gw, too" in said.getMessage() and "ledger.node" in said.getMessage()
    other = PostgreSQLSink(url, "gw2", "c", LONG)
    other.send(many(6, 2))
    assert len(caplog.records) == 1
    for one in (first, second, other):
        one.close()
    assert rows(url, "SELECT COUNT(*) FROM events") == [(8,)]


def test_a_clock_that_is_wrong(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 86400.0)
    monkeypatch.setattr(module, "_SEEN_EVERY", -1.0)
    sink = PostgreSQLSink(url, "gw", "a", LONG)
    sink.send(many(0, 2))
    sink.send(many(2, 2))
    sink.close()
    (said,) = caplog.records
    assert "clock is far from" in said.getMessage() and "behind" in said.getMessage()


def test_old_days_go_for_the_gateway_that_keeps_them_longest(url: str) -> None:
    fleet = Fleet(url)
    (now,) = rows(url, "SELECT extract(epoch FROM now())::bigint")[0]
    events = [
        replace(event(n), time=timestamp(now - n * DAY), last=timestamp(now - n * DAY))
        for n in range(10)
    ]
    fleet.add(events)
    fleet.forget_old()  # nobody has said how long
    fleet.seen("short", "a", 2 * DAY)
    fleet.seen("long", "b", 5 * DAY)
    fleet.forget_old()
    assert [group.count for group in fleet.grouped("ring", Filter())] == [6]
    assert_counted(url, links=False)
    with psycopg.connect(url) as other:
        other.execute("UPDATE nodes SET seen = now() - interval '6 days' WHERE node = 'long'")
    fleet.forget_old()
    assert [group.count for group in fleet.grouped("ring", Filter())] == [3]
    fleet.close()
    assert_counted(url, links=False)


def test_months_that_are_over_are_counted_together(url: str) -> None:
    """Also what comes for them later, and from a gateway that adds while another counts."""
    months = ("2026-01-30", "2026-01-31", "2026-02-01", "2026-02-28")

    def some(first: int) -> list[Event]:
        return [
            replace(event(n, site=f"s{n % 3}"), node=f"gw{n % 2}", time=time, last=time)
            for n, time in enumerate((f"{day}T01:00:00.000Z" for day in months), start=first)
        ]

    fleet, other = Fleet(url), Fleet(url)
    fleet.add(some(0))
    adding = threading.Thread(target=lambda: [other.add(some(10 * n)) for n in range(1, 30)])
    adding.start()
    fleet.roll()
    adding.join()
    fleet.add(some(1000))
    fleet.roll()
    assert rows(url, "SELECT DISTINCT period FROM totals WHERE period > 'm' ORDER BY 1") == [
        ("m2026-01",), ("m2026-02",)
    ]  # fmt: skip
    assert_counted(url)
    with_months = [fleet.grouped("site", Filter(since)) for since in ("", "2026-01-31")]
    with psycopg.connect(url, autocommit=True) as database_:
        database_.execute("DELETE FROM totals WHERE period > 'm'")
    assert with_months == [fleet.grouped("site", Filter(since)) for since in ("", "2026-01-31")]
    fleet.close()
    other.close()


def test_a_month_loses_the_days_that_go(url: str) -> None:
    fleet = Fleet(url)
    (now,) = rows(url, "SELECT extract(epoch FROM now())::bigint")[0]
    times = [timestamp(now - n * DAY) for n in range(70)]
    fleet.add([replace(event(n), time=time, last=time) for n, time in enumerate(times)])
    fleet.roll()
    for keep in (50, 49, 3):
        fleet.seen("gw", "a", keep * DAY)
        fleet.forget_old()
        assert [group.count for group in fleet.grouped("ring", Filter())] == [keep + 1]
        assert_counted(url, links=False)
    fleet.close()


def test_why_it_cannot_be_reached(server: PostgreSQL, url: str) -> None:
    nowhere = server.url("nowhere")
    with contextlib.ExitStack() as stack, pytest.raises(StartError) as raised:
        stack.enter_context(asked(nowhere))
    assert 'database "nowhere" does not exist' in str(raised.value)
    assert "\n" not in str(raised.value) and "--local" in str(raised.value)
    with pytest.raises(Outage, match="onnection refused"):
        PostgreSQLSink("postgresql://127.0.0.1:1/a", "n", "i", 1).send(many(0, 1))


def test_a_database_that_stands_still(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for ever; what it had is not counted twice."""
    sink = PostgreSQLSink(url, "n", "i", LONG)
    sink.send(many(0, 3))
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'rtcguard'"
    ((pid,),) = rows(url, query)
    monkeypatch.setattr(database, "SILENT", 0.2)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(Outage):
        sink.send(many(3, 3))
    os.kill(pid, signal.SIGCONT)
    monkeypatch.undo()
    assert sink.send(many(3, 3)) == 0
    sink.close()
    assert rows(url, "SELECT COUNT(*) FROM events") == [(6,)]
    assert_counted(url)


def test_tls(server: PostgreSQL, url: str, tmp_path: Path) -> None:
    """The database's certificate is checked, and its name."""
    (tmp_path / "other").mkdir()
    ca, other = LabCA(tmp_path), LabCA(tmp_path / "other")
    server.use_tls(*ca.issue("localhost", ()))
    port = url.rpartition(":")[2]

    def sink(host: str, trusted: LabCA) -> PostgreSQLSink:
        tls = f"sslmode=verify-full&sslrootcert={trusted.certificate}"
        return PostgreSQLSink(f"postgresql://rtcguard@{host}:{port}?{tls}", "n", "i", LONG)

    one = sink("localhost", ca)
    assert one.send(many(0, 3)) == 0
    query = "SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl"
    assert rows(url, f"{query} AND application_name = 'rtcguard'") == [(1,)]
    one.close()
    with pytest.raises(Outage, match="certificate verify failed"):
        sink("localhost", other).send(many(3, 3))
    with pytest.raises(Outage, match="does not match host name"):
        sink("127.0.0.1", ca).send(many(3, 3))
    assert rows(url, "SELECT COUNT(*) FROM events") == [(3,)]


def test_the_order_of_a_batch_is_kept(url: str) -> None:
    fleet = Fleet(url)
    batch = [event(n) for n in (5, 3, 9, 1)]
    fleet.add(batch)
    fleet.close()
    assert rows(url, "SELECT id FROM events ORDER BY seq") == [(one.id,) for one in batch]

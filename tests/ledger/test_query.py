"""Sums and events together answer what the events alone would."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcguard.ledger import totals
from rtcguard.ledger.dialect import SQLITE
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter, Group
from rtcguard.ledger.ranking import SORTS
from rtcguard.ledger.schema import GROUPS, VERSION
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def event(number: int, time: str, **of: object) -> Event:
    values = {"ring": "signaling", "kind": "candidate", "action": "stripped", **of}
    return Event(time, f"{number:032x}", "n", Record(**values), time)  # type: ignore[arg-type]


TIMES = st.builds(
    "2026-{:02}-{:02}T{:02}:{:02}:00.000Z".format, st.integers(1, 3), st.integers(1, 3),
    st.integers(0, 23), st.sampled_from((0, 30)),
)  # fmt: skip
RECORDS = st.builds(
    Record,
    ring=st.sampled_from(("page", "signaling", "network")),
    kind=st.sampled_from(("candidate", "stun")),
    action=st.sampled_from(("stripped", "kept", "observed")),
    would=st.sampled_from(("", "stripped")),
    site=st.sampled_from(("", "a.example", "b.a.example", "[odd]?.example")),
    client=st.sampled_from(("10.0.0.1", "10.0.0.2")),
    address=st.sampled_from(("10.0.0.1", "192.0.2.7", "f00d.local", "beef.local")),
    scope=st.sampled_from(("private", "mdns", "public")),
    count=st.integers(1, 5),
)
BOUNDS = st.one_of(
    st.just(""), TIMES, st.sampled_from(("2026", "2026-01-02", "2026-02", "2026-02-01"))
)
FILTERS = st.builds(
    Filter,
    since=BOUNDS,
    until=BOUNDS,
    site=st.sampled_from(("", "a.example", "*.example", "[odd]*", "?.example", "*.a.example")),
    client=st.sampled_from(("", "10.0.0.1", "10.*")),
    address=st.sampled_from(("", "*.local", "10.0.0.1")),
    ring=st.sampled_from(("", "page")),
)


def _is(value: str, has: str) -> bool:
    if value.startswith("*"):
        return has.endswith(value[1:])
    return has.startswith(value[:-1]) if value.endswith("*") else has == value


def plainly(events: list[Event], by: str, asked: Filter) -> Counter[tuple[str, str, str]]:
    """The same by reading each event."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one in events:
        record = one.record
        if record.scope == "mdns":
            record = replace(record, address="*.local")
        if not (asked.since <= one.time and (not asked.until or one.time < asked.until)):
            continue
        for field in fields(asked):
            value = getattr(asked, field.name)
            if field.name in ("since", "until") or not value:
                continue
            has = one.node if field.name == "node" else getattr(record, field.name)
            if not _is(value, has):
                break
        else:
            key = one.node if by == "node" else getattr(record, by)
            if key:
                found[key, record.action, record.would] += record.count
    return found


@settings(deadline=None)
@given(
    st.lists(st.tuples(TIMES, RECORDS), max_size=30),
    st.sampled_from(GROUPS),
    FILTERS,
    st.integers(1, 30),
    st.sampled_from(("", "2026-01", "2026-02", "2026-03", "2026-04")),
)
def test_as_read_plainly(
    events: list[tuple[str, Record]], by: str, asked: Filter, parts: int, rolled: str
) -> None:
    """Whatever was counted together, whenever, and whatever came for a month that was over."""
    made = [Event(time, f"{i:032x}", "n", record, time) for i, (time, record) in enumerate(events)]
    store = Store(Path(":memory:"))
    for first in range(0, len(made), parts):
        store.add(made[first : first + parts])
        store.roll(rolled)
    found = store.grouped(by, asked)
    store.close()
    expected = plainly(made, by, asked)
    counts: Counter[tuple[str, str]] = Counter()
    would: Counter[tuple[str, str]] = Counter()
    for (key, action, other), count in expected.items():
        counts[key, action] += count
        would[key, other] += count if other else 0
    assert {(g.key, action): n for g in found for action, n in g.actions.items()} == counts
    assert {(g.key, other): n for g in found for other, n in g.would.items()} == +would
    assert all(group.count == sum(group.actions.values()) for group in found)


@given(
    st.lists(st.tuples(TIMES, RECORDS), max_size=20),
    st.sampled_from(GROUPS),
    FILTERS,
    st.sampled_from(list(SORTS)),
    st.integers(1, 4),
)
def test_the_first_rows_are_those_of_all(
    events: list[tuple[str, Record]], by: str, asked: Filter, sort: str, most: int
) -> None:
    store = Store(Path(":memory:"))
    store.add(
        Event(time, f"{i:032x}", "n", record, time) for i, (time, record) in enumerate(events)
    )
    store.roll("2026-03")
    whole, first = (store.ranked(by, asked, sort, number) for number in (None, most))
    assert first.total == whole.total == len(whole.rows) == len(store.grouped(by, asked))
    assert list(map(told, first.rows)) == list(map(told, whole.rows[:most]))
    addresses = store.grouped("address", asked)
    scopes = Counter(row.scope for row in addresses)
    counts: Counter[str] = Counter()
    for row in addresses:
        counts[row.scope] += row.count
    assert {name: (n, m) for name, n, m in store.scopes(asked)} == {
        name: (scopes[name], counts[name]) for name in scopes
    }
    store.close()


def told(row: Group) -> dict[str, object]:
    """What is a list is in no order."""
    values = {name: getattr(row, name) for name in Group.__slots__}
    return {n: sorted(value) if isinstance(value, list) else value for n, value in values.items()}


@given(st.lists(st.tuples(TIMES, RECORDS), max_size=20), TIMES)
def test_what_was_forgotten_is_not_counted(events: list[tuple[str, Record]], before: str) -> None:
    store = Store(Path(":memory:"))
    made = [Event(time, f"{i:032x}", "n", record, time) for i, (time, record) in enumerate(events)]
    store.add(made)
    store.roll("2026-03")
    store.forget_before(before)
    left = sum(one.record.count for one in made if one.time >= before)
    assert sum(group.count for group in store.grouped("ring", Filter())) == left
    store.close()


def test_what_a_value_was_seen_with(store: Store) -> None:
    store.add(
        event(n, f"2026-01-0{n}T00:00:00.000Z", client=client, site=site, ring=ring)
        for n, (client, site, ring) in enumerate(
            (("c1", "a", "page"), ("c2", "a", "network"), ("c1", "b", "page")), start=1
        )
    )
    (a, b) = sorted(store.grouped("site", Filter()), key=lambda group: group.key)
    assert (sorted(a.clients), a.sites, b.clients) == (["c1", "c2"], ["a"], ["c1"])
    (late,) = store.grouped("client", Filter("2026-01-03"))
    assert (late.key, late.sites) == ("c1", ["b"])
    rings = {group.key: group for group in store.grouped("ring", Filter(site="a"))}
    assert sorted(rings["page"].clients) == ["c1", "c2"]
    (both,) = store.grouped("site", Filter(client="c2"))  # answered by the events
    assert (both.key, both.clients, both.count) == ("a", ["c2"], 1)


def test_what_is_written_twice_is_summed_once(store: Store) -> None:
    store.add([event(1, "2026-01-01T00:00:00.000Z", address="x")])
    store.add([event(n, "2026-01-01T00:00:00.000Z", address="x") for n in (1, 2)])
    assert [row.count for row in store.grouped("address", Filter())] == [2]


def test_what_was_not_written_is_linked_later(store: Store, path: Path) -> None:
    """A batch that failed left nothing behind, in memory either."""
    database = sqlite3.connect(path)
    database.execute("ALTER TABLE links RENAME TO away")
    made = event(1, "2026-01-01T00:00:00.000Z", site="a", client="c1")
    with pytest.raises(sqlite3.OperationalError):
        store.add([made])
    database.execute("ALTER TABLE away RENAME TO links")
    database.close()
    store.add([made])
    assert [row.clients for row in store.grouped("site", Filter())] == [["c1"]]


def test_a_day_with_too_many_sums(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of addresses cannot make as many sums as events; all of it is counted."""
    monkeypatch.setattr(totals, "MOST", 100)
    for batch in range(20):
        store.add(
            event(100 * batch + n, "2026-01-01", address=f"10.0.{batch}.{n}", client="c", site="")
            for n in range(20)
        )
    store.add([event(9999, "2026-01-02", address="next day")])
    found = {row.key: row.count for row in store.grouped("address", Filter())}
    assert len(found) <= 122
    assert sum(found.values()) == 401
    assert found["(others)"] > 200
    assert found["next day"] == 1
    assert not [row for row in store.grouped("site", Filter())]


def test_older_events_go_by_the_moment(store: Store) -> None:
    """Also in the sums of the day that is cut through."""
    times = [f"2026-01-0{day}T{hour}:00:00.000Z" for day in (1, 2, 3) for hour in ("01", "02")]
    store.add(event(n, time, site="a.example") for n, time in enumerate(times))
    store.forget_before("2026-01-02T01:30:00.000Z")
    assert [row.count for row in store.grouped("site", Filter())] == [3]
    assert [row.count for row in store.grouped("site", Filter(until="2026-01-03"))] == [1]


def test_the_oldest_go_where_there_is_no_room(store: Store) -> None:
    store.add(event(n, f"2026-01-01T00:00:{n % 60:02}", reason="r" * 200) for n in range(5000))
    before = store._used()
    gone = store.shrink_to(before // 2)
    assert 2000 < gone < 3500
    assert store._used() <= before // 2
    (first, _), *_ = store.after(0, 1)
    assert first == gone + 1
    assert [row.count for row in store.grouped("ring", Filter())] == [5000]  # still counted
    assert store.shrink_to(1) == 5000 - gone  # there is always room for nothing


def test_reading_behind_a_cursor(store: Store) -> None:
    assert (store.last_seq(), store.cursor("x"), store.after(0, 5)) == (0, 0, [])
    made = [event(n, "2026-01-01", address=str(n), port=n, user="u") for n in range(10)]
    store.add(made[:6])
    store.add(made[6:])
    got = store.after(store.cursor("x"), 4)
    assert [one for _, one in got] == made[:4]
    store.advance("x", got[-1][0])
    store.advance("y", 1)
    assert [one for _, one in store.after(store.cursor("x"), 100)] == made[4:]
    assert store.last_seq() == 10
    store.shrink_to(0)
    assert (store.last_seq(), store.cursor("x")) == (10, 4)
    store.add([event(11, "2026-01-01")])
    assert store.last_seq() == 11  # no place is given twice


def test_the_version_is_written(path: Path, store: Store) -> None:
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    database.close()


@given(st.text("ab.*[?", max_size=8), st.text("ab.[?", max_size=10))
def test_patterns_as_the_database_has_them(pattern: str, text: str) -> None:
    one = event(1, "2026-01-01", site=text)
    with sqlite3.connect(":memory:") as db:
        (fits,) = db.execute("SELECT ? GLOB ?", (text, SQLITE.pattern(pattern))).fetchone()
    assert Filter(site=pattern).takes(one) is (not pattern or bool(fits))


def test_a_pattern_that_would_take_an_expression_for_ever() -> None:
    assert not Filter(site="*a" * 100 + "b*").takes(event(1, "2026-01-01", site="a" * 5000))

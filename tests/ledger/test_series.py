"""Counts over time and single events, against a plain reading of each event."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter
from rtcguard.ledger.schema import COMMON
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record
from tests.ledger.test_query import FILTERS, RECORDS, TIMES, plainly


def made(events: list[tuple[str, Record]]) -> list[Event]:
    return [Event(time, f"{i:032x}", "n", record, time) for i, (time, record) in enumerate(events)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(TIMES, RECORDS), max_size=30),
    st.sampled_from(("ring", "action", "would", "scope")),
    FILTERS,
    st.booleans(),
)
def test_over_time_as_read_plainly(
    events: list[tuple[str, Record]], by: str, asked: Filter, hours: bool
) -> None:
    store, length = Store(Path(":memory:")), 13 if hours else 10
    store.add(made(events))
    store.roll("2026-03")
    found = store.over_time(by, asked, hours=hours)
    store.close()
    expected: Counter[tuple[str, str]] = Counter()
    for event in made(events):
        for (key, _, _), count in plainly([event], by, asked).items():
            expected[event.time[:length], key] += count
    assert {(one.at, one.key): one.count for one in found if one.key} == expected
    assert found == sorted(found, key=lambda one: (one.at, one.key))


def test_over_time_of_what_has_many_values() -> None:
    store = Store(Path(":memory:"))
    with pytest.raises(ValueError, match="site"):
        store.over_time("site", Filter(), hours=False)
    assert all(store.over_time(by, Filter(), hours=True) == [] for by in COMMON)
    store.close()


@given(st.lists(st.tuples(TIMES, RECORDS), max_size=30), FILTERS, st.integers(1, 40))
def test_the_last_events(events: list[tuple[str, Record]], asked: Filter, most: int) -> None:
    """`takes` says the same of one event as the store of all."""
    store = Store(Path(":memory:"))
    store.add(made(events))
    found = store.events(asked, most)
    store.close()
    expected = [
        event
        for event in sorted(made(events), key=lambda event: (event.time, event.id))
        if asked.takes(event) and asked.since <= event.time
        and (not asked.until or event.time < asked.until)
    ]  # fmt: skip
    assert [event.id for event in found] == [event.id for event in expected[-most:]]


def test_named() -> None:
    store = Store(Path(":memory:"))
    records = [Record("page", "guard", "observed", ufrag=ufrag) for ufrag in ("0000", "ab", "", "")]
    store.add(made([("2026-01-01", record) for record in records]))
    assert [event.record.ufrag for event in store.named("ab", 9)] == ["ab"]
    assert len(store.named("0000", 9)) == 1  # the fragment, before ids
    assert len(store.named(f"{0:031x}", 9)) == 4
    assert [event.id for event in store.named(f"{3:032x}", 9)] == [f"{3:032x}"]
    assert store.named("nobody", 9) == store.named("0%", 9) == []
    store.close()

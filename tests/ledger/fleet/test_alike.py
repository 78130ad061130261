"""Both databases answer alike, whatever they are asked."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ledger.event import Event
from rtcguard.ledger.fleet import Fleet
from rtcguard.ledger.query import Filter, Group
from rtcguard.ledger.ranking import SORTS
from rtcguard.ledger.schema import GROUPS
from rtcguard.ledger.store import Store
from rtcguard.ledger.totals import Totals
from rtcguard.policy.record import Record
from tests.ledger.fleet.postgresql import PostgreSQL
from tests.ledger.test_query import FILTERS, RECORDS, TIMES


@pytest.fixture(scope="module")
def fleet(server: PostgreSQL) -> Iterator[Fleet]:
    made = Fleet(server.new_database("alike"))
    yield made
    made.close()


def plain(found: list[Group]) -> list[dict[str, Any]]:
    """What is a list in no order is sorted."""
    return [
        {name: sorted(value) if isinstance(value, list) else value for name, value in row.items()}
        for row in map(asdict, found)
    ]


ODD = st.sampled_from(("a%b.example", "a_b.example", "a\\b.example", "Ä.example", "a.Example", "~"))


@given(
    st.lists(st.tuples(TIMES, RECORDS, ODD, st.sampled_from(("gw1", "gw2"))), max_size=20),
    st.sampled_from(GROUPS),
    st.one_of(
        FILTERS,
        st.builds(
            Filter,
            since=TIMES,
            destination=st.sampled_from(("a%*", "a_*", "a\\*", "*.example", "Ä*", "A*", "~")),
            node=st.sampled_from(("", "gw1", "gw*")),
        ),
    ),
    st.integers(1, 20),
)
def test_as_the_local_ledger(
    fleet: Fleet, events: list[tuple[str, Record, str, str]], by: str, asked: Filter, parts: int
) -> None:
    made = [
        Event(time, f"{i:032x}", node, _towards(record, odd), time)
        for i, (time, record, odd, node) in enumerate(events)
    ]
    store = Store(Path(":memory:"))
    with fleet._connection.transaction(force_rollback=True):
        fleet._totals = Totals(fleet._db)
        for first in range(0, len(made), parts):
            batch = made[first : first + parts]
            store.add(batch)
            assert fleet.add(batch) == len(batch)
        assert plain(store.grouped(by, asked)) == plain(fleet.grouped(by, asked))
        for sort in SORTS:
            first = [one.ranked(by, asked, sort, 2) for one in (store, fleet)]
            assert first[0].total == first[1].total
            assert plain(first[0].rows) == plain(first[1].rows)
        assert store.scopes(asked) == fleet.scopes(asked)
        for hours in (False, True):
            found = (one.over_time("node", asked, hours=hours) for one in (store, fleet))
            assert next(found) == next(found)
        assert store.events(asked, 7) == fleet.events(asked, 7)
        for name in ("a", f"{1:032x}"[:31]):
            assert store.named(name, 7) == fleet.named(name, 7)
    store.close()


def _towards(record: Record, destination: str) -> Record:
    values = {name: getattr(record, name) for name in Record.__slots__}
    return Record(**{**values, "destination": destination})

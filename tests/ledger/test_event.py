"""Events as they stand in JSON lines and in the store."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ledger.event import COLUMNS, Event, timestamp
from rtcguard.policy.record import Record


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000.12, "2023-11-14T22:13:20.120Z"),
        (1_700_000_000, "2023-11-14T22:13:20.000Z"),
    ],
)
def test_timestamp(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_times_sort_as_text(first: int, second: int) -> None:
    """In milliseconds, which is what is written."""
    one, other = timestamp(first / 1000 + 0.0001), timestamp(second / 1000 + 0.0001)
    assert (one < other) == (first < second)


def test_fields() -> None:
    """The contract of DESIGN section 6: every field, the empty ones too, in one order."""
    record = Record(ring="network", kind="stun", action="refused", port=3478)
    event = Event("t", "i", "n", record, "l")
    assert list(event.to_dict()) == list(COLUMNS)
    assert set(COLUMNS) == {
        *("time", "id", "node", "ring", "kind", "direction", "site", "client", "address", "port"),
        *("scope", "candidate_type", "destination", "name", "ufrag", "action", "rule", "reason"),
        *("page", "evidence", "user", "would", "policy", "count", "last"),
    }
    assert event.to_row() == tuple(event.to_dict().values())
    names = [
        field.name for field in fields(Record) if field.name not in ("began", "ended", "far_ufrag")
    ]
    assert [event.to_dict()[name] for name in names] == [getattr(record, name) for name in names]

"""Delivery over the real store: nothing lost, nothing held up, each failure said once."""

import itertools
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rtcguard.ledger.event import Event
from rtcguard.ledger.exports import delivery as module
from rtcguard.ledger.exports.delivery import BATCH, LONGEST_WAIT, LOOK_EVERY, Delivery
from rtcguard.ledger.exports.sink import Outage
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record
from tests.ledger.exports.events import event


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "ledger.sqlite3")
    yield made
    made.close()


@dataclass
class Receiver:
    """Takes events, or fails as it is told; `answers` are for the next batches."""

    answers: list[Exception | int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    closed: int = 0

    def send(self, events: Sequence[Event]) -> int:
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Exception):
            raise answer
        self.taken += [int(one.id, 16) for one in events]
        return answer

    def close(self) -> None:
        self.closed += 1


@dataclass
class Told:
    reasons: list[str] = field(default_factory=list)

    def __call__(self, records: Iterable[Record]) -> None:
        for record in records:
            assert (record.ring, record.kind, record.action) == ("ledger", "rtcguard", "observed")
            self.reasons.append(record.reason.removeprefix("export e: "))


def made(*answers: Exception | int) -> tuple[Delivery, Receiver, Told]:
    receiver, told = Receiver(list(answers)), Told()
    return Delivery("e", receiver, told), receiver, told


def add(store: Store, numbers: Iterable[int]) -> None:
    store.add(event(number) for number in numbers)


def test_all_that_is_there_and_all_that_comes(store: Store) -> None:
    delivery, receiver, told = made()
    assert delivery.turn(store) == LOOK_EVERY
    add(store, range(BATCH + 5))
    assert delivery.turn(store) == 0  # there is more
    assert delivery.turn(store) == LOOK_EVERY
    add(store, [5000])
    delivery.turn(store)
    assert receiver.taken == [*range(BATCH + 5), 5000]
    assert delivery.progress.sent == BATCH + 6 and told.reasons == []


def test_each_has_a_place_of_its_own_and_keeps_it(store: Store, tmp_path: Path) -> None:
    add(store, range(3))
    first, received, _ = made()
    first.turn(store)
    add(store, [3])
    with_another_process = Store(tmp_path / "ledger.sqlite3")
    again, rest, _ = made()
    again.turn(with_another_process)
    other = Receiver()
    Delivery("other", other, Told()).turn(with_another_process)
    with_another_process.close()
    assert (received.taken, rest.taken, other.taken) == ([0, 1, 2], [3], [0, 1, 2, 3])


def test_an_outage_is_said_once_and_loses_nothing(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    delivery, receiver, told = made(*(ConnectionRefusedError() for _ in range(12)))
    add(store, range(3))
    with caplog.at_level(logging.WARNING):
        waits = [delivery.turn(store) for _ in range(12)]
        assert not delivery.progress.up and len(told.reasons) == len(caplog.records) == 1
        add(store, [3])
        delivery.turn(store)
    assert receiver.taken == [0, 1, 2, 3] and delivery.progress.up
    refused, works = told.reasons
    assert refused.startswith("it refuses the connection; is it running") and works == "works again"
    assert [line.getMessage() for line in caplog.records] == [f"e: {one}" for one in told.reasons]
    assert all(b > 1.5 * a for a, b in itertools.pairwise(waits[:6]))
    assert all(0.9 * LONGEST_WAIT <= wait <= 1.1 * LONGEST_WAIT for wait in waits[6:])


def test_the_receiver_may_ask_for_more_time(store: Store) -> None:
    delivery, _, _ = made(Outage("busy", wait=300))
    add(store, [1])
    assert delivery.turn(store) >= 270


def test_a_slow_line_gets_smaller_batches(store: Store) -> None:
    """What takes longer than there is time for would come to nothing each time."""
    delivery, receiver, _ = made()
    batches: list[int] = []

    def send(events: Sequence[Event]) -> int:
        batches.append(len(events))
        if len(events) > 100:
            raise TimeoutError
        return Receiver.send(receiver, events)

    receiver.send = send  # type: ignore[method-assign]
    add(store, range(BATCH))
    while len(receiver.taken) < BATCH:
        delivery.turn(store)
    assert receiver.taken == list(range(BATCH))
    assert batches[:5] == [1000, 500, 250, 125, 62] and set(batches[5:-1]) == {62}
    add(store, range(BATCH, 2 * BATCH))
    delivery.turn(store)
    assert batches[-1] == BATCH  # all was sent: it may have been anything


def test_one_that_is_not_there_is_not_slow(store: Store) -> None:
    delivery, receiver, _ = made(*(Outage("away", reached=False) for _ in range(9)))
    add(store, range(BATCH))
    for _ in range(10):
        delivery.turn(store)
    assert len(receiver.taken) == BATCH


@pytest.mark.parametrize("error", [ValueError("a fault"), sqlite3.OperationalError("locked")])
def test_whatever_breaks_is_an_outage(store: Store, error: Exception) -> None:
    delivery, receiver, told = made(error)
    add(store, [1])
    delivery.turn(store)
    delivery.turn(store)
    assert receiver.taken == [1] and len(told.reasons) == 2


def test_a_ledger_that_cannot_be_read(store: Store, tmp_path: Path) -> None:
    add(store, [1])
    delivery, receiver, told = made()
    database = sqlite3.connect(tmp_path / "ledger.sqlite3")
    database.execute("ALTER TABLE events RENAME TO away")
    delivery.turn(store)
    assert told.reasons[0].startswith("the ledger cannot be asked: no such table: events")
    database.execute("ALTER TABLE away RENAME TO events")
    database.close()
    delivery.turn(store)
    assert receiver.taken == [1]


def test_what_retention_took_is_counted(store: Store) -> None:
    delivery, receiver, told = made(0, TimeoutError())
    store.add([event(0)])
    delivery.turn(store)
    store.add(replace(event(n), time=f"2026-01-0{n}T00:00:00.000Z") for n in range(1, 6))
    delivery.turn(store)
    store.forget_before("2026-01-04T00:00:00.000Z")
    delivery.turn(store)
    assert receiver.taken == [0, 4, 5] and delivery.progress.removed == 3
    assert told.reasons[-1] == "3 events were removed from the ledger before it had them"


def test_all_of_it_gone(store: Store) -> None:
    """Places are never used twice, so what is written next is delivered."""
    delivery, receiver, _ = made()
    add(store, range(5))
    delivery.turn(store)
    store.forget_before("2099")
    delivery.turn(store)
    add(store, [9])
    delivery.turn(store)
    assert receiver.taken == [0, 1, 2, 3, 4, 9] and delivery.progress.removed == 0


def test_doubles_and_failed_writes_are_no_gap(store: Store) -> None:
    """A gap in the places means that events were removed, and nothing else."""
    delivery, receiver, told = made()
    add(store, [1, 2])
    add(store, [1, 2, 3])
    with pytest.raises(OverflowError):
        store.add([event(4), event(5, port=2**70)])
    add(store, [6])
    delivery.turn(store)
    assert receiver.taken == [1, 2, 3, 6] and told.reasons == []


def test_what_is_refused_is_counted_and_told_seldom(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, _, told = made(2, 1, 1)
    for number in range(3):
        add(store, range(10 * number, 10 * number + 5))
        delivery.turn(store)
    assert delivery.progress.refused == 4 and delivery.progress.sent == 11
    assert told.reasons == ["it refused 2 events, which are not sent again"]
    monkeypatch.setattr(module, "_TELL_EVERY", 0)
    add(store, [100])
    delivery.turn(store)
    assert told.reasons[-1] == "it refused 2 events, which are not sent again"

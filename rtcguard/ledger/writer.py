"""The writer: one thread a process that stamps records and commits them in batches.

Whoever records something never waits: the queue is bounded, and what does not fit, or cannot be
written because the disk is full, is counted and told as an event of its own as soon as one can be
written. Traffic goes on; the count keeps the ledger honest.
"""

import contextlib
import logging
import queue
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from rtcguard.ledger.attribution import Attribution
from rtcguard.ledger.event import RECORD_FIELDS, Event, timestamp
from rtcguard.ledger.masking import Mask, masked, unmasked
from rtcguard.ledger.measures import LOST, QUEUE, SEEN, WRITE_EVERY, Measures
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record

QUEUE_SIZE: Final = 50_000
BATCH_SIZE: Final = 5_000
NOT_WRITTEN: Final = " events could not be written to the ledger"  # behind their number
_LINGER: Final = 0.05  # seconds that a batch waits for company
_LAST: Final = 30.0  # seconds that what is queued at the end may take
_PRUNE_EVERY: Final = 3600.0  # seconds

logger = logging.getLogger(__name__)


def stamped(records: Iterable[Record], node: str) -> Iterator[Event]:
    """Records as events of this node, now or when they say; each with an id of its own.

    Ids begin with the milliseconds since 1970, as UUIDs of version 7 do (RFC 9562 section 5.7):
    indexes grow at their end then."""
    now = prefix = ""
    for record in records:
        if not now:
            moment = time.time()
            now, prefix = timestamp(moment), f"{int(moment * 1000):012x}"
        began = timestamp(record.began) if record.began else now
        last = timestamp(record.ended) if record.ended else now
        yield Event(began, prefix + secrets.token_hex(10), node, record, last)


class Writer:
    """Takes records from any thread; `close()` writes what is left."""

    def __init__(
        self,
        path: Path,
        keep: int,
        node: str = "",
        *,
        size: int = 2**62,
        mask: Mask = unmasked,
        measures: Measures | None = None,
    ) -> None:
        """Opens the store at `path` (StartError where it cannot be). Events older than `keep`
        seconds go, and the oldest of those that take more than `size` bytes; both may be changed
        at any time. `measures` are written too, with the writer's own."""
        Store(path).close()  # say what is wrong with the file here, not in the thread
        self._path, self.keep, self.size = path, keep, size
        self._node, self._mask = node or socket.gethostname(), mask
        self._queue: queue.Queue[Event | None] = queue.Queue(QUEUE_SIZE)
        self._measures, self._next_measure = measures, 0.0
        self._lost = 0  # not yet told
        self._lost_ever = 0
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def record(self, records: Iterable[Record]) -> None:
        """Queues records with the present time; never blocks, never raises."""
        for event in stamped(records, self._node):
            try:
                self._queue.put_nowait(event)
            except queue.Full:
                self._lose(event.record.count)

    def _lose(self, count: int) -> None:
        self._lost += count
        self._lost_ever += count

    def close(self) -> None:
        """Writes what is queued and ends the thread."""
        self._queue.put(None)
        self._thread.join(timeout=_LAST)
        if self._thread.is_alive():
            logger.error("the last %d events were not written", self._queue.qsize())

    def _run(self) -> None:
        store = Store(self._path, self._mask)
        attribution = Attribution(store)
        next_prune = 0.0
        open_ = True
        while open_:
            batch: list[Event] = []
            try:
                first = self._queue.get(timeout=None if self._measures is None else WRITE_EVERY)
            except queue.Empty:
                self._measure(store)
                continue
            if first is not None:
                batch.append(first)
                time.sleep(_LINGER)
            open_ = first is not None
            while len(batch) < BATCH_SIZE:
                try:
                    event = self._queue.get_nowait()
                except queue.Empty:
                    break
                if event is None:
                    open_ = False
                else:
                    batch.append(event)
            batch = folded(self._masked(batch))
            self._write(store, self._attributed(attribution, batch))
            if time.monotonic() >= next_prune:
                next_prune = time.monotonic() + _PRUNE_EVERY
                self._prune(store)
            self._measure(store)
        store.close()

    def _measure(self, store: Store) -> None:
        now = time.time()
        if self._measures is None or now < self._next_measure:
            return
        self._next_measure = now + WRITE_EVERY
        rows = self._measures.rows()
        rows += [(SEEN, "", now), (QUEUE, "", self._queue.qsize()), (LOST, "", self._lost_ever)]
        with contextlib.suppress(sqlite3.Error):  # events that cannot be written are told of
            store.measure(self._node, self._measures.process, rows)

    def _masked(self, batch: list[Event]) -> list[Event]:
        if self._mask is unmasked:
            return batch
        return [replace(event, record=masked(event.record, self._mask)) for event in batch]

    def _attributed(self, attribution: Attribution, batch: list[Event]) -> list[Event]:
        """The batch with what the store knows of it; as it is where the store cannot be asked."""
        try:
            return attribution.complete(batch)
        except sqlite3.Error as error:
            logger.error("the ledger at %s cannot be asked: %s", self._path, error)
            return batch

    def _write(self, store: Store, batch: list[Event]) -> None:
        """Commits a batch; what cannot be written is counted, and told with the next batch."""
        if not batch:
            return
        lost = self._lost
        try:
            store.add([*batch, *stamped(_notice(lost), self._node)])
            self._lost -= lost
        except sqlite3.Error as error:  # the file: full disk, taken away, locked for long
            self._lose(sum(event.record.count for event in batch))
            logger.error("the ledger at %s cannot be written: %s", self._path, error)
        except Exception as error:  # one event: the others must not go with it
            if len(batch) == 1:
                self._lose(batch[0].record.count)
                logger.error("an event cannot be written to the ledger: %r", error)
            else:
                for event in batch:
                    self._write(store, [event])

    def _prune(self, store: Store) -> None:
        try:
            store.forget_before(timestamp(time.time() - self.keep))
            store.roll(timestamp(time.time()))
            gone = store.shrink_to(self.size)
        except sqlite3.Error as error:
            logger.error("the ledger at %s cannot be cleared of old events: %s", self._path, error)
            return
        if gone:
            reason = f"{gone} events went before their time, as ledger.size leaves no room for more"
            self.record([Record(ring="ledger", kind="rtcguard", action="observed", reason=reason)])


_equal = attrgetter(*(name for name in RECORD_FIELDS if name != "count"))


def folded(batch: list[Event]) -> list[Event]:
    """A batch in which equal records are one event that counts them."""
    made: dict[tuple[Any, ...], Event] = {}
    for event in batch:
        key = _equal(event.record)
        first = made.get(key)
        if first is None:
            made[key] = event
        else:
            record = replace(first.record, count=first.record.count + event.record.count)
            made[key] = replace(
                first,
                record=record,
                time=min(first.time, event.time),
                last=max(first.last, event.last),
            )
    return list(made.values())


def _notice(lost: int) -> Iterator[Record]:
    """What the ledger is told of the events that it did not get, if any."""
    if lost:
        reason = f"{lost}{NOT_WRITTEN}"
        yield Record(ring="ledger", kind="rtcguard", action="observed", reason=reason)

"""Scanning recordings: each file read, its records made events, tied together, kept in a store.

Packets are attributed when all files have been read, for a page's signaling often comes after them;
and by the store, as live, so that a HAR and a capture of the same call explain one another.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rtcguard.errors import ParseError, StartError
from rtcguard.ledger.attribution import MOST, Attribution
from rtcguard.ledger.event import Event
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import stamped
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.recordings import formats
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.source import Source

_BATCH: Final = 5_000  # events that are written at once
_MOST_HELD: Final = 50_000  # of packets, that wait for what explains them
LEAKS: Final = ("scrubbed", "stripped", "refused", "blocked")

# Of which file, how many of its bytes were read, how many it has.
Progress = Callable[[Path, int, int], None]


@dataclass(slots=True)
class Outcome:
    """What a scan found out beside the events. `problems` are whole lines, `unusable` those of
    files of which nothing can be read, `notes` what in a file was not read and why."""

    problems: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    leaks: int = 0
    events: int = 0


def scan(
    paths: Sequence[Path],
    policy: Policy,
    clients: frozenset[str],
    store: Store,
    write: Callable[[Event], None],
    progress: Progress,
) -> Outcome:
    """Reads every file into the store; `write` gets each event as it is stored."""
    outcome = Outcome()
    keeping = _Keeping(store, write, outcome)
    scene = Scene(policy, clients)
    for path in paths:
        scene.notes.clear()
        for record in _records(path, scene, outcome, progress):
            keeping.add(record, path.name)
        outcome.notes += [f"{path}: {count} {what}" for what, count in scene.notes.items()]
    keeping.finish()
    return outcome


def _records(path: Path, scene: Scene, outcome: Outcome, progress: Progress) -> Iterator[Record]:
    try:
        status = path.stat()
        scene.began = status.st_mtime
        with Source(path, lambda position: progress(path, position, status.st_size)) as source:
            progress(path, source.position, status.st_size)
            try:
                name, reader = formats.detect(source)
            except ParseError as error:
                outcome.problems.append(f"{path}: no recording: {error}")
                return
            try:
                yield from reader(source, scene)
            except ParseError as error:
                told = f"{path}: {name}: {error}; what stands before was read"
                outcome.problems.append(told)
    except OSError as error:
        outcome.unusable.append(f"{path}: cannot be read: {error.strerror or error}")


class _Keeping:
    """Writes events in batches; those of packets last, when it is known what led to them."""

    def __init__(self, store: Store, write: Callable[[Event], None], outcome: Outcome) -> None:
        self._store, self._write, self._outcome = store, write, outcome
        self._attribution = Attribution(store)
        self._batch: list[Event] = []
        self._packets: list[Event] = []

    def add(self, record: Record, node: str) -> None:
        (event,) = stamped([record], node)
        if record.kind == "stun":
            self._packets.append(event)
            if len(self._packets) >= _MOST_HELD:
                self._flush()
                self._flush_packets()
        else:
            self._batch.append(event)
            if len(self._batch) >= _BATCH:
                self._flush()

    def finish(self) -> None:
        self._flush()
        self._flush_packets()

    def _flush(self) -> None:
        self._store_all(self._batch)
        self._batch = []

    def _flush_packets(self) -> None:
        packets, self._packets = self._packets, []
        for start in range(0, len(packets), MOST):
            self._store_all(self._attribution.complete(packets[start : start + MOST]))

    def _store_all(self, events: Sequence[Event]) -> None:
        if not events:
            return
        try:
            self._store.add(events)
        except sqlite3.Error as error:
            raise StartError(f"{self._store.path}: cannot be written: {error}") from error
        self._outcome.events += len(events)
        for event in events:
            record = event.record
            if record.direction == "outbound" and record.would in LEAKS:
                self._outcome.leaks += record.count
            self._write(event)

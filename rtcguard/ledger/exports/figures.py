"""The figures that Prometheus is told: counts of events, and what each process measures of itself.

A thread brings them up to date every two seconds from the store: of the events only those that were
written since (so it does not matter how many there are), of the processes what they wrote there.
An answer is made of what is in memory, and waits for no database. Counters begin at nothing when
the process does, as Prometheus expects of them; what was written meanwhile is counted.
No label has an address, a site or a client: who sends much must not make many series.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol, override

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from rtcguard import __version__
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.exports.delivery import Progress
from rtcguard.ledger.measures import LOST, QUEUE, REWRITE, SEEN, STUN, Row, name_of

NAME: Final = "prometheus"  # of its place in the store
LOOK_EVERY: Final = 2.0  # seconds
MOST_SERIES: Final = 1000  # of events; there are some hundred, whatever happens
_PATIENCE: Final = 16.0  # seconds until a process that says nothing counts as down
_OTHER: Final = ("other",) * 4

logger = logging.getLogger(__name__)

Sort = tuple[str, str, str, str]  # ring, kind, action, scope


class Source(Protocol):
    """What is asked of the store; see `Store`."""

    def cursor(self, name: str) -> int: ...
    def advance(self, name: str, seq: int) -> None: ...
    def last_seq(self) -> int: ...
    def counted_after(self, seq: int) -> tuple[int, list[tuple[str, str, str, str, int]]]: ...
    def sorts(self) -> list[Sort]: ...
    def measured(self, node: str) -> dict[str, list[Row]]: ...
    def rings_up(self, now: str) -> list[tuple[str, str, str, str]]: ...


class Figures(Collector):
    """`parts`: how many processes of which name each ring needs. `exports` are this process's."""

    def __init__(
        self,
        node: str,
        parts: dict[str, dict[str, int]],
        exports: Sequence[Progress],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._node, self._parts, self._exports, self._now = node, parts, exports, now
        self._events: dict[Sort, int] = {}
        self._seq = -1
        self._lag: dict[str, int] = {}
        self._processes: dict[str, list[_Process]] = {}
        self._holds = False  # the gateway's firewall, which tells of itself in another way
        self._readable = True

    # In the thread that has the store -------------------------------------------------------

    def run(self, source: Source, stop: threading.Event) -> None:
        while not stop.wait(LOOK_EVERY):
            self.look(source)

    def look(self, source: Source) -> None:
        """Brings all up to date. Raises nothing: old figures stay."""
        try:
            if self._seq < 0:
                self._begin(source)
            self._count(source)
            last = source.last_seq()
            cursors = {one.name: source.cursor(one.name) for one in self._exports}
            self._lag = {name: max(0, last - seq) for name, seq in cursors.items()}
            self._processes = _processes(source.measured(self._node))
            rings = source.rings_up(timestamp(self._now()))
            self._holds = (self._node, "network", "gateway") in {row[:3] for row in rings}
            self._readable = True
        except sqlite3.Error as error:
            if self._readable:
                logger.error("metrics: the ledger cannot be asked: %s", error)
            self._readable = False

    def _begin(self, source: Source) -> None:
        """Events from before the first time are not counted, but their series begin with 0: what
        Prometheus has never seen, it cannot see rising."""
        self._events = dict.fromkeys(source.sorts()[:MOST_SERIES], 0)
        self._seq = source.cursor(NAME) or source.last_seq()

    def _count(self, source: Source) -> None:
        last, rows = source.counted_after(self._seq)
        events = self._events.copy()  # what is being told does not change
        for *sort, count in rows:
            key = (sort[0], sort[1], sort[2], sort[3])
            if key not in events and len(events) >= MOST_SERIES:
                key = _OTHER
            events[key] = events.get(key, 0) + count
        self._events = events
        if last != self._seq:
            source.advance(NAME, last)
        self._seq = last

    # In the threads that answer -------------------------------------------------------------

    @override
    def collect(self) -> Iterator[Metric]:
        yield _info()
        yield self._of_events()
        yield from self._of_processes()
        yield from self._of_exports()

    def _of_events(self) -> Metric:
        made = CounterMetricFamily(
            "rtcguard_events",
            "Events in the ledger; one may stand for several attempts, each of which counts.",
            labels=("ring", "kind", "action", "scope"),
        )
        for sort, count in self._events.items():
            made.add_metric(sort, count)
        return made

    def _of_processes(self) -> Iterator[Metric]:
        told, late = self._processes, self._now() - _PATIENCE
        live = {name: sum(one.seen >= late for one in many) for name, many in told.items()}
        if self._holds:
            live["gateway"] = 1
        needed = {name: count for names in self._parts.values() for name, count in names.items()}
        up = {name for name, count in needed.items() if live.get(name, 0) >= count}
        yield _gauge(
            "rtcguard_process_up",
            "Whether all processes of this name that are to run have told of themselves lately.",
            "process",
            {name: float(name in up) for name in needed},
        )
        yield _gauge(
            "rtcguard_ring_up",
            "Whether all processes of a ring are up.",
            "ring",
            {ring: float(up.issuperset(names)) for ring, names in self._parts.items()},
        )
        yield _gauge(
            QUEUE,
            "Events that wait to be written to the ledger.",
            "process",
            {
                name: sum(one.value(QUEUE) for one in many if one.seen >= late)
                for name, many in told.items()
            },
        )
        lost = CounterMetricFamily(
            LOST, "Events that could not be written to the ledger.", labels=("process",)
        )
        for name, many in told.items():
            lost.add_metric((name,), sum(one.value(LOST) for one in many))
        yield lost
        for name, meaning in _HISTOGRAMS.items():
            yield _histogram(name, meaning, told)

    def _of_exports(self) -> Iterator[Metric]:
        gauges: tuple[tuple[str, str, Callable[[Progress], float]], ...] = (
            (
                "rtcguard_export_up",
                "Whether the last delivery worked.",
                lambda one: float(one.up),
            ),
            (
                "rtcguard_export_lag_events",
                "Events of the ledger that are still to be sent.",
                lambda one: self._lag.get(one.name, 0),
            ),
        )
        counters: tuple[tuple[str, str, Callable[[Progress], float]], ...] = (
            (
                "rtcguard_export_events",
                "Events that were delivered.",
                lambda one: one.sent,
            ),
            (
                "rtcguard_export_refused_events",
                "Events that the receiver refused for good.",
                lambda one: one.refused,
            ),
            (
                "rtcguard_export_removed_events",
                "Events that retention removed before they were delivered.",
                lambda one: one.removed,
            ),
        )
        for family, table in ((GaugeMetricFamily, gauges), (CounterMetricFamily, counters)):
            for name, meaning, value in table:
                made = family(name, meaning, labels=("export",))
                for number, one in enumerate(self._exports):
                    # Not its name, which has a host's.
                    made.add_metric((f"{number}-{one.name.partition(' ')[0]}",), value(one))
                yield made


_HISTOGRAMS: Final = {
    REWRITE: "How long the judging of a message took.",
    STUN: "How long a turn of the STUN responder took, in which all that waited was answered.",
}


def _info() -> Metric:
    made = InfoMetricFamily("rtcguard_build", "The version of rtcguard.")
    made.add_metric((), {"version": __version__})
    return made


def _gauge(name: str, meaning: str, label: str, values: dict[str, float]) -> Metric:
    made = GaugeMetricFamily(name, meaning, labels=(label,))
    for key, value in values.items():
        made.add_metric((key,), value)
    return made


class _Process:
    """What one process measured; its rows by name and label."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = {(name, label): value for name, label, value in rows}
        self.seen = self.value(SEEN)

    def value(self, name: str) -> float:
        return self.rows.get((name, ""), 0.0)


def _processes(measured: dict[str, list[Row]]) -> dict[str, list[_Process]]:
    """By name; those that ended count on, or what they counted would seem to be undone."""
    found: dict[str, list[_Process]] = {}
    for process, rows in sorted(measured.items()):
        found.setdefault(name_of(process), []).append(_Process(rows))
    return found


def _histogram(name: str, meaning: str, told: dict[str, list[_Process]]) -> Metric:
    made = HistogramMetricFamily(name, meaning, labels=("process",))
    for process, many in told.items():
        buckets: dict[str, float] = {}
        for one in many:
            for (row, bound), value in one.rows.items():
                if row == f"{name}_bucket":
                    buckets[bound] = buckets.get(bound, 0) + value
        if buckets:
            ordered = sorted(buckets.items(), key=lambda bucket: float(bucket[0]))
            total = sum(one.value(f"{name}_sum") for one in many)
            made.add_metric((process,), buckets=ordered, sum_value=total)
    return made

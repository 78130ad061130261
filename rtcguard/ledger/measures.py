"""What a process measures of itself, for Prometheus: kept in memory, and written to the store every
few seconds by the process's writer, from where the `export` process tells of it.

Measuring costs two looks at the clock and one count for a message, or for a batch of packets.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final

WRITE_EVERY: Final = 5.0  # seconds

SEEN: Final = "seen"  # the row that says when the process wrote the others
QUEUE: Final = "rtcguard_ledger_queue_length"
LOST: Final = "rtcguard_ledger_lost_events_total"
REWRITE: Final = "rtcguard_rewrite_seconds"
STUN: Final = "rtcguard_stun_turn_seconds"

Row = tuple[str, str, float]  # name, the bound of a histogram's bucket or nothing, value


class Histogram:
    """How long something took, in seconds, counted by upper bounds. One thread adds; another may
    read at any time, and may miss what is being added."""

    def __init__(self, name: str, bounds: tuple[float, ...]) -> None:
        self._name, self._bounds = name, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def rows(self) -> Iterator[Row]:
        """The buckets as Prometheus has them: each counts what the ones before it count, too."""
        total = 0
        bounds = [*map(str, self._bounds), "+Inf"]
        for bound, count in zip(bounds, tuple(self._counts), strict=True):
            total += count
            yield f"{self._name}_bucket", bound, total
        yield f"{self._name}_sum", "", self._sum


class Measures:
    """All of one process. `process` is its name and number: there may be several of a name."""

    def __init__(self, name: str, pid: int) -> None:
        self.process = f"{name}:{pid}"
        self._histograms: list[Histogram] = []

    def rewrites(self) -> Callable[[float], None]:
        """Takes how long the judging of each message took."""
        return self._histogram(REWRITE, _REWRITES)

    def stun_turns(self) -> Callable[[float], None]:
        """Takes how long each turn of the responder took: all packets that waited were answered."""
        return self._histogram(STUN, _TURNS)

    def rows(self) -> list[Row]:
        return [row for one in self._histograms for row in one.rows()]

    def _histogram(self, name: str, bounds: tuple[float, ...]) -> Callable[[float], None]:
        made = Histogram(name, bounds)
        self._histograms.append(made)
        return made.add


def name_of(process: str) -> str:
    """The name in a `Measures.process`."""
    return process.partition(":")[0]


# An offer takes some 50 µs, and what has no limit is megabytes of JSON; a turn is 1 to 512 packets.
_REWRITES: Final = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 1.0),
)
_TURNS: Final = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005),
    *(0.001, 0.0025, 0.005, 0.01, 0.05, 0.1),
)

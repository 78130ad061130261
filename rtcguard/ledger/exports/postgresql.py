"""The fleet's database as an export: this machine's ledger is what waits to be sent there."""

import logging
import time
from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg import errors

from rtcguard.errors import StartError
from rtcguard.ledger.event import Event
from rtcguard.ledger.exports.sink import Outage
from rtcguard.ledger.fleet import Fleet, explained

_AGAIN: Final = 5  # times, where gateways came in each other's way
_SEEN_EVERY: Final = 60.0  # seconds
_CLOCK: Final = 60.0  # seconds that clocks may differ
_FORGET_EVERY: Final = 3600.0

logger = logging.getLogger(__name__)


class PostgreSQLSink:
    """A `Sink`. `instance` tells this machine from another of the same name; `keep`: seconds."""

    def __init__(self, url: str, node: str, instance: str, keep: int) -> None:
        self._url, self._node, self._instance, self._keep = url, node, instance, keep
        self._fleet: Fleet | None = None
        self._told: tuple[str, ...] = ()
        self._seen = self._forgot = float("-inf")

    def send(self, events: Sequence[Event]) -> int:
        try:
            if self._fleet is None:
                self._fleet = self._connected()
            self._look_after(self._fleet)
            return _add(self._fleet, events)
        except psycopg.Error as error:
            self.close()
            raise Outage(explained(error)) from error

    def _connected(self) -> Fleet:
        try:
            return Fleet(self._url)
        except psycopg.Error as error:
            raise Outage(explained(error), reached=False) from error
        except StartError as error:
            raise Outage(str(error), reached=False) from error

    def _look_after(self, fleet: Fleet) -> None:
        """What is to be done now and then: says that this gateway is there, removes old events,
        counts months together."""
        now = time.monotonic()
        if now - self._seen > _SEEN_EVERY:
            self._seen = now
            is_other, its_time = fleet.seen(self._node, self._instance, self._keep)
            self._tell(_same(self._node) if is_other else "", _clock(time.time() - its_time))
        if now - self._forgot > _FORGET_EVERY:
            self._forgot = now
            fleet.forget_old()
            fleet.roll()

    def _tell(self, *told: str) -> None:
        """Warns of what is wrong, when it begins to be."""
        for one in told:
            if one and one not in self._told:
                logger.warning("%s", one)
        self._told = told

    def close(self) -> None:
        if self._fleet is not None:
            self._fleet.close()
            self._fleet = None


def _same(node: str) -> str:
    return (
        f"another gateway writes to the fleet's database as {node}, too: nobody can tell the "
        "events of the two apart; give each its own ledger.node"
    )


def _clock(ahead: float) -> str:
    if abs(ahead) < _CLOCK:
        return ""
    return (
        "this machine's clock is far from that of the fleet's database, which removes old events "
        f"by its own: {'ahead' if ahead > 0 else 'behind'} by more than {_CLOCK:.0f} s"
    )


def _add(fleet: Fleet, events: Sequence[Event], again: int = _AGAIN) -> int:
    """How many the database refuses for good: the others must not wait for them."""
    try:
        fleet.add(events)
    except (errors.DeadlockDetected, errors.SerializationFailure):
        if not again:
            raise
        return _add(fleet, events, again - 1)
    except (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded) as error:
        if len(events) > 1:
            half = len(events) // 2
            return _add(fleet, events[:half]) + _add(fleet, events[half:])
        logger.error("the fleet's database refuses an event: %s", explained(error))
        return 1
    return 0

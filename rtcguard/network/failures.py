"""What went wrong with single packets: counted, and logged once a second at most."""

import logging
import time

_log = logging.getLogger(__name__)


class Failures:
    """Counts what went wrong, and logs the count and the last of it once a second at most."""

    def __init__(self) -> None:
        self._count = 0
        self._last: Exception | None = None
        self._logged = float("-inf")

    def add(self, error: Exception) -> None:
        self._count += 1
        self._last = error
        if time.monotonic() - self._logged >= 1:
            self.flush()

    def flush(self) -> None:
        if self._count:
            _log.warning("STUN: %d failures, the last: %r", self._count, self._last)
            self._count, self._logged = 0, time.monotonic()

"""What went wrong with single packets: counted by its kind, and logged once a second at most."""

import logging
import time

_log = logging.getLogger(__name__)


class Failures:
    """Counts for one server, `name`: of each kind how often, and the last error."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: dict[str, tuple[int, Exception | None]] = {}
        self._logged = float("-inf")

    def add(self, error: Exception | None, what: str = "failures") -> None:
        count, _ = self._counts.get(what, (0, None))
        self._counts[what] = (count + 1, error)
        if time.monotonic() - self._logged >= 1:
            self.flush()

    def flush(self) -> None:
        if not self._counts:
            return
        for what, (count, error) in self._counts.items():
            last = "" if error is None else f", the last: {error!r}"
            _log.warning("%s: %s (%d)%s", self._name, what, count, last)
        self._counts, self._logged = {}, time.monotonic()

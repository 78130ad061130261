"""Whether a client's side of a site is known to be relay-only (`inbound: auto` asks).

Known is what the page guard reported, to whichever process: the answer comes from the store. A
report to this process counts at once, before its batch is written.
"""

import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.store import Store

# How long a page may stay open after its guard's last report and still count. Each new connection
# of the page reports again.
HOLDS: Final = 24 * 3600.0
_ASK_AGAIN: Final = 1.0  # seconds until a "no" is asked for again
_MOST: Final = 10_000  # pairs remembered


class Confirmed:
    """Answers for (client, site); remembers at most `_MOST` pairs."""

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._known: OrderedDict[tuple[str, str], tuple[bool, float]] = OrderedDict()

    def confirm(self, client: str, site: str) -> None:
        """The guard of this site's page has just reported in for this client."""
        self._remember((client, site), True, HOLDS)

    def __call__(self, client: str, site: str) -> bool:
        known = self._known.get((client, site))
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        seen = self._store.guard_seen(client, site, timestamp(time.time() - HOLDS))
        self._remember((client, site), seen, 60.0 if seen else _ASK_AGAIN)
        return seen

    def _remember(self, pair: tuple[str, str], seen: bool, seconds: float) -> None:
        self._known[pair] = (seen, time.monotonic() + seconds)
        self._known.move_to_end(pair)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def close(self) -> None:
        self._store.close()

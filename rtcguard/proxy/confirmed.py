"""Which ring is known to keep a client's side of a site to relays (`inbound: auto` asks).

Known is what the page guard reported, to whichever process, and that the firewall is up: both
answers come from the store. A report to this process counts at once, before its batch is written.

In monitor mode guards only watch. What would be known if they were in force is a question of its
own (`watches`): a page that was opened in monitor mode owns its host sockets still when the mode
has become `enforce`, so the last report of a client and site must be of a guard in force.

Under a policy that leaves pages as they are (`mode: monitor`, `page.guard: false`) they load
without a guard that holds, and stay open when it becomes stricter. So the supervisor notes until
when that was so, in the store too: what was reported before does not count any more.
"""

import platform
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.masking import Mask, unmasked
from rtcguard.ledger.store import Store
from rtcguard.policy.model import Config
from rtcguard.policy.rule import Confirmed as Ring
from rtcguard.policy.rule import Network, within

# How long a page may stay open after its guard's last report and still count. Each new connection
# of the page reports again.
HOLDS: Final = 24 * 3600.0
_ASK_AGAIN: Final = 1.0  # seconds until a "no", or the firewall, is asked for again
_MOST: Final = 10_000  # answers remembered


def leaves_pages(config: Config) -> bool:
    """Whether pages load without a guard that keeps them to relays."""
    return config.mode == "monitor" or not config.page.guard


def note(path: Path, config: Config) -> None:
    """Tells the store whether pages are left as they are from now on, or no longer. Raises
    StartError or an error of SQLite's."""
    store = Store(path)
    try:
        store.leave_pages(platform.node(), timestamp(time.time()), still=leaves_pages(config))
    finally:
        store.close()


class Confirmed:
    """Answers for (client, site); remembers at most `_MOST` of them."""

    def __init__(self, path: Path, mask: Mask = unmasked) -> None:
        self._store = Store(path, mask)
        self._known: OrderedDict[tuple[str, str, bool], tuple[bool, float]] = OrderedDict()
        self._held: tuple[Network, ...] = ()
        self._held_until = 0.0

    def confirm(self, client: str, site: str, *, watches: bool = False) -> None:
        """The guard of this site's page has just reported in for this client. `watches`: it does
        no more than that."""
        self._remember((client, site, True), True, HOLDS)
        self._remember((client, site, False), not watches, HOLDS if not watches else _ASK_AGAIN)

    def forget(self) -> None:
        """The store is asked for all anew."""
        self._known.clear()

    def by(self, client: str, site: str, *, watches: bool = False) -> Ring:
        """The ring that holds this client on this site; empty where none is known to. `watches`:
        the one that would."""
        if self._guarded(client, site, watches):
            return "page"
        return "network" if self.is_held(client) else ""

    def _guarded(self, client: str, site: str, watches: bool) -> bool:
        asked = (client, site, watches)
        known = self._known.get(asked)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        since = timestamp(time.time() - HOLDS)
        if not watches:
            since = max(since, self._store.pages_left(platform.node()))
        seen = self._store.guard_seen(client, site, since, watches=watches)
        self._remember(asked, seen, 60.0 if seen else _ASK_AGAIN)
        return seen

    def is_held(self, client: str) -> bool:
        """Whether a firewall says that it is up, and that this client is behind it."""
        if time.monotonic() >= self._held_until:
            self._held_until = time.monotonic() + _ASK_AGAIN
            self._held = self._store.held_networks(timestamp(time.time()))
        return within(client, self._held)

    def _remember(self, asked: tuple[str, str, bool], seen: bool, seconds: float) -> None:
        self._known[asked] = (seen, time.monotonic() + seconds)
        self._known.move_to_end(asked)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def close(self) -> None:
        self._store.close()

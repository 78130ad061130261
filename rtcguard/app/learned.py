"""What the DNS sinkhole is told of the other rings: the names that pages were seen to have in their
lists of ICE servers, and the networks whose clients the firewall holds.

They come from the ledger, from whichever process saw them. What is new is asked for each time.
"""

import time
from pathlib import Path
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.store import Store
from rtcguard.policy.rule import Network

MOST: Final = 10_000  # names; those not seen for longest go first
_FIRST: Final = 30 * 86400.0  # seconds that are looked back at the start
_OVERLAP: Final = 30.0  # seconds; events are written a little after their time


class Learned:
    """Call it for the names known now; from one thread at a time. Raises StartError or an error of
    SQLite's where the ledger cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since = time.time() - _FIRST
        self._names: dict[str, None] = {}

    def __call__(self) -> frozenset[str]:
        now = time.time()
        store = Store(self._path)
        try:
            found = store.server_names(timestamp(self._since), MOST)
        finally:
            store.close()
        self._since = now - _OVERLAP
        for host in reversed(found):
            name = _name(host)
            if name:
                self._names.pop(name, None)
                self._names[name] = None
        for name in list(self._names)[: max(0, len(self._names) - MOST)]:
            del self._names[name]
        return frozenset(self._names)


def held(path: Path) -> tuple[Network, ...]:
    """The networks behind the gateway, while it says that it holds them. Raises as `Learned`."""
    store = Store(path)
    try:
        return store.held_networks(timestamp(time.time()))
    finally:
        store.close()


def _name(host: str) -> str:
    """The host name in `name` or `name:port`; empty for an address."""
    name = host if addresses.parse(host) else host.partition(":")[0]
    return name.rstrip(".").lower() if addresses.scope(name) == "name" else ""

"""The addresses that host names stand for, by this machine's own resolver."""

import asyncio
import socket
import time
from collections import OrderedDict
from typing import Final

from rtcguard.ice import address as addresses

_HOLDS: Final = 60.0  # seconds
_TIMEOUT: Final = 5.0
_MOST: Final = 1024  # names remembered


class Resolved:
    """Answers are remembered for a minute; that there is none is not."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    async def addresses(self, host: str) -> frozenset[str]:
        """In their one spelling; none where the name cannot be resolved."""
        known = self._known.get(host)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        try:
            async with asyncio.timeout(_TIMEOUT):
                loop = asyncio.get_running_loop()
                answers = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # TimeoutError is the first; a label too long the other
            return frozenset()
        found = frozenset(addresses.canonical(str(to[0])) for *_, to in answers)
        self._known[host] = (time.monotonic() + _HOLDS, found)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

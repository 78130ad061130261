"""Who is answered, and how often: never an amplifier, nor a service for strangers.

A source address can be forged. So answers go to the configured networks only, and to no source more
than so many a second; the count is kept in a table of fixed size.
"""

from array import array
from functools import lru_cache
from typing import Final

from rtcguard.network.responder import Hindrance
from rtcguard.policy.rule import Network, within

# Sources that share a place share its count: rare, and a hash with a secret of the process cannot
# be aimed at.
_PLACES: Final = 1 << 14
_REMEMBERED: Final = 4096

STRANGER: Final = Hindrance("stun:clients", "no answer: the source is in none of stun.clients")


class Admission:
    """`rate`: answers to one source in one second of the clock. One for all sockets of a thread."""

    def __init__(self, clients: tuple[Network, ...], rate: int) -> None:
        self._rate = rate
        self._counts = array("L", bytes(array("L").itemsize * _PLACES))
        self._second = 0
        self.is_client = lru_cache(maxsize=_REMEMBERED)(lambda host: within(host, clients))
        self.too_many = Hindrance("stun:rate", f"no answer: more than {rate} a second to a source")

    @staticmethod
    def place(host: str) -> int:
        """Where the answers to a source are counted."""
        return hash(host) % _PLACES

    def left(self, place: int, now: float) -> int:
        """Answers that are left in this second."""
        if int(now) != self._second:
            self._second = int(now)
            self._counts = array("L", bytes(array("L").itemsize * _PLACES))
        return max(0, self._rate - self._counts[place])

    def grant(self, place: int, count: int, now: float) -> bool:
        """Takes `count` answers off what is left; takes none where it is less."""
        if self.left(place, now) < count:
            return False
        self._counts[place] += count
        return True

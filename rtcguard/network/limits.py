"""How much one client may ask for: a bucket that fills with time, for each of a bounded number."""

from collections import OrderedDict
from typing import Final

MOST_CLIENTS: Final = 4096


class Budget:
    """`rate` things a second, and `burst` at once. Time comes in: seconds of any clock.

    The client not seen for longest is forgotten first, and so begins with a full bucket again.
    """

    def __init__(self, rate: float, burst: float, clients: int = MOST_CLIENTS) -> None:
        self._rate, self._burst, self._clients = rate, burst, clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, client: str, now: float) -> bool:
        """Whether the client may have one more."""
        left, since = self._buckets.get(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return allowed

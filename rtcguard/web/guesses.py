"""How often a token may be guessed. Pure: the time comes in.

Each client is counted by itself: a limit for all together would let one keep the others out. A
token has 100 bits, so that many addresses guess no better.
"""

from collections import OrderedDict, deque
from typing import Final

WITHIN: Final = 600.0  # seconds
MOST_WRONG: Final = 10  # of one client in that time
_MOST: Final = 1_000  # clients remembered


class Guesses:
    """Wrong tokens, client by client."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, client: str, now: float) -> bool:
        """Whether this client may try now."""
        wrong = self._of.get(client, deque())
        while wrong and wrong[0] <= now - WITHIN:
            wrong.popleft()
        return len(wrong) < MOST_WRONG

    def wrong(self, client: str, now: float) -> None:
        """A client said a wrong one."""
        self._of.setdefault(client, deque()).append(now)
        self._of.move_to_end(client)
        if len(self._of) > _MOST:
            self._of.popitem(last=False)

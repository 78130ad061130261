"""The approved TURN servers, asked by a real allocation, and what came of it the last time.

One examination at a time, and a pause behind each: an allocation counts for a server's quota.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rtcguard.policy.model import Policy

PAUSE: Final = 10.0  # seconds between the end of one and the beginning of the next

Status = Literal["ok", "warning", "failed", "off"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was found, and what to do `next`, if anything."""

    status: Status
    what: str
    next: str


@dataclass(frozen=True, slots=True)
class Examined:
    """A server's URL, and what was found there."""

    url: str
    findings: Sequence[Finding]

    @property
    def status(self) -> Status:
        """The worst of them."""
        return max((one.status for one in self.findings), key=_WORSE.index, default="ok")


# The servers of a policy, examined. What cannot be examined is a finding, too: it raises nothing.
Examine = Callable[[Policy], Awaitable[Sequence[Examined]]]
_WORSE: Final[Sequence[Status]] = ("off", "ok", "warning", "failed")


@dataclass(frozen=True, slots=True)
class Examination:
    """`at` is seconds since 1970, `took` seconds. `policy` is what was examined."""

    at: float
    took: float
    policy: Policy
    servers: Sequence[Examined]


class Relays:
    """To be used in the event loop."""

    def __init__(self, examine: Examine) -> None:
        self._examine = examine
        self._running: asyncio.Task[None] | None = None
        self._ended = float("-inf")
        self.last: Examination | None = None

    def wait(self) -> float:
        """Seconds until another may begin."""
        return max(0.0, self._ended + PAUSE - time.monotonic())

    async def examine(self, policy: Policy) -> bool:
        """Examines the servers, or waits for the examination that is under way; `last` has it then.
        False: it is too early for another. Who gives up waiting does not end it."""
        if self._running is None:
            if self.wait():
                return False
            self._running = asyncio.get_running_loop().create_task(self._run(policy))
        await asyncio.shield(self._running)
        return True

    async def _run(self, policy: Policy) -> None:
        at, began = time.time(), time.monotonic()
        try:
            servers = await self._examine(policy)
            self.last = Examination(at, time.monotonic() - began, policy, servers)
        finally:
            self._ended, self._running = time.monotonic(), None

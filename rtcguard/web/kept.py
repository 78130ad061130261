"""Answers that take the ledger long are kept for a while, and asked for once by all who wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

FOR: Final = 60.0  # seconds
_MOST: Final = 64  # answers


@dataclass(frozen=True, slots=True)
class _Answer:
    task: asyncio.Task[Any]
    asked: float  # by the monotonic clock
    at: float  # seconds since 1970


class Kept:
    """To be used in the event loop."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, _Answer] = {}

    async def answer[T](self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> tuple[T, float]:
        """What was answered to `key`, or is now; and when that was, in seconds since 1970. Raises
        what `ask` raises, which is not kept."""
        now = time.monotonic()
        kept = self._answers.get(key)
        if kept is None or now - kept.asked > FOR:
            kept = _Answer(asyncio.ensure_future(_awaited(ask)), now, time.time())
            self._forget(now)
            self._answers[key] = kept
        try:
            made: T = await asyncio.shield(kept.task)
        except Exception:
            if self._answers.get(key) is kept:
                del self._answers[key]
            raise
        return made, kept.at

    def _forget(self, now: float) -> None:
        """What is old; and the oldest, where there are too many."""
        for key in [key for key, one in self._answers.items() if now - one.asked > FOR]:
            del self._answers[key]
        while len(self._answers) >= _MOST:
            del self._answers[next(iter(self._answers))]


async def _awaited[T](ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()

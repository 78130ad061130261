"""Questions to answers: from the cache, or from an upstream; the same question is asked once."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import dns.message

from rtcguard.network.answers import Answer
from rtcguard.network.cache import Cache, Question
from rtcguard.network.upstreams import NoAnswer, Upstreams

MOST_AT_ONCE: Final = 256  # questions on their way; each may hold a socket
_FAILURE_HOLDS: Final = 1.0  # seconds; RFC 9520 section 3.2

Read = Callable[[dns.message.Message], Answer]


class Forwarding:
    """`read` makes the answer of an upstream's response, with whatever edits there are."""

    def __init__(self, upstreams: Upstreams, read: Read) -> None:
        self._upstreams = upstreams
        self._read = read
        self._cache = Cache()
        self._asked: dict[Question, asyncio.Task[Answer]] = {}
        self._failed: dict[Question, tuple[float, str]] = {}

    def known(self, question: Question) -> Answer | None:
        """What the cache has."""
        return self._cache.get(question, time.monotonic())

    async def ask(self, question: Question) -> Answer:
        """What an upstream says. Raises NoAnswer: none answers, or too many are asked already."""
        failed = self._failed.get(question)
        if failed is not None:
            if time.monotonic() < failed[0]:
                raise NoAnswer(failed[1])
            del self._failed[question]
        task = self._asked.get(question)
        if task is None:
            if len(self._asked) >= MOST_AT_ONCE:
                raise NoAnswer("too many questions at once")
            task = asyncio.get_running_loop().create_task(self._ask(question))
            self._asked[question] = task
            task.add_done_callback(lambda done: self._over(question, done))
        # Shielded: who asked first may go away, the others still wait.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """What was read until now is not to be used any more: `read` makes other answers."""
        self._cache = Cache()

    async def _ask(self, question: Question) -> Answer:
        try:
            answer = self._read(await self._upstreams.ask(question))
        except NoAnswer as error:
            if len(self._failed) >= MOST_AT_ONCE:
                self._failed.clear()
            self._failed[question] = (time.monotonic() + _FAILURE_HOLDS, str(error))
            raise
        self._cache.put(question, answer, time.monotonic())
        return answer

    def _over(self, question: Question, task: asyncio.Task[Answer]) -> None:
        del self._asked[question]
        if not task.cancelled():
            task.exception()  # known now, even if all who waited for it are gone

    async def close(self) -> None:
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._upstreams.close()

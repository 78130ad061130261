"""Questions that take long: one at a time, and not too often."""

import asyncio
from collections.abc import Sequence

import pytest

from rtcguard.policy.model import Config, Policy
from rtcguard.web import kept, relays
from rtcguard.web.kept import Kept
from rtcguard.web.relays import Examined, Finding, Relays

POLICY = Policy(Config(), ())


class Examining:
    def __init__(self) -> None:
        self.count = 0
        self.go_on = asyncio.Event()

    async def __call__(self, policy: Policy) -> Sequence[Examined]:
        self.count += 1
        await self.go_on.wait()
        return [Examined("turn:a", [Finding("ok", "a", ""), Finding("failed", "b", "c")])]


def test_one_at_a_time_and_then_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        examining = Examining()
        made = Relays(examining)
        assert made.wait() == 0 and made.last is None
        both = [asyncio.ensure_future(made.examine(POLICY)) for _ in range(2)]
        await asyncio.sleep(0)
        gone = asyncio.ensure_future(made.examine(POLICY))
        await asyncio.sleep(0)
        gone.cancel()  # who gives up does not end it for the others
        await asyncio.sleep(0)
        examining.go_on.set()
        assert await asyncio.gather(*both) == [True, True]
        assert examining.count == 1
        assert made.last is not None and made.last.servers[0].status == "failed"
        assert not await made.examine(POLICY) and 0 < made.wait() <= relays.PAUSE
        monkeypatch.setattr(relays, "PAUSE", 0.0)
        assert await made.examine(POLICY) and examining.count == 2

    asyncio.run(main())


def test_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        count = 0

        async def ask() -> int:
            nonlocal count
            count += 1
            await asyncio.sleep(0)
            return count

        async def fail() -> int:
            await asyncio.sleep(0)
            raise ValueError("x")

        answers = Kept()
        both = await asyncio.gather(answers.answer("a", ask), answers.answer("a", ask))
        assert [one[0] for one in both] == [1, 1]
        assert (await answers.answer("b", ask))[0] == 2
        for _ in range(2):
            with pytest.raises(ValueError, match="x"):
                await answers.answer("c", fail)
        assert (await answers.answer("c", ask))[0] == 3
        monkeypatch.setattr(kept, "FOR", -1.0)
        assert (await answers.answer("a", ask))[0] == 4
        for number in range(200):
            await answers.answer(number, ask)
        assert len(answers._answers) <= 64

    asyncio.run(main())

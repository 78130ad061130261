"""One reader of the ledger for all who look on: what each is told, also the slow ones."""

import asyncio
import contextlib
import itertools
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record
from rtcguard.web.live import MOST_OF_ONE, MOST_VIEWERS, MOST_WAITING, Full, Live, Viewer
from rtcguard.web.rows import no_link

FIRST = 10**9  # of the events that only find out whether a viewer is told anything
BEGINNINGS = itertools.count(FIRST)


def event(number: int, site: str = "a.example", client: str = "10.0.0.1") -> Event:
    time = timestamp(1_790_000_000 + number / 1000)
    return Event(time, f"{number:032x}", "n", Record("page", "guard", "observed", site=site,
                                                     client=client), time)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ledger.sqlite3"
    Store(made).close()
    return made


def add(path: Path, *events: Event) -> None:
    with contextlib.closing(Store(path)) as store:
        store.add(events)


class Told:
    """What a viewer was told so far."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        self._frames = frames
        self.ids: list[int] = []
        self.missed = 0
        self.some = self.trouble = self.begun = False

    async def until(self, enough: Callable[["Told"], bool]) -> None:
        async with asyncio.timeout(40):
            while not enough(self):
                self._take((await anext(self._frames)).decode())

    def _take(self, text: str) -> None:
        for block in text.split("\n\n"):
            lines = dict(line.partition(": ")[::2] for line in block.split("\n") if ": " in line)
            made: Any = json.loads(lines["data"]) if "data" in lines else None
            match lines.get("event"):
                case "events":
                    ids = [int(row["id"], 16) for row in made]
                    self.ids += [id for id in ids if id < FIRST]
                    self.begun |= max(ids) >= FIRST
                    assert lines["id"] == made[-1]["id"]
                case "missed":
                    self.missed += made["count"]
                    self.some |= made["some"]
                case "trouble":
                    self.trouble = True


def looking(path: Path, look: Callable[[Live], Awaitable[None]]) -> None:
    """Runs `look`; afterwards nobody reads the ledger any longer."""

    async def main() -> None:
        live = Live(path, no_link)
        await look(live)

    asyncio.run(main())


def joined(live: Live, asked: Filter | None = None, after: str = "") -> tuple[Viewer, Told]:
    viewer = live.join("10.0.0.1", asked or Filter(), after, linked=False)
    return viewer, Told(live.frames(viewer))


async def begun(path: Path, told: Told) -> None:
    """Until a viewer is told of what is new."""
    found = asyncio.ensure_future(told.until(lambda told: told.begun))
    while not found.done():
        add(path, event(next(BEGINNINGS), "b.example"))
        await asyncio.wait([found], timeout=0.3)
    found.result()


def test_each_event_once_and_in_order(path: Path) -> None:
    async def look(live: Live) -> None:
        _, all_of_them = joined(live)
        await begun(path, all_of_them)
        _, some = joined(live, Filter(site="b.*"))
        await begun(path, some)
        for first in range(0, 3000, 500):
            add(path, *(event(n, "b.example" if n % 2 else "a.example")
                        for n in range(first, first + 500)))  # fmt: skip
            await all_of_them.until(lambda told, last=first + 500: len(told.ids) >= last)
        await some.until(lambda told: len(told.ids) >= 1500)
        assert all_of_them.ids == list(range(3000))
        assert some.ids == list(range(1, 3000, 2))
        assert not all_of_them.missed and not some.some

    looking(path, look)


def test_who_does_not_keep_up(path: Path) -> None:
    """It is told how many it has missed, and goes on with the newest."""

    async def look(live: Live) -> None:
        _, quick = joined(live)
        await begun(path, quick)
        _, slow = joined(live)
        await begun(path, slow)
        count = MOST_WAITING * 2
        for first in range(0, count, 500):
            add(path, *(event(n) for n in range(first, first + 500)))
            await quick.until(lambda told, last=first + 500: len(told.ids) >= last)
        await slow.until(lambda told: bool(told.ids) and told.ids[-1] == count - 1)
        assert len(slow.ids) < 2 * MOST_WAITING
        assert slow.missed + len(slow.ids) == count and not slow.some
        assert slow.ids == list(range(slow.missed, count))
        add(path, event(count))
        await slow.until(lambda told: told.ids[-1] == count)
        assert not quick.missed

    looking(path, look)


def test_more_than_anybody_could_read(path: Path) -> None:
    """A flood is not read whole: all are told, how many only those who would have got each."""

    async def look(live: Live) -> None:
        _, told = joined(live)
        await begun(path, told)
        _, filtered = joined(live, Filter(client="10.0.0.1"))
        await begun(path, filtered)
        add(path, *(event(n) for n in range(8_000)))
        await told.until(lambda told: bool(told.ids) and told.ids[-1] == 7_999)
        assert told.missed + len(told.ids) == 8_000 and told.missed > 3_000
        await filtered.until(lambda told: bool(told.ids) and told.ids[-1] == 7_999)
        assert filtered.some and not filtered.missed

    looking(path, look)


def test_nobody_reads_for_nobody(path: Path) -> None:
    async def look(live: Live) -> None:
        await nobody_reads()  # that of the test before takes its time to end
        viewer, told = joined(live)
        _, other = joined(live)
        await begun(path, told)
        assert reading() == 1
        live.leave(viewer)
        add(path, event(1))
        await other.until(lambda told: 1 in told.ids)
        await other._frames.aclose()  # type: ignore[attr-defined]
        await nobody_reads()
        _, again = joined(live)
        await begun(path, again)
        assert reading() == 1

    looking(path, look)


async def nobody_reads() -> None:
    async with asyncio.timeout(20):
        while reading():
            await asyncio.sleep(0.01)


def reading() -> int:
    return sum(thread.name == "live" for thread in threading.enumerate())


def test_so_many_and_no_more(path: Path) -> None:
    async def look(live: Live) -> None:
        made = [live.join("one", Filter(), "", linked=False) for _ in range(MOST_OF_ONE)]
        with pytest.raises(Full):
            live.join("one", Filter(), "", linked=False)
        made += [
            live.join(str(number), Filter(), "", linked=False)
            for number in range(MOST_VIEWERS - MOST_OF_ONE)
        ]
        with pytest.raises(Full):
            live.join("another", Filter(), "", linked=False)
        live.leave(made[0])
        live.join("another", Filter(), "", linked=False)
        for viewer in made[1:]:
            live.leave(viewer)

    looking(path, look)


def test_a_ledger_that_is_away(path: Path) -> None:
    async def look(live: Live) -> None:
        away = path.rename(path.with_name("away"))
        _, told = joined(live)
        await told.until(lambda told: told.trouble)
        away.rename(path)
        await told.until(lambda told: told.some)
        await begun(path, told)

    looking(path, look)

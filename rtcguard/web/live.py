"""Events as they are committed, for all who look on: one thread reads the ledger for all of them,
while there are any.

A viewer gets what there is a few times a second, as one frame. One that does not keep up loses the
oldest of what waits for it, and is told how many these were; so does everybody where more is
committed than anybody could read.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger.event import Event
from rtcguard.ledger.follow import AT_ONCE, EVERY, Tail
from rtcguard.ledger.query import Filter
from rtcguard.web.rows import RuleLink, no_link, row

MOST_WAITING: Final = 2000  # events, for one viewer
MOST_VIEWERS: Final = 64
MOST_OF_ONE: Final = 16  # of one client
_BEAT: Final = 15.0  # seconds without a word, after which one is said: who is gone is found out so
_AGAIN: Final = 2.0  # seconds until a ledger that cannot be read is tried again

logger = logging.getLogger(__name__)

type Name = Literal["events", "missed", "trouble"]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a viewer is told at once. `events`: JSON texts, and the `id` of the last. `missed`: how
    many are left out, where that is known (`some` are, where it is not). `trouble`: the
    ledger cannot be read, and is tried again."""

    events: Sequence[str] = ()
    id: str = ""
    missed: int = 0
    some: bool = False
    trouble: bool = False

    def encoded(self) -> bytes:
        """As server-sent events
        (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
        parts = []
        if self.trouble:
            parts.append(_message("trouble", "true"))
        if self.missed or self.some:
            parts.append(_message("missed", json.dumps({"count": self.missed, "some": self.some})))
        if self.events:
            parts.append(_message("events", f"[{','.join(self.events)}]", self.id))
        return "".join(parts).encode() or b":\n\n"


def _message(name: Name, data: str, id: str = "") -> str:
    return f"event: {name}\ndata: {data}\n" + (f"id: {id}\n" if id else "") + "\n"


@dataclass(eq=False, slots=True)
class Viewer:
    """Who looks on. `linked`: rows have the links of their rules. `after`: the last event that is
    there already, or ""."""

    client: str
    asked: Filter
    linked: bool
    after: str
    _loop: asyncio.AbstractEventLoop
    _waiting: deque[Frame] = field(default_factory=deque)
    _count: int = 0
    _has: asyncio.Event = field(default_factory=asyncio.Event)
    _is_over: bool = False

    def put(self, frame: Frame) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the process will
            self._loop.call_soon_threadsafe(self._put, frame)

    def _put(self, frame: Frame) -> None:
        self._waiting.append(frame)
        self._count += len(frame.events)
        missed, some = 0, False
        while self._count > MOST_WAITING and len(self._waiting) > 1:
            gone = self._waiting.popleft()
            self._count -= len(gone.events)
            missed += gone.missed + len(gone.events)
            some |= gone.some
        if missed or some:
            self._waiting.appendleft(Frame(missed=missed, some=some))
        self._has.set()

    def end(self) -> None:
        """In the loop."""
        self._is_over = True
        self._has.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """Until it is over. What has come meanwhile is told at once."""
        yield b"retry: 2000\n\n"
        while not self._is_over:
            try:
                async with asyncio.timeout(_BEAT):
                    await self._has.wait()
            except TimeoutError:
                yield Frame().encoded()
                continue
            self._has.clear()
            frames, self._count = list(self._waiting), 0
            self._waiting.clear()
            yield b"".join(frame.encoded() for frame in frames)


class Full(Exception):
    """As many look on as can."""


class Live:
    """To be used in the event loop; `Viewer.put` is what its thread does there."""

    def __init__(self, path: Path, rule_link: RuleLink) -> None:
        self._path = path
        self._links = {True: rule_link, False: no_link}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._viewers: list[Viewer] = []
        self._new: list[Viewer] = []
        self._thread: threading.Thread | None = None

    def join(self, client: str, asked: Filter, after: str, *, linked: bool) -> Viewer:
        """A viewer, who is to `leave`. Raises Full."""
        viewer = Viewer(client, asked, linked, after, asyncio.get_running_loop())
        with self._lock:
            there = [one.client for one in (*self._viewers, *self._new)]
            if len(there) >= MOST_VIEWERS or there.count(client) >= MOST_OF_ONE:
                raise Full
            self._new.append(viewer)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live", daemon=True)
                self._thread.start()
        self._wake.set()
        return viewer

    async def frames(self, viewer: Viewer) -> AsyncIterator[bytes]:
        """All that a viewer is told, until it goes."""
        try:
            async for frame in viewer.frames():
                yield frame
        finally:
            self.leave(viewer)

    def end(self) -> None:
        """Ends what all are told: the site stops. A browser asks again."""
        with self._lock:
            everybody = [*self._viewers, *self._new]
        for viewer in everybody:
            viewer.end()

    def leave(self, viewer: Viewer) -> None:
        with self._lock:
            for viewers in (self._viewers, self._new):
                if viewer in viewers:
                    viewers.remove(viewer)
        self._wake.set()

    def _run(self) -> None:
        """Until nobody looks on."""
        is_away = False
        while self._is_wanted():
            try:
                with contextlib.closing(Tail(self._path)) as tail:
                    if is_away:
                        self._tell(Frame(some=True))
                        is_away = False
                    self._read(tail)
            except (StartError, DamagedError, sqlite3.Error) as error:
                if not is_away:  # what the pages themselves say names the file, to whom it may
                    logger.warning("nothing can be told live: %s", error)
                is_away = True
                self._tell(Frame(trouble=True))  # each time: somebody may have come
                self._wake.wait(_AGAIN)
                self._wake.clear()

    def _is_wanted(self) -> bool:
        with self._lock:
            if self._viewers or self._new:
                return True
            self._thread = None
            return False

    def _read(self, tail: Tail) -> None:
        while self._viewers or self._new:
            self._wake.clear()
            self._let_in(tail)
            found = [event for _, event in tail.read()]
            self._hand_out(found)
            if len(found) == AT_ONCE:
                gone = tail.skip(AT_ONCE)
                if gone:
                    self._skipped(gone)
            self._wake.wait(EVERY)

    def _let_in(self, tail: Tail) -> None:
        """Those who have come, each with what was committed since it saw the ledger last."""
        with self._lock:
            new = [*self._new]
        for viewer in new:
            self._catch_up(tail, viewer)
        with self._lock:
            here = [viewer for viewer in new if viewer in self._new]  # others have left meanwhile
            self._new = [viewer for viewer in self._new if viewer not in here]
            self._viewers += here

    def _catch_up(self, tail: Tail, viewer: Viewer) -> None:
        if not viewer.after:
            return
        behind = tail.behind(viewer.after, viewer.asked)
        if behind is None:
            viewer.put(Frame(some=True))
            return
        events, whole = behind
        last = events[-1].id if events else ""
        texts = tuple(self._encoded(event, linked=viewer.linked) for event in events)
        viewer.put(Frame(texts, last, some=not whole))

    def _hand_out(self, found: Sequence[Event]) -> None:
        made: dict[tuple[bool, str], str] = {}
        for viewer in self._there():
            events = [event for event in found if viewer.asked.takes(event)]
            for event in events:
                if (viewer.linked, event.id) not in made:
                    text = self._encoded(event, linked=viewer.linked)
                    made[viewer.linked, event.id] = text
            if events:
                texts = tuple(made[viewer.linked, event.id] for event in events)
                viewer.put(Frame(texts, events[-1].id))

    def _encoded(self, event: Event, *, linked: bool) -> str:
        return json.dumps(row(event, self._links[linked]))

    def _skipped(self, count: int) -> None:
        """How many there were is for those alone who would have got each of them."""
        for viewer in self._there():
            known = not viewer.asked.given()
            viewer.put(Frame(missed=count) if known else Frame(some=True))

    def _tell(self, frame: Frame) -> None:
        with self._lock:
            everybody = [*self._viewers, *self._new]
        for viewer in everybody:
            viewer.put(frame)

    def _there(self) -> list[Viewer]:
        """Those who have been let in: the others will be told from where they left."""
        with self._lock:
            return [*self._viewers]

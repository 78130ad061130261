"""The supervisor of `rtcguard run`: starts the processes, starts a dead one again, gives them
another policy, ends them all.

While a process is dead its port is closed, so nothing passes in the meantime. One that cannot keep
up is given up on: the whole run ends, and says why.
"""

import logging
import multiprocessing
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final

from rtcguard.app.signals import Signals
from rtcguard.errors import RtcguardError, StartError

_START_TIMEOUT: Final = 60.0  # seconds until a process has to be ready
_ANSWER_TIMEOUT: Final = 10.0  # until it has to say that it can have, or has, a policy
_STOP_TIMEOUT: Final = 5.0
_SOON: Final = 10.0  # seconds; a process that dies within them was not well
_GIVE_UP: Final = 5  # such deaths, one after the other
_TRIES: Final = 3  # to start a process with another policy
_PAUSE: Final = 0.2  # seconds between them

type _Pipe = connection.Connection[Any, Any]

logger = logging.getLogger(__name__)

# Fresh interpreters: nothing of the supervisor's memory, threads or sockets gets into a worker.
_CONTEXT = multiprocessing.get_context("spawn")

Target = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A process that there is to be. `takes`: it takes another policy while it runs (pipe.py);
    another one is started again where that matters to it."""

    name: str
    target: Target
    takes: bool = True


@dataclass(slots=True, eq=False)
class _Child:
    part: Part
    process: BaseProcess | None = None
    pipe: _Pipe | None = None
    started: float = 0.0
    deaths: int = 0
    again: float = 0.0  # when it is started again, while it is dead

    @property
    def name(self) -> str:
        return self.part.name


@dataclass(slots=True)
class Supervisor:
    """`settings` goes to every process as it is, and has the `policy`. `signals` that ask for the
    end end a start too (Ended)."""

    settings: Any
    signals: Signals | None = None
    _children: list[_Child] = field(default_factory=list)

    def start(self, part: Part) -> None:
        """Starts a process and waits until it is ready. Raises StartError with what it said."""
        child = _Child(part)
        self._children.append(child)
        self._launch(child)

    def wait(self, others: Iterable[Any], seconds: float) -> list[Any]:
        """Which of `others` can be read from, after that time at most; until then dead processes
        are started again. Raises RtcguardError when one cannot be kept up."""
        alive = {child.process.sentinel: child for child in self._children if child.process}
        now = time.monotonic()
        dead = [child for child in self._children if child.process is None]
        for child in dead:
            seconds = min(seconds, max(0.0, child.again - now))
        ready = connection.wait([*alive, *others], seconds)
        for sentinel in ready:
            if isinstance(sentinel, int):
                self._bury(alive[sentinel], "ended")
        for child in dead:
            if child.again <= time.monotonic():
                self._revive(child)
        return [one for one in ready if not isinstance(one, int)]

    def change(self, settings: Any, parts: Sequence[Part], restarted: Collection[str]) -> None:
        """Gives every process other settings: those named in `restarted` are started again, so that
        they are closed meanwhile, and those that `parts` has not are ended. Raises StartError:
        then every process goes on as it was."""
        kept, new = self._kept(parts, restarted)
        gone = [child for child in self._children if child not in kept]
        taking = [child for child in kept if child.part.takes]
        self._prepare(taking, settings.policy)
        before, self.settings = self.settings, settings
        if new or gone:
            self._end(gone)
            started: list[_Child] = []
            try:
                for part in new:
                    started.append(_Child(part))
                    self._launch_anew(started[-1])
            except BaseException as error:
                self._end(started)
                self.settings = before
                self._ask(taking, False)
                if isinstance(error, StartError):
                    for child in gone:
                        self._try(child)
                raise
            self._children = _ordered([*kept, *started], parts)
        self._ask(taking, True)

    def stop(self) -> None:
        """Ends every process: by its pipe, and by force where it does not listen."""
        self._end(self._children)

    # Policies -------------------------------------------------------------------------------

    def _kept(
        self, parts: Sequence[Part], restarted: Collection[str]
    ) -> tuple[list[_Child], list[Part]]:
        """The processes that go on, and the parts for which one has to be started."""
        left = [child for child in self._children if child.name not in restarted]
        kept: list[_Child] = []
        new: list[Part] = []
        for part in parts:
            child = next((child for child in left if child.part == part), None)
            if child is None:
                new.append(part)
            else:
                left.remove(child)
                kept.append(child)
        return kept, new

    def _prepare(self, children: list[_Child], policy: Any) -> None:
        """Raises StartError where one of them cannot have it; then none has it."""
        answers = self._ask(children, policy)
        refusals = [answer for answer in answers if answer is not None]
        if refusals:
            self._ask(children, False)
            raise StartError(refusals[0])

    def _ask(self, children: list[_Child], what: Any) -> list[str | None]:
        """Tells all of them, and waits for their answers. One that gives none is dead, or is ended:
        it is started again by itself, with the settings that there are then."""
        message = ForkingPickler.dumps(what)
        asked = []
        for child in children:
            if child.pipe is not None:
                try:
                    child.pipe.send_bytes(message)
                    asked.append(child)
                except OSError:
                    self._kill(child)
        until = time.monotonic() + _ANSWER_TIMEOUT
        answers: list[str | None] = []
        for child in asked:
            assert child.pipe is not None
            try:
                if child.pipe.poll(max(0.0, until - time.monotonic())):
                    answers.append(child.pipe.recv())
                    continue
                logger.error("the %s process does not answer, and is ended", child.name)
            except (EOFError, OSError):
                pass
            self._kill(child)
        return answers

    # Processes ------------------------------------------------------------------------------

    def _launch(self, child: _Child) -> None:
        ours, theirs = _CONTEXT.Pipe()
        _limit(ours)
        process = _CONTEXT.Process(
            target=child.part.target, args=(self.settings, theirs), name=child.name, daemon=True
        )
        child.pipe, child.started = ours, time.monotonic()
        try:
            process.start()
        except OSError as error:
            self._end([child])
            raise StartError(f"no {child.name} process can be made: {error.strerror}") from error
        finally:
            theirs.close()
        child.process = process
        answer = self._first_word(child, ours)
        if answer is not None:
            self._end([child])
            raise StartError(answer)

    def _first_word(self, child: _Child, pipe: _Pipe) -> str | None:
        until = child.started + _START_TIMEOUT
        while True:
            others = [] if self.signals is None else [self.signals.reader]
            ready = connection.wait([pipe, *others], max(0.0, until - time.monotonic()))
            if self.signals is not None and self.signals.reader in ready:
                self.signals.take()
            if pipe in ready:
                try:
                    word: str | None = pipe.recv()
                except (EOFError, OSError):
                    word = f"the {child.name} process died while it started"
                return word
            if not ready:
                return f"the {child.name} process took too long to start"

    def _launch_anew(self, child: _Child) -> None:
        """What held a port until now may hold it for a moment longer."""
        for left in reversed(range(_TRIES)):
            try:
                return self._launch(child)
            except StartError:
                if not left:
                    raise
            time.sleep(_PAUSE)

    def _bury(self, child: _Child, what: str) -> None:
        """Notes a death, and when the next life begins."""
        assert child.process is not None
        child.process.join()
        soon = time.monotonic() - child.started < _SOON
        child.deaths = child.deaths + 1 if soon else 1
        logger.error("the %s process %s (%s)", child.name, what, child.process.exitcode)
        self._let_go(child)
        if child.deaths >= _GIVE_UP:
            raise RtcguardError(f"the {child.name} process died {child.deaths} times in a row")
        child.again = time.monotonic() + 0.1 * 2**child.deaths

    def _revive(self, child: _Child) -> None:
        if self._try(child):
            logger.error("the %s process runs again", child.name)

    def _try(self, child: _Child) -> bool:
        """Starts one; one that cannot start has died once more."""
        try:
            self._launch(child)
        except StartError as error:
            child.deaths += 1
            logger.error("the %s process cannot start: %s", child.name, error)
            if child.deaths >= _GIVE_UP:
                raise RtcguardError(
                    f"the {child.name} process died {child.deaths} times in a row: {error}"
                ) from error
            child.again = time.monotonic() + 0.1 * 2**child.deaths
            return False
        return True

    def _kill(self, child: _Child) -> None:
        """Its end is seen by `wait`."""
        if child.process is not None:
            child.process.kill()

    def _end(self, children: list[_Child]) -> None:
        for child in children:
            if child.pipe is not None:
                child.pipe.close()
        until = time.monotonic() + _STOP_TIMEOUT
        for child in children:
            if child.process is not None:
                child.process.join(max(0.0, until - time.monotonic()))
                if child.process.is_alive():
                    child.process.kill()
                    child.process.join()
            self._let_go(child)

    def _let_go(self, child: _Child) -> None:
        """Of a process that has ended: nothing of it stays open."""
        if child.pipe is not None:
            child.pipe.close()
        if child.process is not None:
            child.process.close()
        child.pipe, child.process = None, None


def _ordered(children: list[_Child], parts: Sequence[Part]) -> list[_Child]:
    places = {part: place for place, part in enumerate(parts)}
    return sorted(children, key=lambda child: places[child.part])


def _limit(pipe: _Pipe) -> None:
    """Whoever does not read must not hold the supervisor up."""
    with socket.socket(fileno=socket.dup(pipe.fileno())) as shared:
        seconds = struct.pack("@ll", int(_ANSWER_TIMEOUT), 0)  # struct timeval
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)

"""What goes over the pipe between the supervisor and a process, seen from the process.

It says `None` when it is ready, or the text of a StartError. Then, each time that the policy is
replaced, it is given the new one, makes everything that it needs for it, and says `None`, or why it
cannot; and then `True`, by which the new one is in force, or `False`: it is not to be. Each is
answered. The end of the pipe is the end of the process, so none outlives its supervisor.
"""

import asyncio
import contextlib
import gc
import logging
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any, Final

from rtcguard.errors import RtcguardError
from rtcguard.policy.model import Policy

_TURN: Final = 0.0005  # seconds

type Pipe = Connection[str | None, Policy | bool]
type Prepare = Callable[[Policy], Callable[[], object]]

logger = logging.getLogger(__name__)


def tell(pipe: Pipe, word: str | None) -> None:
    """A supervisor that has ended meanwhile needs no word: the pipe's end ends the process."""
    with contextlib.suppress(OSError):
        pipe.send_bytes(pickle.dumps(word))


def obey(pipe: Pipe, prepare: Prepare, stop: Callable[[], object]) -> None:
    """Listens in a thread of its own: a large policy takes its time to be read, and messages do not
    wait for it. `prepare` gives what puts it into force; `stop` is called at the end of the pipe,
    and when anything here goes wrong: a process that cannot be told of policies is of no use."""
    threading.Thread(target=_obey, args=(pipe, prepare, stop), name="policy", daemon=True).start()


def _obey(pipe: Pipe, prepare: Prepare, stop: Callable[[], object]) -> None:
    swap: Callable[[], object] | None = None
    try:
        while True:
            message = pipe.recv_bytes()
            answer = None
            with _in_turns():
                told = pickle.loads(message)
                if isinstance(told, Policy):
                    try:
                        swap = prepare(told)
                    except RtcguardError as error:
                        answer = str(error)
            if not isinstance(told, Policy):
                if told and swap is not None:
                    swap()
                swap = None
            tell(pipe, answer)
    except (EOFError, OSError):
        pass
    except Exception as error:
        logger.error("the policy could not be replaced: %r", error, exc_info=error)
    finally:
        with contextlib.suppress(RuntimeError, OSError):  # the loop has ended already
            stop()


@contextlib.contextmanager
def _in_turns() -> Iterator[None]:
    """Python lets a thread that computes go on for 5 ms each time that another one waits for it, of
    which a message has many; and it stops all of them to look for garbage among new values."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(before)


def in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> Callable[[], None]:
    """`call`, to be called from another thread: it runs between two callbacks of the loop."""

    def run() -> None:
        done: Future[None] = Future()
        loop.call_soon_threadsafe(_run, call, done)
        done.result()

    return run


def _run(call: Callable[[], Any], done: "Future[None]") -> None:
    try:
        call()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)

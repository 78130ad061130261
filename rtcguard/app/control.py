"""How `rtcguard reload` reaches the running instance: a socket in the state folder, which only its
owner can reach. Who says `reload` there is answered with one line of JSON.
"""

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rtcguard.app.reload import Outcome
from rtcguard.errors import StartError

NAME: Final = "control"
_ANSWER_TIMEOUT: Final = 300.0  # seconds; processes may be started again, and back
_TIMEOUT: Final = 1.0
_WORD: Final = b"reload\n"


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[socket.socket | None]:
    """The socket to accept from. None where another instance with this folder has it already."""
    with _place(folder) as path, socket.socket(socket.AF_UNIX) as listener:
        if _is_answered(path):
            yield None
            return
        try:
            Path(path).unlink(missing_ok=True)  # left by one that was killed
            listener.bind(path)
            Path(path).chmod(0o600)
            listener.listen(8)
            listener.setblocking(False)
        except OSError as error:
            raise StartError(f"{folder / NAME}: cannot be made: {error.strerror}") from error
        try:
            yield listener
        finally:
            Path(path).unlink(missing_ok=True)


def is_running(folder: Path) -> bool:
    """Whether an instance with this folder runs."""
    with _place(folder) as path:
        return _is_answered(path)


def answer(listener: socket.socket, reload: Callable[[], Outcome]) -> None:
    """Lets in who is there, and answers. Who has gone meanwhile does not matter."""
    with contextlib.suppress(OSError):
        asker, _ = listener.accept()
        with asker:
            asker.settimeout(_TIMEOUT)
            if asker.recv(len(_WORD)) == _WORD:
                asker.sendall(json.dumps(asdict(reload())).encode() + b"\n")


def ask(folder: Path) -> Outcome | None:
    """Has the running instance reload; None where nothing runs. Raises StartError where it ends
    before it has answered."""
    with _place(folder) as path, socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_ANSWER_TIMEOUT)
        try:
            asking.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise StartError(f"{folder / NAME}: cannot be used: {error.strerror}") from error
        try:
            asking.sendall(_WORD)
            with asking.makefile("rb") as answers:
                told = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise StartError("the running instance ended, or gave no answer") from error
    lists = ("changed", "restarted", "notes", "mistakes")
    return Outcome(told["policy"], told["before"], *(tuple(told[name]) for name in lists))


@contextlib.contextmanager
def _place(folder: Path) -> Iterator[str]:
    """The socket's path, however deep the folder is: such paths have 107 bytes at most."""
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    except FileNotFoundError:
        yield str(folder / NAME)
        return
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def is_answered(folder: Path) -> bool:
    """Whether an instance runs that has this folder."""
    with contextlib.suppress(OSError), _place(folder) as path:
        return _is_answered(path)
    return False


def _is_answered(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0

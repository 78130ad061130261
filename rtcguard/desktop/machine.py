"""This machine itself: runs commands, reads and writes files."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Final

from rtcguard.desktop.nouns import (
    Answer,
    DesktopError,
    NeedsRoot,
    Refresh,
    Run,
    Step,
    Write,
    failure,
)

_SECONDS: Final = 60.0  # for one command; on macOS some ask the user for a password
_NOT_THERE: Final = 127
_SETTINGS_CHANGED: Final = 39  # INTERNET_OPTION_SETTINGS_CHANGED
_REFRESH: Final = 37  # INTERNET_OPTION_REFRESH


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """The nouns' `Machine`, for real."""

    home: str = field(default_factory=lambda: str(Path.home()))
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    platform: str = sys.platform

    @property
    def is_root(self) -> bool:
        return hasattr(os, "geteuid") and os.geteuid() == 0

    def has(self, command: str) -> bool:
        return self._found(command) is not None

    def _found(self, command: str) -> str | None:
        # Where commands for root are kept is not on everyone's PATH.
        folders = (
            f"{self.environment.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
        )
        return which(command, path=folders)

    def run(self, argv: Sequence[str]) -> Answer:
        command = self._found(argv[0])
        if command is None:
            return Answer(_NOT_THERE, "")
        try:
            done = subprocess.run(
                [command, *argv[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                # What was set before has to come out as it is, and go in again.
                encoding="oem" if sys.platform == "win32" else "utf-8",
                errors="surrogateescape",
                env={**self.environment, "LC_ALL": "C.UTF-8"},
                timeout=_SECONDS,
                start_new_session=True,  # none asks for a password on the terminal
            )
        except subprocess.TimeoutExpired:
            return Answer(1, "", f"it took more than {_SECONDS:.0f} s")
        except OSError as error:
            return Answer(1, "", str(error.strerror))
        return Answer(done.returncode, done.stdout, done.stderr)

    def read(self, path: str) -> str | None:
        try:
            return Path(path).read_text(errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DesktopError(f"{path}: cannot be read ({error.strerror})") from error

    def files(self, folder: str) -> Sequence[str]:
        try:
            return sorted(os.listdir(folder))
        except OSError:
            return ()

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(path)

    def perform(self, steps: Iterable[Step]) -> None:
        for step in steps:
            match step:
                case Run(argv, needed):
                    answer = self.run(argv)
                    if answer.code and needed:
                        raise DesktopError(failure(argv, answer))
                case Write(path, content):
                    _write(Path(path), content)
                case Refresh():
                    _refresh()


def write_whole(path: Path, content: str, grows_in: Path | None = None) -> None:
    """As a whole or not at all, readable by everybody. The new file grows in its own folder, or in
    another one of its file system. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    descriptor, name = tempfile.mkstemp(dir=grows_in or path.parent, prefix=".rtcguard-")
    try:
        with open(descriptor, "w") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def _write(path: Path, content: str | None) -> None:
    try:
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, content)
    except PermissionError as error:
        raise NeedsRoot(f"{path}: only root may write it") from error
    except OSError as error:
        raise DesktopError(f"{path}: cannot be written ({error.strerror})") from error


def _refresh() -> None:
    """Programs that have read the Internet settings read them anew (WinINet)."""
    if sys.platform == "win32":
        import ctypes

        for option in (_SETTINGS_CHANGED, _REFRESH):
            ctypes.windll.wininet.InternetSetOptionW(None, option, None, 0)

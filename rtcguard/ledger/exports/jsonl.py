"""JSON lines: an event a line, as in `to_dict`, appended to a file for other programs to read.

The file may be renamed, removed or copied and cut at any time (logrotate, with or without
`copytruncate`): the next batch goes to what has the name then. It is made for its owner alone (mode
0600); one that is there keeps its mode. Each batch is synced to the disk before the export's place
moves on, so what counts as delivered survives a loss of power. Where the disk was full, or the
process was killed, a line may be there in part: the next one begins on a line of its own, and the
event comes again as a whole.
"""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from rtcguard.ledger.event import Event
from rtcguard.ledger.exports.sink import Outage

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def line(event: Event) -> bytes:
    """`{"time": …, "id": …, …}` and a line feed; all of it ASCII."""
    return json.dumps(event.to_dict(), separators=(",", ":")).encode("ascii") + b"\n"


class JsonLinesFile:
    """A `Sink`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._torn = False  # the file may end in the midst of a line

    def send(self, events: Sequence[Event]) -> int:
        self.open()
        assert self._file is not None
        content = b"".join(map(line, events))
        if self._torn:
            content = b"\n" + content
        self._torn = True
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._torn = False
        os.fsync(self._file)
        return 0

    def open(self) -> None:
        """Opens the file, or what has its name now. Raises OSError, or Outage."""
        if self._file is not None:
            if self._is_there(self._file):
                return
            self.close()
        file = os.open(self._path, _FLAGS, 0o600)
        try:
            about = os.fstat(file)
            if not stat.S_ISREG(about.st_mode):
                raise Outage("it is not a file")
            self._torn = about.st_size > 0 and os.pread(file, 1, about.st_size - 1) != b"\n"
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _is_there(self, file: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(file))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return False
            raise

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

"""Files that are watched by looking at them, once in a while.

So it is the same whether an editor writes a file or puts another in its place, or a link is turned
elsewhere, as Kubernetes does; and it works on every file system.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

EVERY: Final = 0.5  # seconds

type _State = tuple[int, ...] | None


@dataclass(slots=True)
class Files:
    paths: tuple[Path, ...] = ()
    _taken: dict[Path, _State] = field(default_factory=dict)
    _last: dict[Path, _State] = field(default_factory=dict)

    def watch(self, paths: Iterable[Path]) -> None:
        """From now on these; those that were watched before may have changed already."""
        self.paths = tuple(dict.fromkeys(paths))
        now = self.look()
        self._taken = {path: self._taken.get(path, state) for path, state in now.items()}
        self._last = {path: self._last.get(path, state) for path, state in now.items()}

    def take(self) -> None:
        """From now on a change is one from what the files are at present."""
        self._taken = self._last = self.look()

    @property
    def is_taken(self) -> bool:
        """Whether they still are what they were when they were taken."""
        return self.look() == self._taken

    def look(self) -> dict[Path, _State]:
        return {path: _state(path) for path in self.paths}

    def has_settled(self) -> bool:
        """Whether there is a change, and it was there as it is at the last call: a file that is
        still being written is not to be read. To be called about every `EVERY` seconds."""
        last, self._last = self._last, self.look()
        return self._last == last != self._taken


def _state(path: Path) -> _State:
    """Of what a path leads to; None: nothing, or nothing that may be seen."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    # The last is also of rights: a secret that everybody may read now is a change.
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

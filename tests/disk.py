"""A disk that is soon full."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.requirements import cannot_run


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """`folder`, which it makes, as a disk of its own; `size` as `mount` takes it: `64k`."""
    folder.mkdir()
    if os.geteuid() != 0:
        cannot_run("not root: a small disk cannot be mounted")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)

"""A browser's managed policy in the lab: installed by `rtcguard browser-policy`, as a user would.

`ip netns exec` shows each namespace its own files under /etc, so what is written there is seen by
the lab's client only, by no browser of this machine and no other test.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .guard import PROXY, Guard
from .net import NETNS_ETC, PREFIX, Lab
from .world import ROOT, Browser, World

# The folders under /etc that the policies of each browser are in.
FOLDERS: dict[Browser, tuple[str, ...]] = {"chromium": ("chromium", "opt"), "firefox": ("firefox",)}
NAMES: dict[Browser, str] = {"chromium": "chrome", "firefox": "firefox"}


@contextmanager
def installed_policy(world: World, browser: Browser, guard: Guard) -> Iterator[list[Path]]:
    """The policy for this proxy and its authority, for the time of a `with` block; yields what was
    written, as the client sees it."""
    with _one_at_a_time(), _own_etc(world.lab, FOLDERS[browser]):
        name = NAMES[browser]
        said = _command(world.lab, name, "--proxy", PROXY, "--ca", str(guard.ca), "--install")
        yield [Path(line.removeprefix("wrote ")) for line in said.splitlines()]
        removed = _command(world.lab, name, "--remove")
        assert removed == said.replace("wrote ", "removed "), removed


def _command(lab: Lab, *arguments: str) -> str:
    argv = [sys.executable, "-m", "rtcguard", "browser-policy", *arguments]
    return lab.run(lab.client, "env", f"PYTHONPATH={ROOT}", *argv)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """What `_own_etc` makes for one lab, and removes, is what another's would stand on."""
    with Path(tempfile.gettempdir(), f"{PREFIX}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _own_etc(lab: Lab, folders: tuple[str, ...]) -> Iterator[None]:
    """Gives the client folders of its own in the place of these."""
    made = []
    try:
        for name in folders:
            real, own = Path("/etc") / name, NETNS_ETC / lab.client / name
            if real.is_dir():
                shutil.copytree(real, own, symlinks=True)
            else:  # something has to be there that the client's own can be shown in place of
                with suppress(FileExistsError):
                    os.mkdir(real)
                    made.append(real)
                own.mkdir()
        yield
    finally:
        for name in folders:
            shutil.rmtree(NETNS_ETC / lab.client / name, ignore_errors=True)
        for real in made:
            os.rmdir(real)

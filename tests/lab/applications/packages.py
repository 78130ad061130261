"""The npm packages of the applications: pinned by package-lock.json, installed once per machine."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from ..process import LabError

HERE = Path(__file__).parent
PINNED = ("package.json", "package-lock.json")
INSTALL_SECONDS = 180
# No package may run anything of its own while it is installed.
INSTALL = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
# JsSIP comes as CommonJS only; a page needs it in one piece.
BUNDLE = ["node_modules/.bin/esbuild", "node_modules/jssip/lib/JsSIP.js", "--bundle", "--minify"]
BUNDLE += ["--global-name=JsSIP", "--outfile=node_modules/jssip/jssip.min.js", "--log-level=error"]


def _run(argv: list[str], folder: Path) -> None:
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}"
        raise LabError(f"the applications' npm packages: {' '.join(argv)} failed:\n{said}")


def node_modules() -> Path:
    """The folder with the packages; what is named by its contents never has to be renewed."""
    pinned = hashlib.sha256()
    for name in (*PINNED, Path(__file__).name):
        pinned.update((HERE / name).read_bytes())
    cache = user_cache_path("rtcguard-lab", ensure_exists=True)
    folder = cache / pinned.hexdigest()[:16]
    if not folder.is_dir():
        making = Path(tempfile.mkdtemp(dir=cache, prefix="making-"))
        try:
            for name in PINNED:
                shutil.copy(HERE / name, making)
            _run(INSTALL, making)
            _run(BUNDLE, making)
            # Another run may have been faster; then its folder stays.
            if not folder.is_dir():
                making.rename(folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder / "node_modules"

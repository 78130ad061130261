"""Policy files on this machine: written where browsers read them, and taken away again.

Only files that hold what rtcguard writes, and nothing else, are ever touched.
"""

import base64
import json
import ssl
from pathlib import Path

from rtcguard.desktop.machine import write_whole
from rtcguard.errors import RtcguardError, StartError
from rtcguard.page.browser_policy import Authority, Browser, Policies, is_ours
from rtcguard.page.policy_files import LINUX, SHADOWED, text


def read_authority(path: Path) -> Authority:
    """A CA certificate in PEM. Raises StartError."""
    try:
        der = ssl.PEM_cert_to_DER_cert(path.read_text().strip())
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise StartError(f"{path}: is not one certificate in PEM") from error
    return Authority(str(path.resolve()), base64.b64encode(der).decode())


def install(browser: Browser, made: Policies, root: Path) -> list[Path]:
    """Writes the files of a browser below `root`. Raises RtcguardError where somebody else's file
    stands in the way, before anything is written, and StartError where one cannot be written."""
    paths = [root / name for name in LINUX[browser]]
    for path in paths:
        if path.exists() and not _is_ours(browser, path):
            raise RtcguardError(
                f"{path}: holds policies that are not rtcguard's, so it is left as it is; put what "
                f"`rtcguard browser-policy {browser}` prints into it by hand"
            )
    if browser == "firefox":
        for shadowed in (root / name for name in SHADOWED):
            if shadowed.exists():
                raise RtcguardError(
                    f"{shadowed}: Firefox would not read it any more beside {paths[0]}; put what "
                    f"`rtcguard browser-policy {browser}` prints into it by hand"
                )
    content = text(browser, "linux", made)
    for path in paths:
        _write(path, content)
    return paths


def remove(browser: Browser, root: Path) -> tuple[list[Path], list[Path]]:
    """Takes away what `install` wrote: (removed, left because it is somebody else's). Raises
    StartError where one cannot be removed."""
    removed, left = [], []
    for path in (root / name for name in LINUX[browser]):
        if not path.exists():
            continue
        if not _is_ours(browser, path):
            left.append(path)
            continue
        try:
            path.unlink()
        except OSError as error:
            problem = error.strerror
            raise StartError(f"{path}: cannot be removed ({problem}); run this as root") from error
        removed.append(path)
    return removed, left


def _is_ours(browser: Browser, path: Path) -> bool:
    try:
        return is_ours(browser, json.loads(path.read_bytes()))
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError:
        return False


def _write(path: Path, content: str) -> None:
    """The new file grows outside of its folder, since Chromium reads every file in there."""
    try:
        write_whole(path, content, path.parent.parent)
    except OSError as error:
        problem = error.strerror
        raise StartError(f"{path}: cannot be written ({problem}); run this as root") from error

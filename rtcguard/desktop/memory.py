"""What was set before rtcguard set the desktop's proxy: a file in the state folder."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rtcguard.desktop.nouns import Values
from rtcguard.errors import StartError

NAME: Final = "desktop.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one desktop. `proxy`: the `host:port` that it was led to; `stay`: it is not undone when
    rtcguard stops; `before` and `made` have the same keys."""

    proxy: str
    stay: bool
    before: Values
    made: Values


type Memory = Mapping[str, Kept]  # by the desktop's name


def load(folder: Path) -> Memory:
    """Raises StartError for a file that cannot be understood: what was set before is in there."""
    path = folder / NAME
    try:
        told = json.loads(path.read_bytes())
        if told["version"] != _VERSION:
            raise ValueError(f"its version is {told['version']}")
        found = {name: Kept(**kept) for name, kept in told["desktops"].items()}
        for kept in found.values():
            if kept.before.keys() != kept.made.keys():
                raise ValueError("its keys do not fit")
        return found
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StartError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StartError(
            f"{path}: is not what rtcguard wrote, so what the desktop's proxy was before is not "
            "known; set it in the desktop's settings, and remove this file"
        ) from error


def save(folder: Path, memory: Memory) -> None:
    """As a whole or not at all. Raises StartError."""
    path = folder / NAME
    try:
        if not memory:
            path.unlink(missing_ok=True)
            return
        told = {name: asdict(kept) for name, kept in memory.items()}
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{NAME}-")
        with open(descriptor, "w") as file:
            json.dump({"version": _VERSION, "desktops": told}, file, indent=1)
        os.replace(name, path)
    except OSError as error:
        raise StartError(f"{path}: cannot be written ({error.strerror})") from error

"""Checks of what is on disk: the configuration, the folder for state, and whether it is in use."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rtcguard.app import control, settings
from rtcguard.app.doctor.check import START, Check, Result, Setup, blocking, known
from rtcguard.app.settings import State
from rtcguard.errors import ConfigError, RtcguardError
from rtcguard.policy.model import Policy

_OTHERS: Final = stat.S_IRWXO
_NOT_ITS_OWNER: Final = stat.S_IRWXG | stat.S_IRWXO


def configuration(path: Path | None) -> tuple[Check, Policy | None]:
    """Whether it can be read, with the secrets that it names; None where it cannot."""
    name = "configuration"
    try:
        policy = settings.read_policy(settings.read_config(path))
    except ConfigError as error:
        step = f"correct it; `rtcguard check {path}` tells the same"
        mistakes = [Result("failed", str(mistake), step) for mistake in error.mistakes]
        return known(name, *mistakes), None
    except RtcguardError as error:
        step = "correct it, or the file that it names"
        return known(name, Result("failed", str(error), step)), None
    named = str(path) if path is not None else "none given: the built-in defaults hold"
    found = [Result("ok", f"{named} (policy {policy.version})")]
    found += [Result("warning", str(warning)) for warning in policy.config.warnings]
    if policy.config.mode == "monitor":
        step = "set mode: enforce, when the ledger shows what you want"
        found.append(Result("warning", "mode is monitor: nothing is held back", step))
    return known(name, *found), policy


def checks(setup: Setup) -> list[Check]:
    return [
        blocking("state folder", lambda: list(_folder(setup.state))),
        blocking("rtcguard run", lambda: _running(setup.state)),
    ]


def _folder(state: State) -> Iterator[Result]:
    """Who may look into it, and whether it can be used."""
    folder = state.folder
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        yield Result("warning", f"{folder}: there is none yet", START)
        return
    except OSError as error:
        step = "run the doctor as the user that rtcguard runs as"
        yield Result("failed", f"{folder}: cannot be looked at: {error.strerror}", step)
        return
    if not stat.S_ISDIR(mode):
        yield Result("failed", f"{folder}: is no folder", "move it away, or set RTCGUARD_STATE_DIR")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        step = f"run the doctor as the user that rtcguard runs as; see: ls -ld {folder}"
        yield Result("failed", f"{folder}: cannot be written by this user", step)
        return
    defects = list(_open_to_others(state, mode))
    yield from defects
    if not defects:
        yield Result("ok", f"{folder}: for its owner only")


def _open_to_others(state: State, mode: int) -> Iterator[Result]:
    if os.name == "nt":  # there, these bits say nothing
        return
    if mode & _OTHERS:
        what = f"{state.folder}: is open to every user; it holds keys, and addresses"
        yield Result("failed", what, f"chmod o= {state.folder}")
    for key in sorted(state.folder.glob("*.key")):
        if key.stat().st_mode & _NOT_ITS_OWNER:
            yield Result("failed", f"{key}: others than its owner may use it", f"chmod 600 {key}")


def _running(state: State) -> Sequence[Result]:
    """By its control socket: what answers elsewhere may be another's."""
    if control.is_answered(state.folder):
        return [Result("ok", f"runs with {state.folder}")]
    return [Result("failed", f"nothing runs with {state.folder}", START)]

"""The list of all checks, in the order in which they are told: what others stand on first."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rtcguard.app.doctor import (
    authority,
    configuration,
    desktop,
    gateway,
    ledger,
    pages,
    proxy,
    responder,
    sinkhole,
    turn,
)
from rtcguard.app.doctor.check import Check, Setup
from rtcguard.app.settings import State

_PARTS: Final[tuple[Callable[[Setup], Sequence[Check]], ...]] = (
    configuration.checks,
    authority.checks,
    proxy.checks,
    pages.checks,
    desktop.checks,
    responder.checks,
    sinkhole.checks,
    gateway.checks,
    lambda setup: turn.checks(setup.policy),
    ledger.checks,
)


def checks(path: Path | None, state: State) -> list[Check]:
    """For the configuration at `path`; without one that can be read, only that is found out."""
    readable, policy = configuration.configuration(path)
    if policy is None:
        return [readable]
    setup = Setup(policy, state)
    return [readable, *(check for part in _PARTS for check in part(setup))]

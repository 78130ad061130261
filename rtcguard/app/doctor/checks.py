"""The list of all checks."""

from pathlib import Path

from rtcguard.app.doctor import local, turn
from rtcguard.app.doctor.check import Check
from rtcguard.app.settings import State


def checks(path: Path | None, state: State) -> list[Check]:
    """For the configuration at `path`; without one that can be read, only that is found out."""
    readable, policy = local.configuration(path)
    if policy is None:
        return [readable]
    return [readable, *local.checks(policy.config, state), *turn.checks(policy)]

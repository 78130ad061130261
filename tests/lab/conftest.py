"""Fixtures of the lab, and its verdicts on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .requirements import cannot_run, missing
from .world import World, running_world

VERDICTS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[VERDICTS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash[VERDICTS]
    if lines:
        terminalreporter.section("lab", sep="=")
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def verdict(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say one line at the end of the run, whether tests pass or fail."""
    return request.config.stash[VERDICTS].append


@pytest.fixture(scope="session")
def world(verdict: Callable[[str], None]) -> Iterator[World]:
    """The lab, built once a run; where that cannot be, its tests are skipped, but never in CI."""
    reasons = missing()
    if reasons:
        message = f"THE LAB DID NOT RUN, so nothing shows that rtcguard works: {'; '.join(reasons)}"
        verdict(message)
        cannot_run(message)
    with running_world() as built:
        yield built

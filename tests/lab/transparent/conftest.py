"""One gateway for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..guard import Guard, running_guard
from ..world import World


@pytest.fixture(scope="module")
def guard(world: World) -> Iterator[Guard]:
    with running_guard(world, gateway=True) as running:
        yield running

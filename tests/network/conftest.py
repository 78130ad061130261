"""The namespaces of the firewall's tests, built once for each file that uses them."""

from collections.abc import Iterator

import pytest

from tests.lab.net import Lab
from tests.network.wires import Wires, require


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    require()
    with Lab() as lab, Wires(lab) as made:
        yield made

"""The namespaces of the firewall's tests, built once for each file that uses them."""

from collections.abc import Iterator

import pytest

from tests.network.wires import PacketLab, Wires, require


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    require()
    with PacketLab() as lab, Wires(lab) as made:
        yield made

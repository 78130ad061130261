"""One origin and one proxy for the tests that can share them."""

from collections.abc import Iterator

import pytest

from tests import origin as origins
from tests.process import Running, running

RELAY = """
relay:
  servers:
    - urls: ["turn:192.0.2.10:3478?transport=udp"]
      username: u
      credential: p
"""


@pytest.fixture(scope="session")
def shared_origin() -> Iterator[origins.Origin]:
    with origins.serve() as served:
        yield served


@pytest.fixture
def origin(shared_origin: origins.Origin) -> origins.Origin:
    shared_origin.seen.clear()
    shared_origin.finish.clear()
    return shared_origin


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("proxy"), RELAY) as run:
        yield run

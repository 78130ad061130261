"""One PostgreSQL for the tests of this folder, with a database for each."""

import itertools
from collections.abc import Iterator

import pytest

from tests.ledger.fleet.postgresql import PostgreSQL, postgresql

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with postgresql() as made:
        yield made


@pytest.fixture
def url(server: PostgreSQL) -> str:
    """Of an empty database."""
    return server.new_database(f"test{next(_numbers)}")

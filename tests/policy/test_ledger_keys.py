"""The key `ledger`: the fleet's database, and what is said of its URL."""

import psycopg
import pytest

from rtcguard.errors import ConfigError
from rtcguard.policy.include import Source
from rtcguard.policy.load import load_files
from rtcguard.policy.model import Config
from rtcguard.policy.store_url import PARAMETERS, PostgreSQL, parse

URL = "postgresql://u:hidden@db.example/rtcguard?sslmode=verify-full"


def read(store: str, *, readable: bool = False, **environ: str) -> Config:
    text = f'version: 1\nledger: {{store: "{store}"}}\n'
    return load_files(Source("f.yaml", 1, text, readable=readable), environ=environ)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://db.example/rtcguard", "db.example/rtcguard"),
        ("postgres://u:p%40@db.example:5433/a%20b", "db.example:5433/a b"),
        ("postgresql://[2001:db8::1]:5433/r", "[2001:db8::1]:5433/r"),
        ("postgresql://a,b:5433/r?target_session_attrs=read-write", "a,b:5433/r"),
        ("postgresql:///r?host=/run/postgresql", "/run/postgresql/r"),
        ("postgresql://%2Frun%2Fpostgresql/r", "/run/postgresql/r"),
        ("postgresql://?service=fleet", "fleet"),
        ("postgresql://h?dbname=r", "h/r"),
    ],
)
def test_its_place_is_told(url: str, place: str) -> None:
    made = parse(url)
    assert (made.url, made.place, made.name) == (url, place, f"postgresql {place}")
    psycopg.pq.Conninfo.parse(url.encode())  # libpq reads it, too


def test_libpq_knows_every_parameter() -> None:
    known = {one.keyword.decode() for one in psycopg.pq.Conninfo.get_defaults()}
    assert set(PARAMETERS) - {"ssl"} <= known
    assert known - set(PARAMETERS) == {"client_encoding", "replication"}


def test_secrets_are_not_shown() -> None:
    config = read("${STORE}", STORE=URL)
    assert isinstance(config.ledger.store, PostgreSQL) and config.ledger.store.url == URL
    assert "hidden" not in repr(config) and "hidden" not in config.ledger.store.name
    with pytest.raises(ConfigError) as raised:
        read("${STORE}", STORE="postgresql://u:hidden@h:x/db")
    assert "hidden" not in str(raised.value)


def test_a_password_that_everybody_can_read() -> None:
    (warning,) = read(URL, readable=True).warnings
    assert "has a password in a file that everybody can read" in warning.message
    assert not read(URL).warnings
    assert not read("${STORE}", readable=True, STORE=URL).warnings


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("postgresql://db.example/r", True),
        ("postgresql://db.example/r?sslmode=require", True),
        ("postgresql://localhost,db.example/r", True),
        ("postgresql://db.example/r?sslmode=verify-ca", False),
        ("postgresql://localhost:5433/r", False),
        ("postgresql://127.0.0.1/r", False),
        ("postgresql://[::1]:5433/r", False),
        ("postgresql:///r?host=/run/postgresql", False),
    ],
)
def test_a_connection_that_others_can_read(url: str, is_open: bool) -> None:
    warnings = [one.message for one in read(url).warnings]
    assert [("sslmode=verify-full" in one) for one in warnings] == [True] * is_open

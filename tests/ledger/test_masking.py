"""Masked addresses: equal stays equal, and nothing of the host's part is left."""

import sqlite3
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.masking import masked, masker
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record

MASK = masker(b"k" * 32)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("9c4ab5e1-6bd7-4f5d-a3c1-3a1f0f4f2a11.local", "*.local"),
        ("laptop.example.org", "*"),
    ],
)
def test_networks(address: str, network: str) -> None:
    kept, _, digest = MASK(address).rpartition("~")
    assert (kept, len(digest)) == (network, 8)
    assert MASK(MASK(address)) == MASK(address)


def test_nothing_stays_nothing() -> None:
    assert MASK("") == ""


@given(st.ip_addresses(), st.ip_addresses())
def test_equal_as_the_addresses_are(one: object, other: object) -> None:
    assert (MASK(str(one)) == MASK(str(other))) == (one == other)


@given(st.ip_addresses(v=6))
def test_every_spelling_is_one(address: object) -> None:
    whole = ip_address(str(address)).exploded
    assert MASK(whole) == MASK(whole.upper()) == MASK(str(address))


def test_another_key_is_another_hash() -> None:
    assert MASK("192.0.2.7") != masker(b"other")("192.0.2.7")


def test_a_record() -> None:
    record = Record("network", "stun", "refused", client="10.0.0.5", address="10.0.0.5",
                    destination="203.0.113.9:5000", ufrag="abcd", site="meet.example",
                    reason="10.0.0.5 asked 203.0.113.9 (fd00::1), not 198.51.100.1")  # fmt: skip
    made = masked(record, MASK)
    assert made.client == made.address == MASK("10.0.0.5")
    assert made.destination == f"{MASK('203.0.113.9')}:5000"  # a peer's
    assert made.reason == (
        f"{MASK('10.0.0.5')} asked 203.0.113.9 ({MASK('fd00::1')}), not 198.51.100.1"
    )
    assert made.site == "meet.example"


def test_a_server_stays_as_it_is() -> None:
    record = Record("network", "stun", "refused", client="10.0.0.5", destination="[2001:db8::1]:1")
    assert masked(record, MASK).destination == "[2001:db8::1]:1"


def test_the_file_has_none_and_questions_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writer = Writer(path, 86400, mask=MASK)
    writer.record([
        Record("page", "guard", "observed", site="a.example", client="10.7.8.9"),
        Record("signaling", "candidate", "stripped", site="a.example", client="10.7.8.9",
               address="10.7.8.9", ufrag="uuuu", reason="10.7.8.9 is the client's"),
    ])  # fmt: skip
    writer.close()
    writer = Writer(path, 86400, mask=MASK)
    writer.record([Record("network", "stun", "refused", client="10.7.8.9", ufrag="uuuu",
                          destination="10.7.8.1:3478")])  # fmt: skip
    writer.close()
    for file in tmp_path.iterdir():
        assert b"10.7.8.9" not in file.read_bytes()
        assert b"10.7.8.1" not in file.read_bytes()
    store = Store(path, MASK)
    assert store.guard_seen("10.7.8.9", "a.example", timestamp(0))
    assert not store.guard_seen("10.7.8.8", "a.example", timestamp(0))
    assert store.last_guarded("10.7.8.9", timestamp(0)) == "a.example"
    store.close()
    database = sqlite3.connect(path)
    row = database.execute("SELECT site, page, evidence FROM events WHERE kind = 'stun'").fetchone()
    assert row == ("a.example", "guarded", "ufrag")
    database.close()

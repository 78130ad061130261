"""What an address may ask of the ledger: never for another's events."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtcguard.ledger.masking import masker, unmasked
from rtcguard.web.access import Visitor
from rtcguard.web.asking import FILTERS, BadQuery, NotYours, read

CLIENT = "10.9.8.7"
NAMES = st.sampled_from([*FILTERS, "since", "until", "before", "node", "Client", "client ", "x"])
VALUES = st.one_of(
    st.sampled_from(["*", CLIENT, "10.9.8.8", "10.9.8.*", "all", "24h", "2026-01-01", "page", ""]),
    st.text(max_size=12),
)


def visitor(**values: Any) -> Visitor:
    return Visitor(**{"client": CLIENT, "local": False, "proxied": True, **values})


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.booleans())
@example([("client", "10.9.8.8")], False)
@example([("client", "*")], False)
def test_from_elsewhere_only_ones_own(query: list[tuple[str, str]], hidden: bool) -> None:
    mask = masker(b"key") if hidden else unmasked
    try:
        asked = read(query, visitor(token_ok=True), mask)
    except (BadQuery, NotYours):
        return
    assert asked.filter.client == mask(CLIENT) and "*" not in asked.filter.client


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_without_a_token_nothing(query: list[tuple[str, str]]) -> None:
    with pytest.raises((BadQuery, NotYours)):
        read(query, visitor(), unmasked)


def test_on_the_machine() -> None:
    here = visitor(client="127.0.0.1", local=True)
    assert read([], here, unmasked).filter.client == ""
    asked = read([("client", "10.9.*"), ("site", " a.example ")], here, unmasked)
    assert (asked.filter.client, asked.filter.site) == ("10.9.*", "a.example")
    assert asked.query(before="0" * 32) == f"client=10.9.%2A&site=a.example&before={'0' * 32}"
    assert read([("since", "all")], here, unmasked).filter.since == ""
    hidden = read([("client", CLIENT), ("address", "192.0.2.7")], here, masker(b"key"))
    assert hidden.filter.client == masker(b"key")(CLIENT)
    assert hidden.filter.address.startswith("192.0.2.0/24~")


def test_a_client_that_is_nobody() -> None:
    with pytest.raises(NotYours):
        read([], visitor(client="", token_ok=True), unmasked)
    with pytest.raises(NotYours):
        read([], visitor(client="*", token_ok=True), unmasked)

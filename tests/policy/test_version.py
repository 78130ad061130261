"""The policy's version: what it depends on, and what it must not tell."""

from dataclasses import replace

import pytest

from rtcguard.policy.load import load
from rtcguard.policy.model import Config, Ledger, Policy, Relay, RelayServer, Upstream
from rtcguard.policy.store_url import parse
from rtcguard.policy.version import changed, version_of

WRITTEN = """
version: 1
mode: enforce
stun: {listen: ["127.0.0.1:3478"], rate: 50}
rules:
  - name: a
    match: {client: [10.0.0.0/8], direction: inbound}
    action: block
"""


def of(text: str) -> str:
    return version_of(load(text, "file"))


def test_it_is_twelve_digits_that_stay_the_same() -> None:
    assert Policy().version == version_of(Config()) == of("version: 1\n")
    assert len(Policy().version) == 12 and int(Policy().version, 16) >= 0
    assert Policy(load(WRITTEN, "other")).version == of(WRITTEN)


@pytest.mark.parametrize(
    "same",
    [
        WRITTEN.replace("mode", "# a comment\nmode"),
        WRITTEN.replace("mode: enforce\n", ""),  # the default
        WRITTEN.replace('["127.0.0.1:3478"]', "127.0.0.1:3478"),
        WRITTEN.replace("{client: [10.0.0.0/8], direction: inbound}",
                        "{direction: [inbound], client: 10.0.0.0/8}"),
    ],
)  # fmt: skip
def test_how_it_is_written_does_not_matter(same: str) -> None:
    assert same != WRITTEN
    assert of(same) == of(WRITTEN)


@pytest.mark.parametrize(
    ("other", "keys"),
    [
        (WRITTEN.replace("enforce", "monitor"), ("mode",)),
        (WRITTEN.replace("rate: 50", "rate: 51"), ("stun.rate",)),
        (WRITTEN.replace("10.0.0.0/8", "10.0.0.0/9"), ("rules",)),
        (WRITTEN.replace("name: a", "name: b"), ("rules",)),
        (WRITTEN + "inbound: strip\npage: {guard: false}\n", ("inbound", "page.guard")),
    ],
)
def test_what_it_says_does(other: str, keys: tuple[str, ...]) -> None:
    assert of(other) != of(WRITTEN)
    assert changed(load(WRITTEN, "file"), load(other, "file")) == keys


def test_a_database_is_known_by_its_place() -> None:
    one, other, elsewhere = (
        Config(ledger=Ledger(parse(url), node))
        for url, node in (
            ("postgresql://me:secret@db.example/r", "gw1"),
            ("postgresql://db.example/r?password=x", "gw2"),
            ("postgresql://a,[::1]:5433/r", None),
        )
    )
    assert version_of(one) == version_of(other) != version_of(elsewhere)
    assert changed(one, other) == ("ledger.store", "ledger.node")


def test_secrets_are_no_part_of_it() -> None:
    """Else whoever has the ledger could try passwords."""
    server = RelayServer(("turn:192.0.2.1",), username="u", credential="one")
    first = Config(
        relay=Relay((server,)), upstream=Upstream(proxy="http://me:secret@192.0.2.9:3128")
    )
    second = replace(
        first,
        relay=Relay((replace(server, username="v", credential="two"),)),
        upstream=Upstream(proxy="http://you:other@192.0.2.9:3128"),
    )
    assert version_of(first) == version_of(second)
    assert changed(first, second) == ("relay.servers", "upstream.proxy")  # in force all the same
    elsewhere = replace(first, upstream=Upstream(proxy="http://me:secret@192.0.2.8:3128"))
    assert version_of(first) != version_of(elsewhere)

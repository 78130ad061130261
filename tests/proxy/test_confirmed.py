"""Which ring holds a client: what the page guard and the firewall said, to any process."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import stamped
from rtcguard.policy.model import Config, Page
from rtcguard.policy.record import Record
from rtcguard.proxy import confirmed as module
from rtcguard.proxy.confirmed import Confirmed, note

SITE = "a.example"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def known(path: Path) -> Iterator[Confirmed]:
    made = Confirmed(path)
    yield made
    made.close()


def up(path: Path, detail: str, *, seconds: float = 60, name: str = "gateway") -> None:
    store = Store(path)
    store.ring_up("n", "network", name, timestamp(time.time() + seconds), detail)
    store.close()


def test_nobody(known: Confirmed) -> None:
    assert known.by("10.0.0.1", SITE) == ""


def test_the_page(known: Confirmed) -> None:
    known.confirm("10.0.0.1", SITE)
    assert known.by("10.0.0.1", SITE) == "page"
    assert known.by("10.0.0.1", "b.example") == known.by("10.0.0.2", SITE) == ""


def test_a_guard_that_only_watches(path: Path, known: Confirmed) -> None:
    """It confirms nothing but what would be; and takes back what one in force had said, for the
    page that is open now has its host sockets."""
    known.confirm("10.0.0.1", SITE)
    known.confirm("10.0.0.1", SITE, watches=True)
    assert known.by("10.0.0.1", SITE) == ""
    assert known.by("10.0.0.1", SITE, watches=True) == "page"
    known.confirm("10.0.0.1", SITE)
    assert known.by("10.0.0.1", SITE) == known.by("10.0.0.1", SITE, watches=True) == "page"


@pytest.mark.parametrize(
    ("client", "ring"),
    [
        ("10.0.0.9", "network"),
        ("::ffff:10.0.0.9", "network"),
        ("2001:db8:77::2", "network"),
        ("10.1.0.9", ""),
        ("2001:db8:78::2", ""),
        ("", ""),
        ("a.local", ""),
    ],
)
def test_the_firewall(path: Path, known: Confirmed, client: str, ring: str) -> None:
    """It holds the clients of its own networks."""
    up(path, "10.0.0.0/24 2001:db8:77::/64")
    assert known.by(client, SITE) == ring


def test_a_firewall_that_is_silent_holds_nobody(
    path: Path, known: Confirmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ASK_AGAIN", 0.0)
    up(path, "10.0.0.0/24", seconds=-1)
    up(path, "10.0.0.0/24", name="another part")
    assert known.by("10.0.0.1", SITE) == ""
    up(path, "10.0.0.0/24")
    assert known.by("10.0.0.1", SITE) == "network"
    up(path, "10.0.0.0/24", seconds=-1)
    assert known.by("10.0.0.1", SITE) == ""


def reported(path: Path) -> None:
    store = Store(path)
    record = Record(ring="page", kind="guard", action="observed", client="10.0.0.1", site=SITE)
    store.add(stamped([record], "n"))
    store.close()


@pytest.mark.parametrize("lax", [Config(mode="monitor"), Config(page=Page(guard=False))])
def test_what_was_reported_before_pages_were_left_alone_does_not_count(
    path: Path, known: Confirmed, lax: Config
) -> None:
    note(path, Config())
    reported(path)
    assert known.by("10.0.0.1", SITE) == "page"
    note(path, lax)
    note(path, lax)  # it is started again
    known.forget()
    assert known.by("10.0.0.1", SITE) == ""
    time.sleep(0.002)  # times in the ledger are milliseconds
    note(path, Config())
    known.forget()
    assert known.by("10.0.0.1", SITE) == ""
    time.sleep(0.002)
    note(path, Config())  # another start: nothing was left alone since
    reported(path)
    known.forget()
    assert known.by("10.0.0.1", SITE) == "page"


def test_the_page_comes_first(path: Path, known: Confirmed) -> None:
    """It knows the approved relays; behind a firewall alone lists of servers are still edited."""
    up(path, "10.0.0.0/24")
    known.confirm("10.0.0.1", SITE)
    assert known.by("10.0.0.1", SITE) == "page"

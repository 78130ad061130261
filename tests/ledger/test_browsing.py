"""Pages of events: one after the other, they have what the whole ledger has, each once."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcguard.ledger import browsing
from rtcguard.ledger.event import Event
from rtcguard.ledger.follow import Tail
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record


def event(number: int, minute: int, site: str, client: str, rule: str = "r") -> Event:
    time = f"2026-01-01T00:{minute:02}:00.000Z"
    record = Record("signaling", "candidate", "stripped", site=site, client=client, rule=rule)
    return Event(time, f"{number:032x}", "n", record, time)


def pages(store: Store, asked: Filter, most: int, looked: int) -> Iterator[browsing.Page]:
    before = ""
    while True:
        page = browsing.newest(store._db, asked, most, before, looked)
        assert page is not None
        yield page
        if not page.older:
            return
        before = page.older


EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["", "a", "b"]), st.sampled_from(["x", "y"])),
    max_size=25,
)


@given(
    EVENTS,
    st.sampled_from(["", "a", "a*", "none"]),
    st.sampled_from(["", "x"]),
    st.sampled_from(["", "2026-01-01T00:02:00.000Z"]),
    st.integers(1, 6),
    st.integers(2, 8),
)
@settings(max_examples=60, deadline=None)
def test_all_pages_together(
    made: list[tuple[int, str, str]], site: str, client: str, since: str, most: int, looked: int
) -> None:
    events = [event(number, *one) for number, one in enumerate(made)]
    asked = Filter(since, "2026-01-01T00:05:00.000Z", site=site, client=client)
    with contextlib.closing(Store(Path(":memory:"))) as store:
        store.add(events)
        found = list(pages(store, asked, most, looked))
    ordered = sorted(enumerate(events), key=lambda one: (one[1].time, one[0]), reverse=True)
    expected = [one for _, one in ordered if since <= one.time < asked.until and asked.takes(one)]
    assert [one for page in found for one in page.events] == expected
    assert all(len(page.events) <= most for page in found)


def test_how_far_a_page_has_looked(tmp_path: Path) -> None:
    with contextlib.closing(Store(tmp_path / "l.sqlite")) as store:
        store.add(event(n, n % 60, "a", "x", "seldom" if n == 0 else "r") for n in range(300))
        first = browsing.newest(store._db, Filter(rule="seldom"), 5, looked=100)
        assert first == browsing.Page([], first.older, first.looked_to) if first else False
        assert first is not None and not first.whole and first.older
        *_, last = pages(store, Filter(rule="seldom"), 5, 100)
        assert last.whole and [one.id for one in last.events] == [f"{0:032x}"]


@pytest.mark.parametrize("name", ["client", "site", "address", "user", "destination"])
def test_what_has_an_index_is_found_however_far_behind(tmp_path: Path, name: str) -> None:
    with contextlib.closing(Store(tmp_path / "l.sqlite")) as store:
        record = replace(Record("page", "guard", "kept"), **{name: "q"})  # type: ignore[arg-type]
        first = Event("2026-01-01", "f", "n", record, "")
        store.add([first, *(event(n, 5, "a", "x") for n in range(300))])
        page = browsing.newest(store._db, Filter(**{name: "q"}), 5, looked=100)
        assert page == browsing.Page([first])


def test_no_such_event(tmp_path: Path) -> None:
    with contextlib.closing(Store(tmp_path / "l.sqlite")) as store:
        assert store.newest(Filter(), 5, "f" * 32) is None
        assert store.newest(Filter(), 5) == browsing.Page([])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_the_end_of_a_ledger(path: Path) -> None:
    """What is new, once; and for one who was away, what came since."""
    with contextlib.closing(Store(path)) as store:
        store.add(event(n, 0, "a", "x") for n in range(3))
        with contextlib.closing(Tail(path)) as tail:
            assert tail.read() == []
            store.add([event(3, 0, "a", "x"), event(4, 0, "b", "x")])
            assert [one.id for _, one in tail.read()] == [f"{n:032x}" for n in (3, 4)]
            assert tail.read() == []
            behind = tail.behind(f"{1:032x}", Filter(site="a"))
            assert behind is not None
            assert ([one.id for one in behind[0]], behind[1]) == (
                [f"{n:032x}" for n in (2, 3)],
                True,
            )
            assert tail.behind("f" * 32, Filter()) is None
            store.add(event(n, 0, "a", "x") for n in range(5, 25))
            assert tail.skip(4) == 16
            assert [one.id for _, one in tail.read()] == [f"{n:032x}" for n in range(21, 25)]


def test_a_ledger_that_is_made_anew(path: Path) -> None:
    with contextlib.closing(Store(path)) as store:
        store.add([event(0, 0, "a", "x")])
        with contextlib.closing(Tail(path)) as tail:
            path.rename(path.with_name("away"))
            for name in ("wal", "shm"):
                path.with_name(f"{path.name}-{name}").unlink(missing_ok=True)
            with contextlib.closing(Store(path)) as other:
                other.add([event(1, 0, "b", "x")])
                found = [*tail.read(), *tail.read()]
            assert [one.id for _, one in found] == [f"{1:032x}"]

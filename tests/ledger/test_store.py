"""The store: one file, several connections, nothing twice."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.errors import StartError
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter
from rtcguard.ledger.schema import GROUPS, LINKED_TO, VERSION
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record


def event(id: str, time: str = "2026-01-01T00:00:00.000Z", **of: object) -> Event:
    values = {"ring": "signaling", "kind": "candidate", "action": "stripped", **of}
    last = str(values.pop("last", time))
    return Event(time, id, "node", Record(**values), last)  # type: ignore[arg-type]


def count(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        (found,) = database.execute("SELECT COUNT(*) FROM events").fetchone()
    finally:
        database.close()
    return int(found)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store(path)
    yield made
    made.close()


def test_two_connections(path: Path) -> None:
    first, second = Store(path), Store(path)
    first.add([event("a", address="10.0.0.1")])
    second.add([event("b", address="10.0.0.1")])
    assert first.grouped("address", Filter()) == second.grouped("address", Filter())
    assert first.grouped("address", Filter())[0].count == 2
    first.close()
    second.close()


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """As the processes of `rtcguard run` do at the first start."""
    failed: list[BaseException] = []

    def opens(path: Path, barrier: threading.Barrier, name: str) -> None:
        try:
            barrier.wait()
            store = Store(path)
            store.add([event(name)])
            store.close()
        except BaseException as error:
            failed.append(error)

    for turn in range(20):
        path, barrier = tmp_path / f"{turn}.sqlite", threading.Barrier(6)
        threads = [threading.Thread(target=opens, args=(path, barrier, str(i))) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        assert count(path) == 6


def test_an_event_is_written_once(store: Store, path: Path) -> None:
    store.add([event("a", address="first"), event("a", address="second"), event("b")])
    store.add([event("a", address="third")])
    assert count(path) == 2
    assert [(row.key, row.count) for row in store.grouped("address", Filter())] == [("first", 1)]


def test_a_batch_is_all_or_nothing(store: Store, path: Path) -> None:
    with pytest.raises(sqlite3.Error):
        store.add([event("a"), event("b", address={})])
    assert count(path) == 0
    store.add([event("c")])  # the connection goes on
    assert count(path) == 1


def test_a_newer_version_is_refused(path: Path) -> None:
    Store(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(StartError) as raised:
        Store(path)
    assert str(raised.value) == (
        f"{path}: the ledger is of version {VERSION + 1}, this rtcguard knows "
        f"{VERSION}; update rtcguard, or move the file away"
    )
    assert raised.value.exit_code == 2


VERSION_1 = """
CREATE TABLE events (
    time TEXT NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL, ring TEXT NOT NULL,
    kind TEXT NOT NULL, action TEXT NOT NULL, direction TEXT NOT NULL, site TEXT NOT NULL,
    client TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL, scope TEXT NOT NULL,
    candidate_type TEXT NOT NULL, destination TEXT NOT NULL, name TEXT NOT NULL,
    ufrag TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (id)
);
CREATE INDEX events_time ON events (time);
CREATE INDEX events_guard ON events (client, site, time) WHERE kind = 'guard';
PRAGMA user_version = 1;
INSERT INTO events VALUES ('2026-01-01', 'old', 'n', 'page', 'guard', 'observed', '', 'a.example',
    '10.0.0.1', 'x', 0, '', '', '', '', '', '', '');
"""


# What 1 became in version 2.
VERSION_2 = f"""{VERSION_1}
ALTER TABLE events ADD COLUMN page TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN evidence TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN last TEXT NOT NULL DEFAULT '';
UPDATE events SET last = time;
CREATE INDEX events_ufrag ON events (ufrag, client) WHERE ufrag != '';
CREATE INDEX events_told ON events (client, destination) WHERE kind IN ('server', 'name');
CREATE TABLE rings (
    node TEXT NOT NULL, ring TEXT NOT NULL, name TEXT NOT NULL, until TEXT NOT NULL,
    detail TEXT NOT NULL, PRIMARY KEY (node, ring, name)
);
PRAGMA user_version = 2;
"""
VERSION_3 = f"""{VERSION_2}
ALTER TABLE events ADD COLUMN "user" TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN would TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN policy TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 3;
"""


@pytest.mark.parametrize("script", [VERSION_1, VERSION_2, VERSION_3], ids="123")
def test_a_file_of_an_older_version_goes_on(path: Path, script: str) -> None:
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.executescript(script)
    database.close()
    store = Store(path)
    store.add([event("new", "2026-01-02", address="x", count=4, last="2026-01-03")])
    assert store.guard_seen("10.0.0.1", "a.example", "2026")
    (both,) = store.grouped("address", Filter())
    assert both.actions == {"observed": 1, "stripped": 4}
    assert (both.first, both.last) == ("2026-01-01", "2026-01-03")
    assert both.sites == ["a.example"]
    store.close()
    columns, indexes = tables(path)
    Store(path.with_name("new.sqlite")).close()
    made, made_indexes = tables(path.with_name("new.sqlite"))
    assert (set(columns), indexes) == (set(made), made_indexes)


def test_a_file_of_version_4_gets_the_indexes_that_are_new(path: Path) -> None:
    """Its totals are there already: nothing is counted twice."""
    store = Store(path)
    store.add([event("old", "2026-01-01", address="x", count=3)])
    store.close()
    database = sqlite3.connect(path)
    database.execute("DROP INDEX events_address")
    database.execute("DROP INDEX events_user")
    database.execute("DROP INDEX events_destination")
    database.execute("PRAGMA user_version = 4")
    database.close()
    store = Store(path)
    assert [row.count for row in store.grouped("address", Filter())] == [3]
    store.close()
    _, indexes = tables(path)
    assert {"events_address", "events_user", "events_destination"} <= set(indexes)


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (Filter(site="a.example"), "events_site"),
        (Filter(client="10.0.0.1"), "events_client"),
        (Filter(address="192.0.2.1"), "events_address"),
        (Filter(user="u"), "events_user"),
        (Filter(destination="s.example:443"), "events_destination"),
        (Filter(site="a.example", user="u"), "events_user"),
        (Filter(site="a.example", client="10.0.0.1", address="192.0.2.1"), "events_client"),
        (Filter("2026-01-01"), "events_time"),
    ],
)
def test_newest_events_come_from_an_index(path: Path, asked: Filter, index: str) -> None:
    """In its order: no event is looked at that is not told, and nothing is sorted."""
    store = Store(path)
    told: list[str] = []
    store._db.set_trace_callback(told.append)
    store.events(asked, 100)
    store._db.set_trace_callback(None)
    (newest,) = told
    plan = " ".join(row[3] for row in store._db.execute(f"EXPLAIN QUERY PLAN {newest}"))
    assert f"INDEX {index} (" in plan and "TEMP B-TREE" not in plan
    store.close()


def test_a_name_that_is_made_anew_can_be_asked_for(path: Path) -> None:
    store = Store(path)
    store.add([event("1", "2026-01-01", address="x-y.local", scope="mdns")])
    for address in ("x-y.local", "*.local"):
        assert len(store.events(Filter(address=address), 9)) == 1
    store.close()


def tables(path: Path) -> tuple[list[str], list[str]]:
    """The columns of the events, and the indexes."""
    database = sqlite3.connect(path)
    columns = [row[1] for row in database.execute("PRAGMA table_info(events)")]
    query = "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name"
    indexes = [row[0] for row in database.execute(query)]
    database.close()
    return columns, indexes


@pytest.mark.parametrize("kind", ["under a file", "a folder", "no database"])
def test_cannot_be_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "ledger.sqlite"
    if kind == "under a file":
        path.write_text("")
        path = path / "ledger.sqlite"
    elif kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"not a database, but long enough to be taken for one" * 20)
    with pytest.raises(StartError, match=f"^{path}: the ledger cannot be opened"):
        Store(path)


def test_retention(store: Store, path: Path) -> None:
    store.add([event(str(day), f"2026-01-{day:02}T00:00:00.000Z") for day in range(1, 11)])
    store.forget_before("2026-01-04T00:00:00.000Z")
    assert count(path) == 7  # the fourth itself stays
    store.forget_before("2026-02-01T00:00:00.000Z")
    assert count(path) == 0


def test_guard_seen(store: Store) -> None:
    store.add([event("a", "2026-01-02", kind="guard", client="10.0.0.1", site="a.example")])
    store.add([event("b", "2026-01-02", kind="candidate", client="10.0.0.2", site="a.example")])
    assert store.guard_seen("10.0.0.1", "a.example", "2026-01-02")
    assert not store.guard_seen("10.0.0.1", "a.example", "2026-01-03")
    assert not store.guard_seen("10.0.0.1", "b.example", "2026-01-01")
    assert not store.guard_seen("10.0.0.2", "a.example", "2026-01-01")  # no guard


def test_a_guard_that_only_watches_is_not_in_force(store: Store) -> None:
    """The last one counts."""
    of = {"kind": "guard", "client": "10.0.0.1", "site": "a.example"}
    for day, would, in_force in ((2, "", True), (3, "scrubbed", False), (4, "", True)):
        store.add([event(str(day), f"2026-01-{day:02}", would=would, **of)])
        assert store.guard_seen("10.0.0.1", "a.example", "2026-01-01") == in_force
        assert store.guard_seen("10.0.0.1", "a.example", "2026-01-01", watches=True)


@pytest.mark.parametrize("by", sorted({*GROUPS} - {"action", "node"}))
def test_grouped(store: Store, by: str) -> None:
    values = {"client": "10.0.0.1", "site": "a.example", "destination": "s:443", "address": "x",
              "scope": "private", "ring": "network", "user": "u", "rule": "r", "kind": "stun",
              "direction": "outbound", "page": "guarded", "would": "stripped"}  # fmt: skip
    store.add([event("a", "2026-01-01", **values), event("b", "2026-01-03", **values)])
    store.add([event("c", "2026-01-02", action="kept", **values)])
    store.add([event("d", "2025-01-01", **values)])  # before
    store.add([event("e", "2026-01-01", **{**values, by: "other" if by != "ring" else "page"})])
    mine, other = store.grouped(by, Filter("2026-01-01"))
    assert (mine.key, mine.actions) == (values[by], {"kept": 1, "stripped": 2})
    assert (mine.first, mine.last) == ("2026-01-01", "2026-01-03")
    seen = (["10.0.0.1"], ["a.example"], ["s:443"]) if by in LINKED_TO else ([], [], [])
    assert (mine.clients, mine.sites, mine.destinations) == seen
    assert (mine.scope, other.count) == ("private" if by == "address" else "", 1)


@pytest.mark.parametrize("by", ["address", "site", "client", "destination"])
def test_empty_keys_are_left_out(store: Store, by: str) -> None:
    store.add([event("a")])
    assert store.grouped(by, Filter()) == []


def test_the_far_sides_addresses_are_no_leak(store: Store) -> None:
    store.add([event("a", address="10.0.0.9", site="a.example", direction="inbound")])
    assert store.grouped("address", Filter()) == []
    assert len(store.grouped("site", Filter())) == 1


def test_grouped_by_nonsense(store: Store) -> None:
    with pytest.raises(ValueError, match="is none of"):
        store.grouped("1; DROP TABLE events", Filter())


def test_rings_up(store: Store) -> None:
    """What does not say so again is not up any more."""
    store.ring_up("n", "network", "gateway", "2026-01-01T00:00:10", "10.0.0.0/8")
    store.ring_up("n", "network", "stun", "2026-01-01T00:00:30", "")
    assert len(store.rings_up("2026-01-01T00:00:05")) == 2
    assert store.rings_up("2026-01-01T00:00:20") == [("n", "network", "stun", "")]
    store.ring_up("n", "network", "gateway", "2026-01-01T00:00:40", "10.1.0.0/16")
    assert ("n", "network", "gateway", "10.1.0.0/16") in store.rings_up("2026-01-01T00:00:20")


def test_what_ties_events(store: Store) -> None:
    mine = {"client": "10.0.0.1", "site": "a.example"}
    server = {"kind": "server", "destination": "stun.example:3478"}
    store.add([event("u", "2026-01-02", ufrag="abcd", **mine), event("s", **server, **mine)])
    store.add([event("d", kind="name", client="10.0.0.1", name="n.example", destination="9.9.9.9")])
    store.add([event("g", "2026-01-02", kind="guard", **mine)])
    assert store.site_of_ufrag("10.0.0.1", "abcd", "2026-01-01") == "a.example"
    assert store.site_of_ufrag("10.0.0.2", "abcd", "2026-01-01") == ""
    assert store.site_of_ufrag("10.0.0.1", "abcd", "2026-01-03") == ""
    assert store.told_of("10.0.0.1", "stun.example:3478", "") == ("server", "a.example", "")
    assert store.told_of("10.0.0.1", "9.9.9.9", "") == ("name", "", "n.example")
    assert store.told_of("10.0.0.2", "9.9.9.9", "") is None
    assert store.last_guarded("10.0.0.1", "2026-01-01") == "a.example"
    assert store.last_guarded("10.0.0.2", "2026-01-01") == ""

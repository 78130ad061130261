"""Reports: rows, JSON, CSV, and the table on the terminal."""

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtcguard.ledger import report
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter, Group
from rtcguard.ledger.schema import GROUPS
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record

# time, action, address, scope, client, site, destination, ring
EVENTS = [
    ("2026-01-01", "stripped", "10.0.0.5", "private", "10.0.0.5", "a.example", "s:443", "network"),
    ("2026-01-02", "stripped", "10.0.0.5", "private", "10.0.0.5", "b.example", "s:443", "network"),
    ("2026-01-03", "refused", "10.0.0.5", "private", "10.0.0.6", "", "stun:3478", "ledger"),
    ("2026-01-04", "scrubbed", "198.51.100.7", "public", "10.0.0.5", "a.example", "s:443", "page"),
    ("2025-01-01", "stripped", "10.9.9.9", "private", "10.0.0.5", "a.example", "s:443", "page"),
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "ledger.sqlite")
    names = ("action", "address", "scope", "client", "site", "destination", "ring")
    made.add(
        Event(
            time,
            str(index),
            "n",
            Record(kind="candidate", **dict(zip(names, rest, strict=True))),  # type: ignore[arg-type]
            time,
        )
        for index, (time, *rest) in enumerate(EVENTS)
    )
    yield made
    made.close()


def test_rows_by_address(store: Store) -> None:
    first, second = store.grouped("address", Filter("2026"))
    assert (first.key, first.count, first.scope) == ("10.0.0.5", 3, "private")
    assert (first.first, first.last) == ("2026-01-01", "2026-01-03")
    assert first.actions == {"stripped": 2, "refused": 1}
    assert sorted(first.clients) == ["10.0.0.5", "10.0.0.6"]
    assert sorted(first.sites) == ["a.example", "b.example"]
    assert sorted(first.destinations) == ["s:443", "stun:3478"]
    assert second == Group(
        "198.51.100.7",
        *(1, "2026-01-04", "2026-01-04", "public", {"scrubbed": 1}, {}),
        *(["10.0.0.5"], ["a.example"], ["s:443"]),
    )


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("address", [("10.0.0.5", 3), ("198.51.100.7", 1)]),
        ("site", [("a.example", 2), ("b.example", 1)]),
        ("client", [("10.0.0.5", 3), ("10.0.0.6", 1)]),
        ("destination", [("s:443", 3), ("stun:3478", 1)]),
        ("ring", [("network", 2), ("ledger", 1), ("page", 1)]),
    ],
)
def test_keys(store: Store, by: str, keys: list[tuple[str, int]]) -> None:
    found = store.grouped(by, Filter("2026"))
    assert [(row.key, row.count) for row in found] == keys  # the most frequent first
    assert all(bool(row.scope) == (by == "address") for row in found)


@pytest.mark.parametrize("by", GROUPS)
def test_nothing_since(store: Store, by: str) -> None:
    assert store.grouped(by, Filter("2027")) == []


def test_names_with_commas(store: Store) -> None:
    """A page's own words are one value, whatever stands in them."""
    record = Record("page", "server", "stripped", address="x", site="a,b", destination="c, d")
    store.add([Event("2026-01-05", "comma", "n", record, "2026-01-05")])
    (row,) = [row for row in store.grouped("address", Filter("2026")) if row.key == "x"]
    assert (row.sites, row.destinations) == (["a,b"], ["c, d"])


def test_json(store: Store) -> None:
    found = store.grouped("address", Filter("2026"))
    made = json.loads(report.to_json("address", "2026", found))
    assert (made["by"], made["since"], len(made["rows"])) == ("address", "2026", 2)
    assert made["rows"][1] == {
        "key": "198.51.100.7",
        "count": 1,
        "first": "2026-01-04",
        "last": "2026-01-04",
        "scope": "public",
        "actions": {"scrubbed": 1},
        "would": {},
        "clients": ["10.0.0.5"],
        "sites": ["a.example"],
        "destinations": ["s:443"],
    }


def test_what_would_have_been(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Events of monitor mode are counted by both."""
    with contextlib.closing(Store(tmp_path / "watched.sqlite")) as store:
        record = Record("page", "server", "observed", site="a.example", would="stripped", count=3)
        store.add([Event("2026-01-01", "1", "n", record, "2026-01-01")])
        (row,) = store.grouped("site", Filter("2026"))
    assert (row.actions, row.would) == ({"observed": 3}, {"stripped": 3})
    assert ",observed:3,stripped:3," in report.to_csv("site", [row])
    report.print_table("site", [row])
    shown = " ".join(capsys.readouterr().out.split())
    assert "observed 3" in shown and "would be" in shown


def test_json_of_nothing() -> None:
    made = {"by": "ring", "since": "x", "rows": [], "until": "", "filter": {}}
    assert json.loads(report.to_json("ring", "x", [])) == made


def test_csv(store: Store) -> None:
    lines = report.to_csv("address", store.grouped("address", Filter("2026"))).splitlines()
    assert lines[0] == "address,count,first,last,scope,actions,would,clients,sites,destinations"
    assert lines[2] == (
        "198.51.100.7,1,2026-01-04,2026-01-04,public,scrubbed:1,,10.0.0.5,a.example,s:443"
    )
    assert len(lines) == 3
    assert ",refused:1 stripped:2,," in lines[1]


# A spreadsheet takes a bare carriage return for the end of a row, and what follows for a cell.
@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_has_no_formulas(evil: str) -> None:
    row = Group(evil, 1, "a", "b", "", {evil: 1}, {evil: 1}, [evil], [evil], [evil])
    (cells,) = list(csv.reader(io.StringIO(report.to_csv("site", [row]), newline="")))[1:]
    assert cells == [f"'{evil}", "1", "a", "b", "", f"'{evil}:1", f"'{evil}:1", *[f"'{evil}"] * 3]


@pytest.mark.parametrize("key", ['a,"b"', "a\n=1", "a\r=1", "a\r\n=1", '"', " a ", "Zoë"])
def test_csv_quotes(key: str) -> None:
    made = report.to_csv("site", [Group(key, 1)])
    (cells,) = list(csv.reader(io.StringIO(made, newline="")))[1:]
    assert cells[0] == key


@pytest.mark.parametrize("by", GROUPS[:5])
def test_table(
    store: Store, by: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    report.print_table(by, store.grouped(by, Filter("2026")))
    out = capsys.readouterr().out
    for word in (f"events by {by}", "what was done", "stripped", "a.example", "2026-01-04"):
        assert word in out
    assert ("private" in out) == (by == "address")


def test_a_narrow_table_cuts_no_address_to_pieces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ["2001:db8:1234:5678:9abc:def0:1234:5678", "192.168.100.200"]
    found = [
        Group(key, 12345, last="2026-11-26 17:03:04", scope="link-local",
              actions={"stripped": 12345}, clients=[f"10.0.0.{n}" for n in range(9)],
              sites=["meet.example.org"], destinations=["turn.meet.example.org:3478"])
        for key in addresses
    ]  # fmt: skip
    for width in (200, 80, 72):
        monkeypatch.setenv("COLUMNS", str(width))
        report.print_table("address", found, more=7)
        out = capsys.readouterr().out
        assert all(address in out for address in addresses)
        assert max(map(len, out.splitlines())) <= width
        assert ("2026-11-26 17:03:04" in out) == (width == 200) == ("No room" not in out)
        assert ("10.0.0.4" in out and "and 4 more" in out) == (width == 200)
        assert "10.0.0.5" not in out
        assert "stripped" in out and "The first 2 of 9: --top 9 shows all." in out


def test_table_takes_no_orders_from_pages(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Markup is text, and no escape sequence of a page's reaches the terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    row = Group("[red]x[/red]", 1, sites=["\x1b]0;owned\x07", "\x1b[2J", "\x9b2J", "a\rb"])
    report.print_table("address", [row])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(out)

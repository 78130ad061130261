"""The names that pages had in their lists of ICE servers, out of a real ledger."""

import time
from pathlib import Path

import pytest

from rtcguard.app import learned
from rtcguard.app.learned import Learned
from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record


def put(path: Path, *records: Record, ago: float = 0.0) -> None:
    store = Store(path)
    moment = timestamp(time.time() - ago)
    known = f"{time.monotonic_ns()}"
    store.add(Event(moment, f"{known} {i}", "n", one, moment) for i, one in enumerate(records))
    store.close()


def server(destination: str, action: str = "stripped", name: str = "") -> Record:
    return Record("signaling", "server", action, destination=destination, name=name)


def test_both_rings_names(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    put(
        path,
        server("stun.a.example:3478"),
        server("Turn.B.example:443", "refused", "turn.b.example"),
        server("192.0.2.1:3478"),
        server("[2001:db8::1]:3478"),
        server("x.local:3478", name="x.local"),
        server("turn.kept.example:3478", "kept"),
        server("seen.example:3478", "observed"),
        Record("network", "stun", "refused", destination="c.example:3478"),
        server(""),
    )
    assert Learned(path)() == {"stun.a.example", "turn.b.example"}


def test_what_is_new_comes_to_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    put(path, server("old.example:1"), ago=20 * 86400)
    put(path, server("ancient.example:1"), ago=40 * 86400)
    ask = Learned(path)
    assert ask() == {"old.example"}
    put(path, server("new.example:1"))
    assert ask() == {"old.example", "new.example"}
    assert ask() == {"old.example", "new.example"}


def test_the_names_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "MOST", 10)
    path = tmp_path / "ledger.sqlite3"
    ask = Learned(path)
    for round_ in range(5):
        put(path, *(server(f"{round_}-{number}.example:1") for number in range(7)))
        assert len(ask()) <= 10
    assert {f"4-{number}.example" for number in range(7)} <= ask()

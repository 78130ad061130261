"""What one process writes, and what the ledger of an office answers (`office.py`).

`EVENTS=10000000` fills it as far as the budget speaks of; by default there are fewer, for filling
takes the most of the time. `LEDGER=FILE` keeps the file, or takes it if it is there.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import batched
from pathlib import Path
from typing import Final

from rtcguard.ledger.asked_calls import find, listed
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.query import Filter
from rtcguard.ledger.schema import GROUPS
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from tests.bench import office
from tests.bench.process import MEASURED_CORE, on_core
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, compare, single

EVENTS: Final = int(os.environ.get("EVENTS", "500000"))
_WRITTEN: Final = 100_000  # events through a writer
_SLOW: Final = 1.0  # seconds that a report may take
_AT_ONCE: Final = 0.05  # seconds, for a page of the local site
_ROWS: Final = 50
_CLIENT, _SITE = "10.1.1.9", "site0.example"
_ALL: Final = tuple(by for by in GROUPS if by != "would")  # which nothing has in force
_FILTERS: Final[tuple[dict[str, str], ...]] = (
    {"site": _SITE},
    {"client": _CLIENT},
    {"user": "user4"},
    {"address": "198.51.100.1"},
    {"destination": "stun0.example.net:3478"},
    {"rule": "default:outbound"},
    {"kind": "stun"},
    {"action": "stripped", "direction": "outbound"},
)


def run(servers: Servers) -> Iterator[Line]:
    with on_core(MEASURED_CORE):
        yield _writing(servers.folder / "written.sqlite3")
        path = Path(os.environ.get("LEDGER", servers.folder / "ledger.sqlite3"))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            office.fill(path, EVENTS, time.time())
        began = time.perf_counter()
        store = Store.read_only(path)
        opened = time.perf_counter() - began
        yield Line(f"a ledger of {_count(path)} events", f"{path.stat().st_size / 1e6:.0f} MB")
        yield single("  opening it, s", opened, "{:.3f}", None, _AT_ONCE)
        (last,) = store.events(Filter(), 1)
        yield from _reports(store, datetime.fromisoformat(last.time).timestamp())
        yield from _pages(store)
        store.close()


def _count(path: Path) -> int:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (count,) = database.execute("SELECT MAX(seq) FROM events").fetchone()
    database.close()
    return int(count)


def _reports(store: Store, end: float) -> Iterator[Line]:
    day = 86400
    month = timestamp(end - 60 * day), timestamp(end - 30 * day - 5000)
    spans = {"90 days": ("", ""), "24 hours": (timestamp(end - day), ""), "a month": month}
    for what, span in spans.items():
        views = [_view(store, by, Filter(*span)) for by in _ALL]
        yield _slowest(f"  each --by, of {what}: the slowest, s", views)
    for given in _FILTERS:
        told = ", ".join(f"--{name} {value}" for name, value in given.items())
        for what, span in list(spans.items())[:2]:
            views = [_view(store, by, Filter(*span, **given)) for by in GROUPS[:5]]
            yield _slowest(f"  {told}, of {what}: the slowest, s", views)
    for what, span in spans.items():
        hours = what == "24 hours"
        plots = [
            partial(store.over_time, by, Filter(*span), hours=hours) for by in ("ring", "action")
        ]
        yield _slowest(f"  the plots, of {what}: the slowest, s", plots)
    asked = Filter(*spans["24 hours"])
    yield _slowest("  the calls of 24 hours, s", [lambda: listed(store, asked, {}).calls])
    (event,) = store.events(Filter(site=_SITE), 1)
    yield _slowest("  one call, s", [lambda: find(store, event.id, Filter(), {}).call.events])


def _view(store: Store, by: str, asked: Filter) -> Callable[[], Sequence[object]]:
    """What a table asks for."""
    return lambda: store.ranked(by, asked, "count", _ROWS).rows


def _pages(store: Store) -> Iterator[Line]:
    """What a page of the local site asks."""
    for given in ({}, *_FILTERS, {"site": _SITE, "client": _CLIENT}, {"site": "none.example"}):
        told = ", ".join(f"{name} {value}" for name, value in given.items())
        took = _took(partial(store.events, Filter(**given), 100))
        what = f"  the newest 100{told and ' of '}{told}, s"
        yield single(what, took, "{:.3f}", None, _AT_ONCE)


def _slowest(what: str, questions: Sequence[Callable[[], Sequence[object]]]) -> Line:
    found = [question() for question in questions]
    if not any(found) and "--" not in what.replace("--by", ""):  # a small ledger has not all values
        raise BenchError(f"{what}: nothing was found")
    return single(what, max(map(_took, questions)), "{:.2f}", None, _SLOW)


def _took(question: Callable[[], object]) -> float:
    """Seconds of this process's time: others may keep it waiting."""
    began = time.process_time()
    question()
    return time.process_time() - began


def _writing(path: Path) -> Line:
    """What one writer commits, none of it equal to another."""
    writer = Writer(path, 10**9)
    records = [
        Record("signaling", "candidate", "stripped", site=f"s{n % 100}.example",
               client="10.0.0.5", address=f"10.0.{n // 250 % 250}.{n % 250}", port=n % 65536,
               scope="private", ufrag=secrets.token_hex(4), destination="s.example:443",
               rule="default:outbound", reason="a host candidate tells an address of the client")
        for n in range(_WRITTEN)
    ]  # fmt: skip
    began = time.perf_counter()
    for part in batched(records, 1000):
        while writer._queue.qsize() > 10_000:
            time.sleep(0.001)
        writer.record(part)
    writer.close()
    took = time.perf_counter() - began
    database = sqlite3.connect(path)
    (count,) = database.execute("SELECT SUM(count) FROM events").fetchone()
    database.close()
    if count != _WRITTEN:
        raise BenchError(f"{_WRITTEN} were recorded, {count} are in the ledger")
    rate = _WRITTEN / took
    met = "met" if rate >= 10_000 else "MISSED"
    return compare(
        "events/s that one process writes", rate, None, "{:.0f}", f"at least 10000: {met}"
    )

"""The ledger of an office: 2,000 clients, 90 days. `EVENTS=10000000` fills it as far as the budget
speaks of; by default there are fewer, for filling takes the most of the time.
"""

import os
import random
import secrets
import sqlite3
import time
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Final

from rtcguard.app.report import listed
from rtcguard.ledger.event import Event, timestamp
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from tests.bench.process import MEASURED_CORE, on_core
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, compare, single

_EVENTS: Final = int(os.environ.get("EVENTS", "500000"))
_DAYS: Final = 90
_CLIENTS: Final = 2000
_SITES: Final = 2000
_WRITTEN: Final = 100_000  # events through a writer
_BEGIN: Final = 1_790_000_000


def run(servers: Servers) -> Iterator[Line]:
    with on_core(MEASURED_CORE):
        yield _writing(servers.folder / "written.sqlite3")
        path = servers.folder / "ledger.sqlite3"
        store = Store(path)
        for batch in batched(_events(_EVENTS), 5000):
            store.add(batch)
        store.roll(timestamp(_BEGIN + _DAYS * 86400))
        database = sqlite3.connect(path)
        (sums,) = database.execute("SELECT COUNT(*) FROM totals").fetchone()
        database.close()
        yield Line(f"a ledger of {_EVENTS} events", f"{path.stat().st_size / 1e6:.0f} MB")
        yield Line("  totals in it", f"{sums}")
        cut = timestamp(_BEGIN + 30 * 86400 + 5000)
        for by in ("address", "site", "client", "destination", "ring"):
            yield _asked(store, f"  by {by}, all of it, s", by, Filter())
        yield _asked(store, "  by address, from the midst of a day on, s", "address", Filter(cut))
        yield _asked(store, "  by site, of one client, s", "site", Filter(client="10.1.1.9"))
        # The plots of the page, and the calls of a day.
        yield _plotted(store, "  over time by ring, all of it, s", Filter(), hours=False)
        yield _plotted(store, "  over time by ring, from the midst of a day on, s", Filter(cut),
                       hours=False)  # fmt: skip
        day_and_half = timestamp(_BEGIN + 30 * 86400 + 5000 + 36 * 3600)
        yield _plotted(store, "  over time by ring, 36 hours, s", Filter(cut, day_and_half),
                       hours=True)  # fmt: skip
        yield _called(store, Filter(cut, timestamp(_BEGIN + 31 * 86400 + 5000)))
        store.close()


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


def _asked(store: Store, what: str, by: str, asked: Filter) -> Line:
    began = time.perf_counter()
    rows = store.grouped(by, asked)
    took = time.perf_counter() - began
    if not rows:
        raise BenchError(f"{what}: nothing was found")
    return single(what, took, "{:.2f}", None, 1)


def _plotted(store: Store, what: str, asked: Filter, *, hours: bool) -> Line:
    began = time.process_time()
    if not store.over_time("ring", asked, hours=hours):
        raise BenchError(f"{what}: nothing was found")
    return single(what, time.process_time() - began, "{:.2f}", None, 1)


def _called(store: Store, asked: Filter) -> Line:
    began = time.process_time()
    found, _ = listed(store, asked, {})
    what = f"  {len(found)} calls of a day, s"
    return single(what, time.process_time() - began, "{:.2f}", None, 1)


def _events(count: int) -> Iterator[Event]:
    """As they come in an office: few sites get most of the calls; each client has its own few."""
    chance = random.Random(1)
    sites = [f"site{n}.example" for n in range(_SITES)]
    visited = [
        [sites[min(_SITES - 1, int(chance.paretovariate(1.0)) - 1)] for _ in range(8)]
        for _ in range(_CLIENTS)
    ]
    step = _DAYS * 86400 / count
    for number in range(count):
        client = chance.randrange(_CLIENTS)
        address = f"10.{client >> 8}.{client & 255}.9"
        site = chance.choice(visited[client])
        kind, scope, told, kept = chance.choice(_KINDS)
        if scope == "mdns":
            told = f"{chance.getrandbits(64):016x}.local"
        moment = timestamp(_BEGIN + number * step)
        record = Record(
            "network" if kind == "stun" else "signaling", kind, kept, "outbound",
            site=site, client=address, address=told or address, port=chance.randrange(65536),
            scope=scope, candidate_type="host", destination=f"{site}:443",
            ufrag=f"{chance.getrandbits(32):08x}", rule="default:outbound",
            reason="a host candidate tells an address of the client",
        )  # fmt: skip
        yield Event(moment, f"{number:032x}", "gateway", record, moment)


_KINDS: Final = (
    ("candidate", "mdns", "", "stripped"),
    ("candidate", "mdns", "", "stripped"),
    ("candidate", "private", "", "stripped"),
    ("candidate", "public", "203.0.113.7", "stripped"),
    ("candidate", "public", "198.51.100.1", "scrubbed"),
    ("server", "", "192.0.2.1", "stripped"),
    ("stun", "private", "", "refused"),
)

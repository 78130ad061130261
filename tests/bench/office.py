"""The ledger of an office, as 90 days of calls fill it: 2,000 clients, 2,000 sites, 30,000 far ends.

Few sites get most of the calls, each client has its own few, and nearly all of it happens in working
hours. What a call's events are is what `tests/calls.py` gets from the rings themselves.
"""

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate, batched
from pathlib import Path
from typing import Final

from rtcguard.ledger import schema
from rtcguard.ledger.dialect import SqliteConnection
from rtcguard.ledger.event import COLUMNS, Event, timestamp
from rtcguard.ledger.store import Store
from rtcguard.ledger.totals import Totals
from rtcguard.policy.record import Record

DAYS: Final = 90
CLIENTS: Final = 2000
SITES: Final = 2000
NODE: Final = "gateway"
_DAY: Final = 86400
_FAR_ENDS: Final = 30_000
_STUN: Final = 40
_AT_ONCE: Final = 100_000
_INSERT: Final = (
    f"INSERT INTO events ({schema.quoted(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})"
)


def fill(path: Path, count: int, end: float) -> None:
    """Makes a ledger whose last event is at about `end` (seconds since 1970), of `count` events.

    Its tables are those that a writer makes, but indexes come last and nothing is synced between."""
    Store(path).close()
    with contextlib.closing(sqlite3.connect(path, factory=SqliteConnection)) as database:
        database.isolation_level = None
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -1000000")
        database.execute("BEGIN")
        made = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        for (name,) in database.execute(made).fetchall():
            database.execute(f"DROP INDEX {name}")
        totals = Totals(database)
        for batch in batched(events(count, end), _AT_ONCE):
            database.executemany(_INSERT, map(Event.to_row, batch))
            totals.add(batch)
        for statement in schema.INDEXES.split(";"):
            database.execute(statement)
        totals.roll(timestamp(end)[:7])
        database.execute("COMMIT")
    Store(path).close()


def events(count: int, end: float) -> Iterator[Event]:
    """So many of them, in the order of time."""
    chance = random.Random(1)
    office = _Office(chance)
    last = int(end) // _DAY * _DAY
    days = [last - _DAY * (DAYS - 1 - number) for number in range(DAYS)]
    shares = [0.15 if datetime.fromtimestamp(day, UTC).weekday() > 4 else 1.0 for day in days]
    shares[-1] *= (end - last) / _DAY
    sums = [round(count * part / sum(shares)) for part in accumulate(shares)]
    before = 0
    for day, total in zip(days, sums, strict=True):
        spread = min(_DAY, end - day) - 60
        yield from _day(office, chance, day, spread, total - before)
        before = total


def _day(
    office: "_Office", chance: random.Random, day: float, spread: float, count: int
) -> Iterator[Event]:
    made: list[tuple[float, Record]] = []
    while len(made) < count:
        at = day + spread * min(0.999, max(0.0, chance.gauss(0.5, 0.13)))
        for record in office.call(int(day) // _DAY):
            made.append((at, record))
            at += chance.random()
    del made[count:]
    made.sort(key=lambda one: one[0])
    for seconds, record in made:
        moment = timestamp(seconds)
        id = f"{int(seconds * 1000):012x}{chance.getrandbits(80):020x}"
        yield Event(moment, id, NODE, record, moment)


class _Office:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        weights = list(accumulate(1 / (rank + 3) for rank in range(SITES)))
        sites = [f"site{number}.example" for number in range(SITES)]
        self._visited = [chance.choices(sites, cum_weights=weights, k=8) for _ in range(CLIENTS)]
        self._clients = [f"10.{number >> 8}.{number & 255}.9" for number in range(CLIENTS)]
        self._users = [f"user{number}" if number % 4 == 0 else "" for number in range(CLIENTS)]
        self._far = [f"{chance.randrange(20, 200)}.{chance.randrange(256)}."
                     f"{chance.randrange(256)}.{chance.randrange(1, 255)}"
                     for _ in range(_FAR_ENDS)]  # fmt: skip
        self._kinds = list(accumulate(weight for weight, _ in _CALLS))

    def call(self, day: int) -> Iterator[Record]:
        """One call's records, or those of a page that calls nobody, or of a program."""
        chance = self._chance
        number = chance.randrange(CLIENTS)
        site = chance.choice(self._visited[number])
        values = {
            "site": site,
            "client": self._clients[number],
            "user": self._users[number],
            "lan": self._clients[number],
            "v6": f"2001:db8:{number:x}:1:{day * 7919 % 65536:x}:{day * 104729 % 65536:x}:9:1",
            "mdns": f"{chance.getrandbits(64):016x}.local",
            "public": f"198.51.100.{number % 4 + 1}",
            "relay": f"203.0.113.{number % 4 + 50}",
            "far": self._far[int(_FAR_ENDS * chance.random() ** 3)],
            "stun": f"stun{int(_STUN * chance.random() ** 2)}.example.net",
            "ufrag": f"{chance.getrandbits(32):08x}",
            "theirs": f"{chance.getrandbits(32):08x}",
            "policy": f"{day // 20:012x}",
        }
        _, records = chance.choices(_CALLS, cum_weights=self._kinds)[0]
        port = chance.randrange(1024, 65536)
        for make in records:
            yield make(values, port)


def _guard(of: dict[str, str], _: int) -> Record:
    return Record("page", "guard", "observed", "outbound", of["site"], of["client"],
                  rule="default:page", reason="the page guard is in force",
                  user=of["user"], policy=of["policy"])  # fmt: skip


def _connection(of: dict[str, str], _: int) -> Record:
    return Record("page", "connection", "scrubbed", "outbound", of["site"], of["client"],
                  rule="default:page", user=of["user"], policy=of["policy"],
                  reason="the page asked for policy 'all' and 1 server URL by constructor; "
                  "made relay-only")  # fmt: skip


def _server(of: dict[str, str], _: int) -> Record:
    return Record("signaling", "server", "stripped", "inbound", of["site"], of["client"],
                  scope="name", destination=f"{of['stun']}:3478", name=of["stun"],
                  rule="default:servers", user=of["user"], policy=of["policy"],
                  reason="a STUN server would see the client's address")  # fmt: skip


def _page_server(of: dict[str, str], _: int) -> Record:
    return Record("page", "server", "stripped", "outbound", of["site"], of["client"],
                  scope="name", destination=f"{of['stun']}:3478", name=of["stun"],
                  rule="default:page", user=of["user"], policy=of["policy"],
                  reason="a stun server is told the client's address")  # fmt: skip


class _Candidate:
    """An address of the client's, `which` one, that the site was to be told."""

    def __init__(self, which: str, scope: str, type: str, action: str = "stripped") -> None:
        self._which, self._scope, self._type, self._action = which, scope, type, action

    def __call__(self, of: dict[str, str], port: int) -> Record:
        is_relay = self._type == "relay"
        return Record("signaling", "candidate", self._action, "outbound", of["site"], of["client"],
                      of[self._which], port, self._scope, self._type, f"{of['site']}:443",
                      ufrag=of["ufrag"], user=of["user"], policy=of["policy"],
                      rule="default:relay" if is_relay else "default:outbound",
                      reason="relay candidates pass without the related address" if is_relay
                      else f"a {self._type} candidate tells an address of the client")  # fmt: skip


def _inbound(of: dict[str, str], port: int) -> Record:
    return Record("signaling", "candidate", "kept", "inbound", of["site"], of["client"],
                  of["far"], port, "public", "host", f"{of['site']}:443", ufrag=of["theirs"],
                  rule="inbound:auto", user=of["user"], policy=of["policy"],
                  reason="the page is confirmed to be relay-only")  # fmt: skip


def _bypass(of: dict[str, str], port: int) -> Record:
    return Record("network", "stun", "refused", "outbound", of["site"], of["client"], of["lan"],
                  port, "private", destination="192.0.2.3:3478", name=of["stun"],
                  rule="stun:refuse", page="guarded", evidence="server", policy=of["policy"],
                  reason="Binding request: refused with 403 Forbidden; a bypass: the guard of "
                  f"{of['site']} had reported in")  # fmt: skip


def _packet(of: dict[str, str], port: int) -> Record:
    return Record("network", "stun", "refused", "outbound", "", of["client"], of["lan"], port,
                  "private", destination=f"{of['far']}:{port % 50 + 50000}", ufrag=of["ufrag"],
                  rule="stun:refuse", policy=of["policy"],
                  reason="Binding request: refused with 403 Forbidden")  # fmt: skip


def _name(of: dict[str, str], _: int) -> Record:
    return Record("network", "name", "refused", client=of["client"], name=of["stun"],
                  rule="sinkhole:names", policy=of["policy"],
                  reason="the name of a STUN server")  # fmt: skip


_MDNS: Final = _Candidate("mdns", "mdns", "host")
_LAN: Final = _Candidate("lan", "private", "host")
_V6: Final = _Candidate("v6", "public", "host")
_PUBLIC: Final = _Candidate("public", "public", "srflx")
_RELAY: Final = _Candidate("relay", "public", "relay", "scrubbed")
_BEGIN: Final = (_guard, _server, _server, _connection, _page_server)
# How often, and of what: calls over the relay, with a camera and without; pages that only have
# servers; those that look for addresses; programs; a page beside its guard.
_CALLS: Final = (
    (40, (*_BEGIN, _LAN, _V6, _PUBLIC, _RELAY, _inbound, _inbound)),
    (20, (*_BEGIN, _MDNS, _MDNS, _PUBLIC, _RELAY, _inbound, _inbound, _inbound)),
    (25, (_guard, _server, _server)),
    (7, (_guard, _connection, _page_server, _MDNS)),
    (5, (_name, _packet, _packet, _packet, _packet)),
    (3, (_guard, _server, _connection, _LAN, _bypass, _bypass)),
)  # fmt: skip

"""The ledger of an office, as 90 days of calls fill it: 2,000 clients and sites, 30,000 far ends.

Few sites get most of the calls, each client has its own few, and nearly all of it happens in
working hours. What a call's events are is what `tests/calls.py` gets from the rings themselves.
Some days are made and counted as a writer does it; the others are copies of these by SQL, with
other times, ids, fragments and temporary addresses: to make ten million one by one would take half
an hour.
"""

import contextlib
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate, batched
from pathlib import Path
from typing import Final

from rtcguard.ledger import schema
from rtcguard.ledger.event import COLUMNS, Event, timestamp
from rtcguard.ledger.store import Store
from rtcguard.policy.record import Record

DAYS: Final = 90
CLIENTS: Final = 2000
SITES: Final = 2000
NODE: Final = "gateway"
_DAY: Final = 86400
_FAR_ENDS: Final = 30_000
_STUN: Final = 40
_AT_ONCE: Final = 20_000
_WEEKDAYS: Final = 6  # that are made
_WEEKENDS: Final = 2
_QUIET: Final = 0.15  # of a weekday, at weekends
_TEMPORARY: Final = ":1:"  # of an address that is another one each day

_COLUMNS: Final = {
    **{name: f'"{name}"' for name in COLUMNS},
    "time": ":day || substr(time, 11)",
    "last": ":day || substr(last, 11)",
    "id": "printf('%04x', :number) || substr(id, 5)",
    "ufrag": "CASE ufrag WHEN '' THEN '' ELSE printf('%02x', :number) || substr(ufrag, 3) END",
    "address": f"replace(address, '{_TEMPORARY}', printf(':%x:', :number + 16))",
}
_KEY: Final = f"iif(dimension = 'address', {_COLUMNS['address'].replace('address', 'key')}, key)"
_COPY: Final = (
    f"""INSERT INTO events ({schema.quoted(COLUMNS)}) SELECT {", ".join(_COLUMNS.values())}
        FROM {{made}}.events ORDER BY seq""",
    f"""INSERT INTO totals SELECT dimension, 'd' || :day, {_KEY}, {schema.quoted(schema.COMMON)},
        count, :day || substr(first, 11), :day || substr(last, 11) FROM {{made}}.totals""",
    f"""INSERT INTO links SELECT dimension, {_KEY}, other, value, :day, :day
        FROM {{made}}.links WHERE TRUE ON CONFLICT DO UPDATE SET last = excluded.last""",
)


def fill(path: Path, count: int, end: float) -> None:
    """Makes a ledger whose last event is at about `end` (seconds since 1970), of about `count`
    events. Its tables are those that a writer makes; indexes come last, and nothing is synced."""
    last = int(end) // _DAY * _DAY
    days = [last - _DAY * (DAYS - 1 - number) for number in range(DAYS)]
    shares = [_QUIET if _is_weekend(day) else 1.0 for day in days]
    shares[-1] *= (end - last) / _DAY
    each = count / sum(shares)
    office = _Office(random.Random(1))
    Store(path).close()
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database,
    ):
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500000"
        )
        _make(office, Path(folder) / "last", days[-1], end - last, round(each * shares[-1]))
        for kind, made in (("weekday", _WEEKDAYS), ("weekend", _WEEKENDS)):
            of = next(n for n, day in enumerate(days) if _is_weekend(day) == (kind == "weekend"))
            for number in range(made):
                new = Path(folder) / f"{kind}{number}"
                _make(office, new, days[of], _DAY, round(each * shares[of]))
        for new in sorted(Path(folder).iterdir()):
            database.execute(f"ATTACH ? AS {new.name}", (str(new),))
        _copy(database, days)
    with contextlib.closing(Store(path)) as store:
        store.roll(timestamp(end))


def _is_weekend(day: int) -> bool:
    return datetime.fromtimestamp(day, UTC).weekday() > 4


def _copy(database: sqlite3.Connection, days: list[int]) -> None:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    indexes = database.execute(query).fetchall()
    database.execute("BEGIN")
    for name, _ in indexes:
        database.execute(f"DROP INDEX main.{name}")
    for number, day in enumerate(days):
        made = (
            f"weekend{number % _WEEKENDS}" if _is_weekend(day) else f"weekday{number % _WEEKDAYS}"
        )
        if day == days[-1]:
            made = "last"
        values = {"day": timestamp(day)[:10], "number": number}
        for statement in _COPY:
            database.execute(statement.format(made=made), values)
    for _, sql in indexes:
        database.execute(sql)
    database.execute("COMMIT")


def _make(office: "_Office", path: Path, day: float, spread: float, count: int) -> None:
    with contextlib.closing(Store(path)) as store:
        for batch in batched(
            _day(office, random.Random(path.name), day, spread - 60, count), _AT_ONCE
        ):
            store.add(batch)


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

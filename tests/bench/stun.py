"""STUN Binding answers a second on one core: the responder of `rtcguard run`, and coturn.

The responder's ledger is on. While the load runs, one packet each comes from many other addresses:
all of them must be in the ledger afterwards, or the rate is worth nothing.
"""

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.process import LOAD_CORE, Process, on_core
from tests.bench.servers import Servers, free_port
from tests.bench.stun_load import Answers, StunLoad
from tests.bench.table import BenchError, Line, alternate, compare

_ROUNDS: Final = 7
_SECONDS: Final = 1.0
_MOST: Final = 200_000  # answers of a round
_STRANGERS: Final = 50  # other addresses that send in a round


class _Side:
    """One of the servers under load."""

    def __init__(self, process: Process, port: int) -> None:
        self._process, self._port = process, port
        self.rounds: list[Answers] = []
        self.cpu = 0.0
        self.strangers: list[str] = []

    def rate(self) -> float:
        number = len(self.rounds)
        sources = [f"127.9.{number}.{n}" for n in range(1, _STRANGERS + 1)]
        before = self._process.cpu_seconds()
        with StunLoad(self._port) as load:
            self.rounds.append(load.run(_SECONDS, _MOST, sources))
        self.strangers += sources
        self._process.settle()  # both servers are on one core, and a ledger is written behind
        self.cpu += self._process.cpu_seconds() - before
        return self.rounds[-1].rate

    @property
    def microseconds(self) -> float:
        """The processor's time of one answer, with its line in the ledger."""
        return 1e6 * self.cpu / sum(one.count + one.late for one in self.rounds)


def run(servers: Servers) -> Iterator[Line]:
    what = "STUN Binding answers/s on one core"
    with contextlib.ExitStack() as stack:
        port = free_port(socket.SOCK_DGRAM)
        server = servers.rtcguard(stun=port)
        stack.enter_context(server.process)
        stack.enter_context(on_core(LOAD_CORE))
        guarded = _Side(server.process, port)
        sides, missing = [guarded], ""
        try:
            coturn = servers.coturn()
            stack.enter_context(coturn.process)
            sides.append(_Side(coturn.process, coturn.port))
        except BenchError as error:
            missing = str(error)
        ours, *theirs = alternate([side.rate for side in sides], _ROUNDS)
        budget = "at least 1.00"
        bare = theirs[0] if theirs else None
        yield compare(f"{what} (bare: coturn)", ours, bare, "{:.0f}", budget, lambda r: r >= 1)
        if missing:
            yield Line("  baseline not run", "", missing)
        own, *others = (side.microseconds for side in sides)
        cpu = "  CPU µs an answer, the ledger's writing included"
        yield compare(cpu, own, others[0] if others else None, "{:.1f}")
        lost = [sum(one.unanswered for one in side.rounds) for side in sides]
        yield Line("  requests without an answer", *map(str, lost))
        server.process.stop()  # writes what is left
        yield from _recorded(server.state, guarded)


def _recorded(state: Path, side: _Side) -> Iterator[Line]:
    """What of all this the ledger has."""
    sent = sum(one.sent for one in side.rounds) + len(side.strangers)
    with contextlib.closing(sqlite3.connect(state / "ledger.sqlite3")) as ledger:
        addresses = {row[0] for row in ledger.execute("SELECT DISTINCT address FROM events")}
        query = "SELECT SUM(count), COUNT(*) FROM events WHERE kind = 'stun'"
        told, rows = ledger.execute(query).fetchone()
    found = sum(stranger in addresses for stranger in side.strangers)
    yield Line("  other addresses in the ledger", f"{found} of {len(side.strangers)}", budget="all")
    yield Line("  requests in the ledger", f"{told} of {sent}", budget="all")
    yield Line("  its lines for them", str(rows))

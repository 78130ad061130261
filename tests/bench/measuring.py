"""What measuring for Prometheus, and the exports, cost those who do the work: with `metrics` and an
export, and without, side by side. In the processor's time, which other programs disturb less."""

import contextlib
import functools
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

from rtcguard.ledger.measures import Measures
from rtcguard.policy.model import Config
from rtcguard.signaling import Message, rewrite
from tests.bench.process import LOAD_CORE, MEASURED_CORE, Process, on_core
from tests.bench.servers import Servers, free_port
from tests.bench.stun_load import StunLoad
from tests.bench.table import Line, alternate, compare

_ROUNDS: Final = 9
_MESSAGE_ROUNDS: Final = 31
_MESSAGES: Final = 200  # of a round
_SECONDS: Final = 0.7
_MOST: Final = 200_000  # answers of a round
# The smallest message that is judged: it has the least time to hide the clock's cost in.
_TRICKLED: Final = (
    b'{"candidate":"candidate:1 1 udp 1686052607 203.0.113.7 53142 typ srflx raddr 192.168.1.20 '
    b'rport 53142"}'
)


def run(servers: Servers) -> Iterator[Line]:
    with on_core(MEASURED_CORE):
        timed = Measures("proxy", 1).rewrites()
        # The least of each: whatever else the machine does only adds.
        ours = bare = float("inf")
        for _ in range(_MESSAGE_ROUNDS):
            ours, bare = min(ours, _rewrites(timed)), min(bare, _rewrites())
        what = "judging a trickled candidate, measured, µs (bare: not measured)"
        yield compare(what, ours, bare, "{:.2f}", "at most 1.05", lambda ratio: ratio <= 1.05)
    yield from _stun(servers)


def _rewrites(timed: Callable[[float], None] | None = None) -> float:
    """The processor's microseconds for one message, taken as the addon takes them."""
    message = Message(_TRICKLED, "outbound", "app.example.org", "192.168.1.20", "s.example:443")
    config = Config()
    started = time.process_time()
    for _ in range(_MESSAGES):
        began = time.perf_counter()
        rewrite(message, config)
        if timed is not None:
            timed(time.perf_counter() - began)
    return 1e6 * (time.process_time() - started) / _MESSAGES


def _stun(servers: Servers) -> Iterator[Line]:
    with contextlib.ExitStack() as stack:
        sides: list[Callable[[], float]] = []
        for measured in (True, False):
            port = free_port(socket.SOCK_DGRAM)
            process = servers.rtcguard(stun=port, measured=measured).process
            stack.enter_context(process)
            sides.append(functools.partial(_answers, process, port))
        stack.enter_context(on_core(LOAD_CORE))
        ours, bare = alternate(sides, _ROUNDS)
        what = "CPU µs a STUN answer, measured and exported (bare: neither)"
        yield compare(what, ours, bare, "{:.2f}", "at most 1.05", lambda ratio: ratio <= 1.05)


def _answers(process: Process, port: int) -> float:
    """The processor's microseconds for one answer, of all processes of a run together."""
    before = process.cpu_seconds()
    with StunLoad(port) as load:
        got = load.run(_SECONDS, _MOST)
    process.settle()  # the ledger is written behind, and what is exported too
    return 1e6 * (process.cpu_seconds() - before) / (got.count + got.late)

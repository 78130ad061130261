"""How long a page of the local site takes, over a ledger of millions: `LEDGER=FILE` names one, else
`EVENTS=10000000` says how many there are to be."""

import asyncio
import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from rtcguard.policy.model import Policy
from rtcguard.web.app import bound, make, serve
from rtcguard.web.pages import NAVIGATION
from rtcguard.web.relays import Examined
from rtcguard.web.site import Site
from tests.bench import ledger, office
from tests.bench.process import MEASURED_CORE, on_core
from tests.bench.servers import Servers, free_port
from tests.bench.table import BenchError, Line, single

_ROUNDS: Final = 9
_AT_ONCE: Final = 0.05  # seconds
# What is asked by an index, what is nowhere, and what is counted.
_LEDGER: Final = (
    "/ledger?site=site7.example&since=all",
    "/ledger?rule=none&since=all",
    "/ledger/calls",
    "/ledger/sites",
    "/ledger/addresses",
)


def run(servers: Servers) -> Iterator[Line]:
    path = Path(os.environ.get("LEDGER", servers.folder / "ledger.sqlite3"))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        office.fill(path, ledger.EVENTS, time.time())
    with on_core(MEASURED_CORE), _serving(path) as port:
        # Both ends are this process, and its own time is what counts: others may keep it waiting.
        for target in (*(link.path for link in NAVIGATION), *_LEDGER):
            took = _took(port, target, time.process_time)
            yield single(f"the page {target}, s", took, "{:.3f}", None, _AT_ONCE)
    server = servers.rtcguard(web=free_port())
    try:
        page = "http://rtcguard.test/"
        took = _took(server.port, page, time.perf_counter)
        yield single(f"{page} through the proxy, s", took, "{:.3f}", None, _AT_ONCE)
    finally:
        server.process.stop()


async def _no_relay(policy: Policy) -> Sequence[Examined]:
    """There is none in this policy."""
    return ()


def _took(port: int, target: str, clock: Callable[[], float]) -> float:
    """The median, on one connection, after a first time."""
    taken = []
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for _ in range(1 + _ROUNDS):
            began = clock()
            connection.request("GET", target)
            response = connection.getresponse()
            response.read()
            taken.append(clock() - began)
            if response.status != 200:
                raise BenchError(f"{target}: {response.status}")
    return statistics.median(taken[1:])


@contextlib.contextmanager
def _serving(path: Path) -> Iterator[int]:
    """The site alone, which only reads the ledger: it may be somebody's own."""
    site = Site(
        policy=Policy(),
        ledger=path,
        ca_certificate=path.with_name("none.pem"),
        key=b"",
        token="",
        proxy=("127.0.0.1", 8080),
        examine=_no_relay,
    )
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()
    with bound(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(
            target=loop.run_until_complete, args=(serve(make(site), listener, stopped),)
        )
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            loop.call_soon_threadsafe(stopped.set)
            thread.join()
            loop.close()

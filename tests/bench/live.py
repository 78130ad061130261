"""The live ledger at 1,000 events a second, in a real browser: what it costs the site and the page,
and how long an event takes from its record to the screen."""

import os
import statistics
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from tests.bench.process import LOAD_CORE, on_core
from tests.bench.servers import Server, Servers, free_port
from tests.bench.table import BenchError, Line, single

_SECONDS: Final = float(os.environ.get("LIVE_SECONDS", "6"))
_RATE: Final = 1000  # events a second
_TURN: Final = 0.05  # seconds between two handfuls of them
_CHROMIUM: Final = "/usr/bin/chromium"
_FLAGS: Final = ("--no-sandbox", "--disable-background-networking", "--disable-component-update")
# How old the newest row is, each time that rows have come and were drawn.
_WATCH: Final = """() => {
    window.lags = [];
    const rows = document.querySelector("#events tbody");
    new MutationObserver(() => requestAnimationFrame(() => {
        lags.push(Date.now() - Date.parse(rows.rows[0].querySelector("time").dateTime));
    })).observe(rows, {childList: true});
}"""
_TOLD: Final = """() => ({
    lags, rows: document.querySelectorAll("#events tbody tr").length,
    said: document.getElementById("state").textContent,
})"""


def run(servers: Servers) -> Iterator[Line]:
    web = free_port()
    server = servers.rtcguard(web=web)
    try:
        with on_core(LOAD_CORE), sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{web}/ledger")
            page.locator("#state", has_text="Live").wait_for()
            yield from _measured(server, page)
            browser.close()
    finally:
        server.process.stop()


def _measured(server: Server, page: Page) -> Iterator[Line]:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.evaluate(_WATCH)
    writer = Writer(server.state / "ledger.sqlite3", 10**9)
    cpu, tasks, began = server.process.cpu_seconds(), _tasks(devtools), time.monotonic()
    sent = _write(writer, began + _SECONDS)
    writer.close()
    page.locator("#state", has_text=f"{sent:,} since").wait_for()
    took = time.monotonic() - began
    cpu, tasks = server.process.cpu_seconds() - cpu, _tasks(devtools) - tasks
    told = page.evaluate(_TOLD)
    if "not shown" in told["said"] or not told["lags"]:
        raise BenchError(f"the page fell behind: {told['said']}")
    yield Line(
        f"live ledger, {sent / took:.0f} events/s for {took:.0f} s, frames", f"{len(told['lags'])}"
    )
    yield single("  processor of the site, of a core", cpu / took, "{:.2f}", None, 0.3)
    yield single("  main thread of the page, of a core", tasks / took, "{:.2f}", None, 0.5)
    yield single(
        "  record to screen, median, ms", statistics.median(told["lags"]), "{:.0f}", None, 1000
    )
    yield single("  record to screen, longest, ms", max(told["lags"]), "{:.0f}", None, 2000)


def _write(writer: Writer, until: float) -> int:
    """Writes at the rate until then; how many these were."""
    began, sent = time.monotonic(), 0
    numbers = count()
    while (now := time.monotonic()) < until:
        due = int((now - began) * _RATE) - sent
        writer.record(_record(next(numbers)) for _ in range(due))
        sent += due
        time.sleep(_TURN)
    return sent


def _record(number: int) -> Record:
    return Record(
        "signaling", "candidate", "stripped", "outbound", f"s{number % 50}.example",
        f"10.0.{number % 7}.5", f"192.168.{number // 250 % 250}.{number % 250}", number % 65536,
        "private", "host", ufrag=f"{number:08x}", rule="default:outbound",
        reason="a host candidate tells an address of the client",
    )  # fmt: skip


def _tasks(devtools: Any) -> float:
    """Seconds of work of the page's main thread."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return float({one["name"]: one["value"] for one in metrics}["TaskDuration"])

"""A download of 200 MB through the proxy: how long, until the first byte, and in how much memory.

The proxies are started for this alone: what counts is the largest memory that they ever had.
"""

import contextlib
import statistics
from collections.abc import Iterator
from typing import Final

from tests.bench.load import Download, download
from tests.bench.origin import DOWNLOAD_SIZE
from tests.bench.process import LOAD_CORE, on_core
from tests.bench.servers import Server, Servers
from tests.bench.table import Line, alternate, compare

_ROUNDS: Final = 5


def run(servers: Servers) -> Iterator[Line]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_core(LOAD_CORE))
        back = servers.origin()
        stack.enter_context(back.process)
        guarded, bare = servers.rtcguard(), servers.mitmdump()
        for server in (guarded, bare):
            stack.enter_context(server.process)
        url = f"http://127.0.0.1:{back.port}/download"
        made: dict[int, list[Download]] = {guarded.port: [], bare.port: []}

        def seconds(server: Server) -> float:
            made[server.port].append(download(server.port, url, DOWNLOAD_SIZE))
            return made[server.port][-1].seconds

        before = [server.process.cpu_seconds() for server in (guarded, bare)]
        empty = [server.process.peak_mb() for server in (guarded, bare)]
        ours, theirs = alternate((lambda: seconds(guarded), lambda: seconds(bare)), _ROUNDS)
        full = [server.process.peak_mb() for server in (guarded, bare)]
        what, budget = "a download of 200 MB", "at most 0.67 (1.5 times as fast)"
        yield compare(f"{what}, s", ours, theirs, "{:.2f}", budget, lambda ratio: ratio <= 1 / 1.5)
        own, dumped = (
            (server.process.cpu_seconds() - was) / _ROUNDS
            for server, was in zip((guarded, bare), before, strict=True)
        )
        yield compare(f"{what}, CPU s", own, dumped, "{:.2f}")
        first, second = (
            statistics.median(one.first_byte for one in made[server.port])
            for server in (guarded, bare)
        )
        yield compare(f"{what}, s to the first byte", first, second, "{:.3f}")
        yield compare(f"{what}, largest memory before, MB", empty[0], empty[1], "{:.0f}")
        yield compare(f"{what}, largest memory after, MB", full[0], full[1], "{:.0f}", "flat")

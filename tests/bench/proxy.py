"""Requests a second through the proxy: `rtcguard run`, mitmdump with the addon, bare mitmdump.

All three run at once on one core, and each gets its rounds in turn; an idle one costs nothing.
Beside the rate stands the processor's time of one request, which other programs on the machine
disturb less.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench import origin
from tests.bench.load import Round, closed_loop
from tests.bench.process import LOAD_CORE, on_core
from tests.bench.servers import Server, Servers
from tests.bench.table import BenchError, Line, alternate, compare

_CONNECTIONS: Final = 8
_REQUESTS: Final = 400  # of a round
_ROUNDS: Final = 9

_DOCUMENT: Final = {"accept": "text/html,*/*;q=0.8", "sec-fetch-dest": "document"}
_FETCH: Final = {"accept": "*/*", "sec-fetch-dest": "empty"}


@dataclass(slots=True)
class _Side:
    """One of the proxies under one kind of load."""

    server: Server
    url: str
    headers: Mapping[str, str]
    cpu: float = 0.0
    requests: int = 0
    answer: bytes = b""

    def rate(self) -> float:
        before = self.server.process.cpu_seconds()
        made = self.load()
        self.cpu += self.server.process.cpu_seconds() - before
        self.requests += made.requests
        return made.rate

    def load(self) -> Round:
        made = closed_loop(
            self.server.port,
            self.url,
            self.headers,
            connections=_CONNECTIONS,
            requests=_REQUESTS,
        )
        self.answer = made.answer
        return made

    @property
    def milliseconds(self) -> float:
        """The processor's time of one request."""
        return 1000 * self.cpu / self.requests


def run(servers: Servers) -> Iterator[Line]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(on_core(LOAD_CORE))
        back = servers.origin()
        stack.enter_context(back.process)
        started: list[Server] = []
        starts: list[Callable[[], Server]] = [
            servers.rtcguard,
            lambda: servers.mitmdump(addon=True),
            servers.mitmdump,
        ]
        for start in starts:
            started.append(start())
            stack.enter_context(started[-1].process)
        for what, path, headers, body in (
            ("JSON of 1 KB", "json", _FETCH, origin.JSON_BODY),
            ("binary of 1 KB", "binary", _FETCH, origin.BINARY_BODY),
            ("an HTML document of 4 KB", "html", _DOCUMENT, origin.HTML_BODY),
        ):
            url = f"http://127.0.0.1:{back.port}/{path}"
            sides = [_Side(server, url, headers) for server in started]
            for side in sides:
                side.load()  # warms up
                _check(side.answer, body, guarded=path == "html" and side is not sides[-1])
            yield from _lines(what, sides)


def _lines(what: str, sides: list[_Side]) -> Iterator[Line]:
    ours, addon, bare = alternate([side.rate for side in sides], _ROUNDS)
    budget, shown = "at least 0.97", "{:.0f}"
    yield compare(f"{what}, requests/s, rtcguard run", ours, bare, shown, budget, _enough)
    yield compare(f"{what}, requests/s, addon in mitmdump", addon, bare, shown, budget, _enough)
    own, added, dumped = (side.milliseconds for side in sides)
    yield compare(f"{what}, CPU ms a request, rtcguard run", own, dumped, "{:.2f}")
    yield compare(f"{what}, CPU ms a request, addon in mitmdump", added, dumped, "{:.2f}")


def _enough(ratio: float) -> bool:
    return ratio >= 0.97


def _check(answer: bytes, body: bytes, *, guarded: bool) -> None:
    """A proxy that does not do its work would be fast."""
    if guarded and (len(answer) < len(body) + 1000 or b"<script" not in answer):
        raise BenchError(f"a document without the guard: {answer[:300]!r}")
    if not guarded and not answer.endswith(body):
        raise BenchError(f"a body that is not the origin's: {answer[:300]!r}")

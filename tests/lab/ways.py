"""Every way around the page guard (tests/page/ways.js), tried in a browser of the lab.

Each attempt has a port of the STUN server for itself, so the capture tells which one a packet is
from. Attempts run in a few tabs at a time, each in a page freshly loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.browsers.environment import BrowserError
from tests.browsers.tab import Tab

from .browser import finish
from .capture import Packet
from .leaks import addresses_in, local_names_in
from .net import STUN_ONLY
from .servers import ATTEMPT_PORTS
from .site import WAYS
from .world import Outcome, Session

TABS = 8
# Longer than WAY_MS and GATHERING_MS of pages/ways.js together.
ATTEMPT_SECONDS = 8.0
NOT_HERE = "not here:"
RELAY = re.compile(r" typ relay( |$)")


@dataclass(frozen=True)
class Attempt:
    """What one way came to in one run; `page` is None where the way put another page in place."""

    page: Mapping[str, Any] | None
    packets: int  # from the client straight to the attempt's port
    addresses: tuple[str, ...]  # of the client, in what the page could read

    @property
    def is_here(self) -> bool:
        """Whether the browser has what the way is made of."""
        return self.page is None or not str(self.page["error"]).startswith(NOT_HERE)

    @property
    def not_relayed(self) -> list[str]:
        """The candidates that a relay-only page does not have."""
        candidates = self.page["candidates"] if self.page else []
        return [item for item in candidates if item and not RELAY.search(item)]

    @property
    def policy(self) -> str | None:
        """What the connection's configuration says, if there was a connection."""
        configuration = self.page["configuration"] if self.page else None
        return configuration and configuration["iceTransportPolicy"]

    @property
    def leaks(self) -> bool:
        return bool(self.packets or self.addresses or self.not_relayed)

    @property
    def holds(self) -> bool:
        """No packet, nothing to read, and a connection, if there is one, that is relay-only."""
        return not self.leaks and self.policy in (None, "relay")

    @property
    def verdict(self) -> str:
        if not self.is_here:
            return "not here"
        return "leaks" if self.leaks else "holds" if self.holds else f"policy {self.policy}"


@dataclass(frozen=True)
class Attempts:
    """All attempts of one session by their way, and a call after them."""

    by_way: Mapping[str, Attempt]
    call: Outcome


def names() -> list[str]:
    """The ways' names, as far as they can be known without running the script: see `WAY`."""
    raise NotImplementedError


def _servers(port: int) -> dict[str, Any]:
    urls = (f"stun:{STUN_ONLY.v4}:{port}", f"stun:[{STUN_ONLY.v6}]:{port}")
    return {"iceServers": [{"urls": url} for url in urls]}


def _result(tab: Tab) -> dict[str, Any] | None:
    try:
        return finish(tab, ATTEMPT_SECONDS)
    except BrowserError:
        return None


def try_all(session: Session, ways: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    """What the page wrote down of each way."""
    written: dict[str, dict[str, Any] | None] = {}
    running: dict[int, str] = {}
    with ExitStack() as stack:
        tabs = [stack.enter_context(session.tabs.open()) for _ in range(TABS)]
        for number, (way, port) in enumerate(zip(ways, ATTEMPT_PORTS, strict=False)):
            tab = tabs[number % TABS]
            if number >= TABS:
                written[ways[number - TABS]] = _result(tab)
            tab.goto(f"{session.origin}/ways.html")
            import os, sys, time

            print(time.time(), way, file=sys.stderr) if os.environ.get("DBG") else 0
            tab.evaluate("(given) => { attempt(given) }", [way, _servers(port)])
        for number in range(max(0, len(ways) - TABS), len(ways)):
            written[ways[number]] = _result(tabs[number % TABS])
    return written

"""Every way around the page guard (tests/page/ways.js), tried in a browser of the lab.

Each attempt has a port of the STUN server for itself, so the capture tells which one a packet is
from. Attempts run in a few tabs at a time, each in a page freshly loaded.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.browsers.environment import BrowserError
from tests.browsers.tab import Tab

from .browser import finish
from .leaks import addresses_in, local_names_in
from .net import STUN_ONLY
from .servers import ATTEMPT_PORTS
from .site import WAYS
from .world import Session

TABS = 8
GATHERING_SECONDS = 6.0  # more than GATHERING_MS of pages/ways.js
NOT_HERE = "not here:"
RELAY = re.compile(r" typ relay( |$)")
# What the ways' script needs of a window before it is asked for one.
LIST = """
globalThis.window = globalThis;
globalThis.location = {href: "http://site.lab.test/"};
require(process.argv[1]);
console.log(JSON.stringify(Object.keys(WAYS)));
"""

Written = dict[str, Any] | None


def names() -> list[str]:
    """The ways' names, by running their script; none where node is missing, as the lab is then."""
    if shutil.which("node") is None:
        return []
    argv = ["node", "-e", LIST, str(WAYS)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


@dataclass(frozen=True)
class Attempt:
    """What one way came to in one run."""

    page: Written  # what pages/ways.js wrote down; None if nothing was left of it
    packets: int  # from the client straight to the attempt's port
    addresses: tuple[str, ...]  # of the client, in what the page could read

    @property
    def is_here(self) -> bool:
        """Whether the browser has what the way is made of."""
        return self.page is None or not str(self.page["error"]).startswith(NOT_HERE)

    @property
    def policy(self) -> str | None:
        """What the connection's configuration says, if there is a connection."""
        configuration = self.page["configuration"] if self.page else None
        return str(configuration["iceTransportPolicy"]) if configuration else None

    @property
    def leaks(self) -> bool:
        """A packet was sent, or the page got what a relay-only page does not get."""
        candidates = self.page["candidates"] if self.page else []
        others = [item for item in candidates if item and not RELAY.search(item)]
        return bool(self.packets or self.addresses or others)

    @property
    def verdict(self) -> str:
        if not self.is_here:
            return "not here"
        if self.leaks:
            return "leaks"
        if self.policy == "relay":
            return "holds"
        return "leads nowhere" if self.policy is None else f"has policy {self.policy}"


def _servers(port: int) -> dict[str, Any]:
    urls = (f"stun:{STUN_ONLY.v4}:{port}", f"stun:[{STUN_ONLY.v6}]:{port}")
    return {"iceServers": [{"urls": url} for url in urls]}


def _start(session: Session, tab: Tab, way: str, port: int, patience: float) -> None:
    tab.goto(f"{session.origin}/ways.html")
    # From outside, so that it counts as the user's doing: some ways need that.
    tab.evaluate("(given) => { attempt(given) }", [way, _servers(port), patience * 1000])


def _end(tab: Tab, patience: float) -> Written:
    try:
        return finish(tab, patience + GATHERING_SECONDS)
    except BrowserError:
        return None


def try_all(session: Session, ways: Mapping[str, float]) -> dict[str, Written]:
    """What the page wrote down of each way, in their order; the n-th had the n-th port.
    `ways`: how many seconds each may take until there is a connection."""
    written: dict[str, Written] = dict.fromkeys(ways)
    waiting: dict[int, str] = {}
    with ExitStack() as stack:
        tabs = [stack.enter_context(session.tabs.open()) for _ in range(TABS)]
        for number, (way, patience) in enumerate(ways.items()):
            place = number % TABS
            if place in waiting:
                before = waiting[place]
                written[before] = _end(tabs[place], ways[before])
            _start(session, tabs[place], way, ATTEMPT_PORTS[number], patience)
            waiting[place] = way
        for place, way in waiting.items():
            written[way] = _end(tabs[place], ways[way])
    return written


def attempts(session: Session, written: dict[str, Written]) -> dict[str, Attempt]:
    """The same with what the captures of the session, which has ended, say of each."""
    packets = Counter(packet.dport for packet in session.arrived)
    found = {}
    for port, (way, page) in zip(ATTEMPT_PORTS, written.items(), strict=False):
        text = json.dumps(page)
        addresses = (*addresses_in(text, session.client_addresses), *local_names_in(text))
        found[way] = Attempt(page, packets[port], addresses)
    return found

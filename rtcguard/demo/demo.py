"""The demo itself: what it needs, the two calls, and what came of them."""

import contextlib
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rtcguard.demo import browser
from rtcguard.demo.network import Network
from rtcguard.demo.scene import Scene
from rtcguard.demo.sights import Sight
from rtcguard.errors import StartError
from rtcguard.ledger.store import Store

# Program: the Debian package that has it.
_PROGRAMS: Final = {
    "ip": "iproute2",
    "ss": "iproute2",
    "sysctl": "procps",
    "nft": "nftables",
    "turnserver": "coturn",
}
_SBIN: Final = ("/usr/sbin", "/sbin")
_MOST_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """`client` are the addresses that are the client's. `ledger`: how many events rtcguard wrote,
    by what became of them."""

    client: tuple[str, ...]
    before: Sight
    after: Sight
    ledger: dict[str, int]

    def defects(self) -> list[str]:
        """What is not as it should be, as sentences; a control that shows nothing is one, too."""
        found = [f"with rtcguard, {leak}" for leak in self.after.leaks()]
        if not self.after.works:
            why = f" ({'; '.join(self.after.errors)})" if self.after.errors else ""
            found.append(f"with rtcguard, the call did not connect{why}")
        elif self.after.local != "relay":
            found.append(f"with rtcguard, the call goes over a {self.after.local} candidate")
        if not self.before.works or not self.before.leaks():
            why = f" ({'; '.join(self.before.errors)})" if self.before.errors else ""
            found.append(f"without rtcguard nothing leaked: the comparison shows nothing{why}")
        return found

    def to_dict(self) -> dict[str, Any]:
        defects = self.defects()
        return {
            "passed": not defects,
            "defects": defects,
            "client": list(self.client),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "ledger": self.ledger,
        }


def run(say: Callable[[str], None]) -> Outcome:
    """Both calls; `say` is told what is being done. Raises StartError where it cannot be."""
    check()
    say("a network: client, gateway, internet with a site and a relay, peer")
    with Network() as network:
        scene = Scene(network)
        say("a call without rtcguard")
        before = scene.call()
        say("rtcguard on the gateway")
        with scene.guarded() as guard:
            say("the same call through rtcguard")
            after = scene.call(proxy=guard.proxy)
        return Outcome(network.client_addresses, before, after, _told(guard.ledger))


def _told(path: Path) -> dict[str, int]:
    told: Counter[str] = Counter()
    with contextlib.closing(Store.read_only(path)) as store:
        for _, event in store.after(0, _MOST_EVENTS):
            told[f"{event.record.kind} {event.record.action}"] += event.record.count
    return dict(told.most_common())


def check() -> None:
    """Raises StartError, in one line, where this machine cannot hold the demo."""
    if sys.platform != "linux":
        raise StartError("demo: it needs the network namespaces of Linux; this is another system")
    if os.geteuid() != 0:
        raise StartError("demo: it makes network namespaces, which only root may: run it with sudo")
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", ""), *_SBIN))
    missing = [
        f"{name} (Debian: apt install {package})"
        for name, package in _PROGRAMS.items()
        if shutil.which(name) is None
    ]
    if browser.program() is None:
        missing.append("a browser (Debian: apt install chromium; Chrome will do)")
    if missing:
        raise StartError(f"demo: this machine lacks {', '.join(missing)}")

"""A ledger with calls of two clients, and the site that shows it: on the machine, and to each."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from rtcguard.app.settings import State
from rtcguard.ledger.event import Event
from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from rtcguard.web.token import COOKIE, cookie_of
from tests.calls import HOST, RELAYED, SRFLX, Scene
from tests.netns import inside, namespace
from tests.origin import free_port
from tests.process import Running, running
from tests.web.asking import Answered, ask

ADDRESS, OTHER = "10.9.8.7", "10.9.8.8"
CONFIG = """\
web: {listen: "0.0.0.0:%d"}
rules:
  - {name: "a rule here", match: {site: "*.ruled.example"}, action: keep}
"""
# Of each client there is a site, an address and a fragment that the other has not.
OWN = {
    ADDRESS: ("mine.example", "192.168.7.5", "AAAA"),
    OTHER: ("theirs.example", "172.16.9.9", "BBBB"),
}


@dataclass
class Shown:
    """rtcguard in a network namespace. `calls` are ids by client."""

    run: Running
    port: int
    within: str
    calls: dict[str, str] = field(default_factory=dict)

    @property
    def ledger(self) -> Path:
        return self.run.state / "ledger.sqlite3"

    @property
    def cookie(self) -> str:
        return f"{COOKIE}={cookie_of(State(self.run.state).web_token())}"

    def here(self, target: str, **more: Any) -> Answered:
        """On the machine itself."""
        return inside(self.within, lambda: ask(self.port, target, **more))

    def there(self, target: str, *, token: bool = True, **more: Any) -> Answered:
        """As the client ADDRESS, from elsewhere."""
        headers = {"cookie": self.cookie} if token else {}
        return inside(self.within, lambda: ask(self.port, target, headers, host=ADDRESS, **more))

    def record(self, *records: Record) -> None:
        """Writes as a process of rtcguard does."""
        writer = Writer(self.ledger, 10**9, "n")
        writer.record(records)
        writer.close()

    @contextlib.contextmanager
    def streamed(
        self, query: str = "", *, there: bool = False, last: str = ""
    ) -> Iterator["Stream"]:
        """The stream, on the machine or as the client ADDRESS."""
        headers = {"cookie": self.cookie} if there else {}
        headers |= {"last-event-id": last} if last else {}
        host = ADDRESS if there else "127.0.0.1"

        def opened() -> tuple[HTTPConnection, HTTPResponse]:
            connection = HTTPConnection(host, self.port, timeout=30)
            connection.request("GET", f"/ledger/stream{query}", headers=headers)
            return connection, connection.getresponse()

        connection, response = inside(self.within, opened)
        with contextlib.closing(connection):
            yield Stream(response)


@dataclass
class Stream:
    response: HTTPResponse
    last: str = ""
    missed: list[dict[str, Any]] = field(default_factory=list)

    def rows(self, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Rows as they come, until there are enough of them."""
        found: list[dict[str, Any]] = []
        name, data, until = "", "", time.monotonic() + 40
        while not enough(found):
            assert time.monotonic() < until, found[-3:]
            line = self.response.readline().decode().rstrip("\n")
            key, _, value = line.partition(": ")
            match key:
                case "event":
                    name = value
                case "data":
                    data = value
                case "id":
                    self.last = value
                case "" if not line and name:
                    if name == "events":
                        found += json.loads(data)
                    elif name == "missed":
                        self.missed.append(json.loads(data))
                    name = ""
        return found


def guard(site: str, client: str = ADDRESS, **values: Any) -> Record:
    return Record("page", "guard", "observed", "outbound", site, client, reason="r", **values)


@contextlib.contextmanager
def shown(folder: Path, role: str, config: str = CONFIG) -> Iterator[Shown]:
    """`role` names the namespace: there is one of a name at a time."""
    port = free_port()
    with (
        namespace(role, f"{ADDRESS}/24", f"{OTHER}/24") as name,
        running(folder, config % port, within=["ip", "netns", "exec", name]) as run,
    ):
        made = Shown(run, port, name)
        scene = Scene(made.ledger)
        scene.now = time.time() - 600
        for client, (site, address, ufrag) in OWN.items():
            scene.client, scene.site = client, site
            before = len(scene.events)
            scene.loads()
            scene.connects("stun:stun.example")
            for candidate in (HOST, SRFLX, RELAYED):
                scene.offers(candidate.replace("192.168.7.5", address), ufrag=ufrag)
            made.calls[client] = _first(scene.events[before:])
        scene.close()
        yield made


def _first(events: list[Event]) -> str:
    return next(event.id for event in events if event.record.kind == "connection")

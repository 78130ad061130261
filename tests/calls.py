"""Calls for the ledger's tests: each event is what the rings themselves make of what a browser
does, tied together as the writer does it."""

import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from rtcguard.ledger.attribution import Attribution
from rtcguard.ledger.event import Event
from rtcguard.ledger.store import Store
from rtcguard.ledger.writer import stamped
from rtcguard.network import responder, stun
from rtcguard.page.guard import GuardSettings, Mode
from rtcguard.page.report import Terms, mint_token, read_report
from rtcguard.policy.decide import Decision, decide_page
from rtcguard.policy.load import load
from rtcguard.policy.model import Policy
from rtcguard.policy.record import Record
from rtcguard.policy.rule import Confirmed, Subject
from rtcguard.signaling.message import Direction, Message
from rtcguard.signaling.rewriter import rewrite

BEGAN: Final = 1_790_000_000.0
SITE, CLIENT = "meet.example.org", "10.0.0.5"
RELAY: Final = "turn:turn.ours.example"
HOST: Final = "candidate:1 1 udp 2113937151 192.168.7.5 54400 typ host ufrag {ufrag}"
SRFLX: Final = (
    "candidate:2 1 udp 1677729535 198.51.100.2 54400 typ srflx raddr 192.168.7.5 rport 54400"
    " ufrag {ufrag}"
)
RELAYED: Final = (
    "candidate:3 1 udp 33562367 203.0.113.50 49160 typ relay raddr 198.51.100.2 rport 54400"
    " ufrag {ufrag}"
)
FAR: Final = "candidate:9 1 udp 2113937151 203.0.113.99 50000 typ host ufrag FARU"
_KEY: Final = b"key"


class Scene:
    """One client and its sites, and the ledger that hears of them; `now` moves by itself."""

    def __init__(self, path: Path, config: str = "", relay: bool = True) -> None:
        servers = f"relay: {{servers: [{{urls: ['{RELAY}'], username: a, credential: b}}]}}\n"
        text = f"version: 1\n{servers if relay else ''}{config}"
        self.config = load(text.encode(), "rules.yaml")
        self.store = Store(path)
        self.client, self.site = CLIENT, SITE
        self.now = BEGAN
        self.events: list[Event] = []

    def tell(self, records: Iterable[Record]) -> None:
        self.now += 0.05
        at = [replace(one, began=one.began or self.now, ended=self.now) for one in records]
        made = Attribution(self.store).complete(list(stamped(at, "n")))
        self.store.add(made)
        self.events += made

    def _page(self, **members: object) -> None:
        subject = Subject(site=self.site, client=self.client, direction="outbound")
        decision: Decision = decide_page(self.config, subject)
        servers = [server.urls for server in self.config.relay.servers]
        mode: Mode = "block" if decision.action == "block" else "relay"
        if self.config.mode == "monitor":
            mode = "observe"
        terms = Terms(mode, self.config.relay.site_servers)
        settings = GuardSettings(
            mode=mode,
            servers=tuple({"urls": urls, "username": "a", "credential": "b"} for urls in servers),
            site_servers=terms.site_servers,
            report_path="/r",
            token=mint_token(_KEY, self.client, self.site, terms),
        )
        body = json.dumps({"token": settings.token, **members}).encode()
        report = read_report(
            body, key=_KEY, site=self.site, client=self.client, settings=settings,
            decision=decision,
        )  # fmt: skip
        self.tell(report.records)

    def loads(self) -> None:
        self._page(kind="guard")

    def connects(self, *urls: str) -> None:
        self._page(kind="connection", policy="all", urls=urls, via="constructor")

    def sees(self, candidate: str) -> None:
        self._page(kind="candidate", candidate=candidate)

    def _says(self, direction: Direction, content: object, confirmed: Confirmed = "") -> None:
        message = Message(
            json.dumps(content).encode(), direction, site=self.site, client=self.client,
            destination=f"{self.site}:443", confirmed=confirmed,
        )  # fmt: skip
        self.tell(rewrite(message, self.config).records)

    def offers(self, *candidates: str, ufrag: str) -> None:
        for candidate in candidates:
            self._says("outbound", {"candidate": candidate.format(ufrag=ufrag)})

    def hears(self, candidate: str = FAR, confirmed: Confirmed = "") -> None:
        self._says("inbound", {"candidate": candidate}, confirmed)

    def is_told_of(self, *urls: str) -> None:
        """ICE servers, by the site."""
        self._says("inbound", {"iceServers": [{"urls": list(urls)}]})

    def asks(
        self, to: str = "192.0.2.3", method: int = stun.BINDING, ufrag: str = "", port: int = 3478
    ) -> None:
        """A STUN request that ring 3 gets."""
        attributes = ((stun.USERNAME, f"FARU:{ufrag}".encode()),) if ufrag else ()
        packet = stun.encode(method, stun.REQUEST, secrets.token_bytes(12), attributes)
        policy = Policy(self.config, ())
        self.tell(responder.answer(packet, (self.client, 50000), (to, port), policy).records)

    def close(self) -> None:
        self.store.close()

"""The whole scene: network, servers and site, and one call in it seen from every side."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.browsers.tab import BROWSERS as BROWSERS
from tests.browsers.tab import BrowserName as Browser
from tests.browsers.tab import Tabs

from .applications.packages import node_modules
from .applications.table import APPLICATIONS
from .browser import finish, open_chromium
from .ca import LabCA
from .capture import Capture, Packet
from .firefox import open_firefox
from .leaks import addresses_in, is_mdns, local_names_in, packets_to
from .net import APPROVED_TURN, LAN, PEER, SITE, SITE_NAME, SITE_TURN, STUN_ONLY, WAN, Lab
from .servers import ice_servers, start_servers
from .site import HTTP, HTTPS

ROOT = Path(__file__).parents[2]
PAGE_SECONDS = 90.0
OPENERS = {"chromium": open_chromium, "firefox": open_firefox}


@dataclass(frozen=True)
class Outcome:
    """What one run of a page left behind."""

    page: dict[str, Any]  # what the page could read: window.__lab of pages/lab.js
    received: list[dict[str, Any]]  # what reached the site, line by line
    sent: list[Packet]  # what the client sent on its own link
    arrived: list[Packet]  # what arrived in the internet from one of the client's addresses
    carried: list[Packet]  # what arrived there from elsewhere: from the gateway itself
    client_addresses: tuple[str, ...]

    @property
    def page_text(self) -> str:
        return json.dumps(self.page)

    @property
    def site_text(self) -> str:
        return json.dumps(self.received)

    @property
    def bodies(self) -> list[str]:
        """Only what the page itself told the site, without the addresses that packets came from."""
        return [entry["body"] for entry in self.received if entry.get("body")]

    @property
    def signaled_text(self) -> str:
        return json.dumps(self.bodies)

    @property
    def local_type(self) -> str | None:
        """The kind of local candidate that the call runs over."""
        selected = self.page["selected"]
        return selected["local"]["candidateType"] if selected else None

    def peer_saw(self) -> list[str]:
        """Every remote address that the site's ICE agent had, peer-reflexive ones included."""
        seen = [set(entry["remotes"]) for entry in self.received if entry["event"] == "ice"]
        return sorted(set().union(*seen))

    def verdict(self, name: str) -> str:
        """One line with the numbers, for the terminal."""

        def seen(text: str) -> str:
            addresses = addresses_in(text, self.client_addresses)
            return " ".join([*addresses, *(["*.local"] if local_names_in(text) else [])]) or "none"

        counts = ", ".join(
            f"{packets_to(self.arrived, role.addresses)} to {what}"
            for what, role in (
                ("the peer", PEER),
                ("STUN", STUN_ONLY),
                ("the site's TURN", SITE_TURN),
                ("the approved TURN", APPROVED_TURN),
            )
        )
        call = f"connected over {self.local_type}" if self.page["connected"] else "not connected"
        announced = sum(map(is_mdns, self.sent))
        return (
            f"{name}: client's addresses in the page: {seen(self.page_text)}; "
            f"at the site: {seen(self.site_text)}; packets straight from the client: {counts}; "
            f"{announced} mDNS announcements on its own link; "
            f"{call}; gathered in {self.page['gatheringMs']} ms"
        )


@dataclass
class Sights:
    """What was recorded on all sides; there when the `with` block has ended that made it."""

    client_addresses: tuple[str, ...]
    received: list[dict[str, Any]] = field(default_factory=list)
    sent: list[Packet] = field(default_factory=list)
    arrived: list[Packet] = field(default_factory=list)
    carried: list[Packet] = field(default_factory=list)

    def outcome(self, page: dict[str, Any]) -> Outcome:
        """All of it, seen as what one page, or one program, left behind."""
        return Outcome(
            page, self.received, self.sent, self.arrived, self.carried, self.client_addresses
        )


@dataclass
class Session:
    """One browser for any number of pages, with the site and the captures around it."""

    lab: Lab
    origin: str
    tabs: Tabs
    keep: str  # how the files with what pages wrote begin
    seen: Sights
    pages: int = 0

    @property
    def client_addresses(self) -> tuple[str, ...]:
        return self.seen.client_addresses

    @property
    def arrived(self) -> list[Packet]:
        return self.seen.arrived

    def open(self, path: str) -> dict[str, Any]:
        """Open a page in a tab of its own and return what it wrote down when it was done."""
        return self.open_all([path])[0]

    def open_all(self, paths: Sequence[str]) -> list[dict[str, Any]]:
        """The same for some pages at a time, each in a tab of its own: paths or whole URLs."""
        self.lab.other_ports()
        with ExitStack() as stack:
            tabs = [stack.enter_context(self.tabs.open()) for _ in paths]
            for tab, path in zip(tabs, paths, strict=True):
                tab.goto(path if ":" in path else f"{self.origin}/{path}")
            read = [finish(tab, PAGE_SECONDS) for tab in tabs]
        for page in read:
            Path(f"{self.keep}-{self.pages}.json").write_text(json.dumps(page, indent=1))
            self.pages += 1
        return read

    def outcome(self, page: dict[str, Any]) -> Outcome:
        """All that the session recorded, seen as what one of its pages left behind."""
        return self.seen.outcome(page)


class World:
    """A lab with its servers running, and a site for every session."""

    def __init__(self, lab: Lab) -> None:
        start_servers(lab)
        self.lab = lab
        self.ca = LabCA(lab.directory)
        self._certificate, self._key = self.ca.issue(SITE_NAME, SITE.addresses)
        self._sessions = 0

    @contextmanager
    def _application(self, name: str | None) -> Iterator[list[str]]:
        """What runs beside the site for an application; yields what the site has to be told."""
        if name is None:
            yield []
            return
        application, modules = APPLICATIONS[name], node_modules()
        options = [f"--application={name}", f"--node-modules={modules}"]
        if application.start is None:
            yield options
            return
        process = application.start(self.lab, modules)
        try:
            for port in application.ports:
                process.wait_port("tcp", "127.0.0.1", port)
            yield options
        finally:
            process.stop()

    @contextmanager
    def _site(self, record: Path, options: Sequence[str]) -> Iterator[None]:
        """The site, for one session only.

        A peer whose page is gone goes on sending for half a minute, and the client's refusals
        would look like leaks of the next one.
        """
        argv = [
            sys.executable,
            "-m",
            "tests.lab.site",
            *(f"--address={address}" for address in SITE.addresses),
            *(f"--peer-address={address}" for address in PEER.addresses),
            f"--certificate={self._certificate}",
            f"--key={self._key}",
            f"--record={record}",
            f"--ice-servers={json.dumps(ice_servers())}",
            *options,
        ]
        site = self.lab.start(self.lab.internet, record.stem, argv, cwd=ROOT)
        try:
            for address in SITE.addresses:
                site.wait_port("tcp", address, HTTP)
                site.wait_port("tcp", address, HTTPS)
            yield
        finally:
            site.stop()

    @contextmanager
    def watch(self, application: str | None = None) -> Iterator[Sights]:
        """The site, watched from every side for the time of a `with` block."""
        lab, number = self.lab, self._sessions
        self._sessions += 1
        lab.other_ports()
        record = lab.directory / f"site-{number}.jsonl"
        client = Capture(lab, lab.client, LAN, "out", lab.directory / f"client-{number}.pcap")
        internet = Capture(lab, lab.internet, WAN, "in", lab.directory / f"internet-{number}.pcap")
        addresses = lab.client_addresses
        seen = Sights(addresses)
        with (
            self._application(application) as options,
            self._site(record, options),
            client,
            internet,
        ):
            yield seen
        seen.received += [json.loads(line) for line in record.read_text().splitlines()]
        seen.sent += client.packets
        for packet in internet.packets:
            (seen.arrived if packet.src in addresses else seen.carried).append(packet)

    @contextmanager
    def session(
        self,
        authorities: Sequence[Path],
        *,
        scheme: str = "https",
        host: str = SITE_NAME,
        camera: bool = False,
        proxy: str | None = None,
        browser: Browser = "chromium",
        application: str | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> Iterator[Session]:
        """A browser of its own, watched from every side for the time of a `with` block. `host`: how
        the site is called, by its name or by one of its addresses; `credentials`: what the browser
        tells a proxy that asks who it is."""
        lab = self.lab
        name = f"[{host}]" if ":" in host else host
        with (
            self.watch(application) as seen,
            OPENERS[browser](
                lab, authorities, camera=camera, proxy=proxy, credentials=credentials
            ) as tabs,
        ):
            yield Session(
                lab=lab,
                origin=f"{scheme}://{name}",
                tabs=tabs,
                keep=str(lab.directory / f"page-{self._sessions - 1}"),
                seen=seen,
            )

    def call(
        self,
        path: str,
        authorities: Sequence[Path],
        *,
        scheme: str = "https",
        host: str = SITE_NAME,
        camera: bool = False,
        proxy: str | None = None,
        browser: Browser = "chromium",
        application: str | None = None,
    ) -> Outcome:
        """Open one page of the site in a browser of its own and watch until it is done."""
        with self.session(
            authorities,
            scheme=scheme,
            host=host,
            camera=camera,
            proxy=proxy,
            browser=browser,
            application=application,
        ) as session:
            page = session.open(path)
        return session.outcome(page)


@contextmanager
def running_world() -> Iterator[World]:
    """A world for the time of a `with` block."""
    with Lab() as lab:
        yield World(lab)

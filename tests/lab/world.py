"""The whole scene: network, servers and site, and one call in it seen from every side."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from .applications.packages import node_modules
from .applications.table import APPLICATIONS
from .browser import open_chromium
from .ca import LabCA
from .capture import Capture, Packet
from .firefox import open_firefox
from .leaks import addresses_in, is_mdns, local_names_in, packets_to
from .net import APPROVED_TURN, LAN, PEER, SITE, SITE_NAME, SITE_TURN, STUN_ONLY, WAN, Lab
from .servers import ice_servers, start_servers
from .site import HTTP, HTTPS

ROOT = Path(__file__).parents[2]
PAGE_SECONDS = 20.0
Browser = Literal["chromium", "firefox"]
BROWSERS: tuple[Browser, ...] = get_args(Browser)
OPENERS = {"chromium": open_chromium, "firefox": open_firefox}


@dataclass(frozen=True)
class Outcome:
    """What one run of a page left behind."""

    page: dict[str, Any]  # what the page could read: window.__lab of pages/lab.js
    received: list[dict[str, Any]]  # what reached the site, line by line
    sent: list[Packet]  # what the client sent on its own link
    arrived: list[Packet]  # what arrived in the internet from one of the client's addresses
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


class World:
    """A lab with its servers running, and a site for every call."""

    def __init__(self, lab: Lab) -> None:
        start_servers(lab)
        self.lab = lab
        self.ca = LabCA(lab.directory)
        self._certificate, self._key = self.ca.issue(SITE_NAME, SITE.addresses)
        self._calls = 0

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
        """The site, for one call only.

        A peer whose page is gone goes on sending for half a minute, and the client's refusals
        would look like leaks of the next call.
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

    def call(
        self,
        path: str,
        authorities: Sequence[Path],
        *,
        scheme: str = "https",
        camera: bool = False,
        proxy: str | None = None,
        browser: Browser = "chromium",
        application: str | None = None,
    ) -> Outcome:
        """Open a page of the site in a browser of its own and watch until it is done."""
        lab, number = self.lab, self._calls
        self._calls += 1
        record = lab.directory / f"site-{number}.jsonl"
        client = Capture(lab, lab.client, LAN, "out", lab.directory / f"client-{number}.pcap")
        internet = Capture(lab, lab.internet, WAN, "in", lab.directory / f"internet-{number}.pcap")
        url = f"{scheme}://{SITE_NAME}/{path}"
        with (
            self._application(application) as options,
            self._site(record, options),
            client,
            internet,
            OPENERS[browser](lab, url, authorities, camera=camera, proxy=proxy) as page,
        ):
            read = page.finish(PAGE_SECONDS)
        (lab.directory / f"page-{number}.json").write_text(json.dumps(read, indent=1))
        received = [json.loads(line) for line in record.read_text().splitlines()]
        arrived = [item for item in internet.packets if item.src in lab.client_addresses]
        return Outcome(read, received, client.packets, arrived, lab.client_addresses)


@contextmanager
def running_world() -> Iterator[World]:
    """A world for the time of a `with` block."""
    with Lab() as lab:
        yield World(lab)

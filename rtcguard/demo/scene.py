"""The demo's scene: the network with its servers and the peer, and one call in it at a time.

client ── gateway ── internet ── peer        the internet has the site, its STUN server, the relay
"""

import asyncio
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aioice.stun import TransactionFailed

from rtcguard.demo import browser, site
from rtcguard.demo.browser import Browser
from rtcguard.demo.capture import Capture
from rtcguard.demo.network import (
    APPROVED_TURN,
    GATEWAY,
    SITE,
    SITE_NAME,
    STUN_ONLY,
    WAN,
    Network,
    Role,
    inside,
)
from rtcguard.demo.process import NetworkError, Process
from rtcguard.demo.sights import RELAY, Sight, sight
from rtcguard.demo.site import Site
from rtcguard.ice.server import parse_uri, timed_credentials
from rtcguard.network import coturn
from rtcguard.network.allocation import Allocation
from rtcguard.policy.model import Coturn

PEER: Final = Role("203.0.113.2", "2001:db8:200::2")
_TOWARDS_PEER: Final = Role("203.0.113.1", "2001:db8:200::1")
_PEER_LINK: Final = "peer0"
_PORT: Final = 3478
_PROXY: Final = f"{GATEWAY.v4}:8080"
_SECRET: Final = "only-of-this-demo"
_RELAY_URL: Final = f"turn:{APPROVED_TURN.v4}:{_PORT}?transport=udp"
_ALLOCATION: Final = 20.0  # seconds that the relay may take for one
_PAGE: Final = 40.0  # seconds that a page may take

ROLES: Final = {
    "the peer": PEER.addresses,
    "the site's STUN server": STUN_ONLY.addresses,
    "the site": SITE.addresses,
    RELAY: APPROVED_TURN.addresses,
}


class Scene:
    """To be used as long as its network is there."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._peer = network.add_behind_internet("peer", _PEER_LINK, PEER, _TOWARDS_PEER)
        self._secret = network.directory / "turn.secret"
        self._secret.touch(mode=0o600)
        self._secret.write_text(_SECRET)
        self._calls = 0
        self._start_servers()

    def _start_servers(self) -> None:
        """The relay, as `rtcguard turn config` sets it up, and a STUN server of the site's."""
        folder = self.network.directory
        uri = parse_uri(_RELAY_URL)
        settings = Coturn(realm="demo.test", ports=(20000, 20199))
        ours = APPROVED_TURN.addresses
        made = coturn.Server((uri,), _SECRET, ours, ours, settings)
        files = (f"userdb={folder / 'relay.db'}", f"pidfile={folder / 'relay.pid'}")
        (folder / "relay.conf").touch(mode=0o600)
        (folder / "relay.conf").write_text(coturn.configuration(made, (*files, "relay-threads=1")))
        relay = self._start("relay", "-c", str(folder / "relay.conf"))
        stun = self._start(
            "stun",
            *("-n", "--stun-only", "--log-file=stdout", "--no-tls", "--no-dtls", "--no-cli"),
            *(f"--listening-ip={address}" for address in STUN_ONLY.addresses),
            *(f"--userdb={folder / 'stun.db'}", f"--pidfile={folder / 'stun.pid'}"),
        )
        for role, process in ((APPROVED_TURN, relay), (STUN_ONLY, stun)):
            for address in role.addresses:
                process.wait_port("udp", address, _PORT)
        inside(self.network.internet, lambda: asyncio.run(_tried(relay)))

    def _start(self, name: str, *arguments: str) -> Process:
        return self.network.start(self.network.internet, name, ["turnserver", *arguments])

    def call(self, *, proxy: str = "") -> Sight:
        """One call of the client's to the peer; with `proxy`, its browser goes through that."""
        network, number = self.network, self._calls
        self._calls += 1
        here = Site([{"urls": [f"stun:{STUN_ONLY.v4}:{_PORT}", f"stun:[{STUN_ONLY.v6}]:{_PORT}"]}])
        listening = inside(
            network.internet,
            lambda: socket.create_server(
                ("::", 80), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
            ),
        )
        flags = [f"--proxy-server=http://{proxy}"] if proxy else []
        with (
            site.serving(listening, here),
            # A peer has no reason to hide its address.
            browser.running(
                network, self._peer, f"peer{number}", without=["WebRtcHideLocalIpsWithMdns"]
            ) as theirs,
        ):
            theirs.open(f"http://{SITE_NAME}/peer")
            with (
                Capture(network.internet, WAN) as arrived,
                Capture(self._peer, _PEER_LINK) as at_peer,
                browser.running(network, network.client, f"client{number}", *flags) as ours,
            ):
                ours.open(f"http://{SITE_NAME}/")
                page = _finished(ours)
        return sight(
            page,
            here.told,
            here.seen,
            arrived.flows,
            at_peer.flows,
            network.client_addresses,
            ROLES,
        )

    @contextmanager
    def guarded(self) -> Iterator["Guard"]:
        """rtcguard on the gateway, for the time of a `with` block."""
        guard = Guard(self.network, self._secret)
        try:
            guard.wait()
            yield guard
        finally:
            guard.stop()


class Guard:
    """`rtcguard run`, as a person starts it."""

    proxy = _PROXY

    def __init__(self, network: Network, secret: Path) -> None:
        folder = network.directory
        self.ledger = folder / "state" / "ledger.sqlite3"
        server = {"urls": [_RELAY_URL], "shared_secret_file": str(secret)}
        # JSON is YAML.
        config = {
            "version": 1,
            "listen": _PROXY,
            "relay": {"servers": [server]},
            "stun": {"listen": [f"{GATEWAY.v4}:{_PORT}"]},
            "web": {"listen": None},
        }
        file = folder / "rtcguard.yaml"
        file.write_text(json.dumps(config))
        self._process = network.start(
            network.gateway,
            "rtcguard",
            [sys.executable, "-m", "rtcguard", "run", "--config", str(file)],
            env={**os.environ, "RTCGUARD_STATE_DIR": str(folder / "state")},
        )

    def wait(self) -> None:
        self._process.wait_log("ready")

    def stop(self) -> None:
        """So that all it knows is in the ledger."""
        self._process.stop()


async def _tried(relay: Process) -> None:
    """Allocates once: coturn 4.6 makes its database when it first looks up a user, and refuses
    others that come at that moment, as a browser's several sockets do."""
    uri = parse_uri(_RELAY_URL)
    name, password = timed_credentials(_SECRET.encode(), int(time.time()) + 3600, "demo")
    one = await Allocation.open(uri, uri.host, name, password, ssl.create_default_context())
    try:
        async with asyncio.timeout(_ALLOCATION):
            await one.allocate()
    except (TransactionFailed, OSError) as error:  # TimeoutError, too
        raise NetworkError(f"the relay gives no allocation: {error!r}\n{relay.tail()}") from error
    finally:
        await one.close()


def _finished(ours: Browser) -> dict[str, Any]:
    """What the page wrote down, when it is done."""
    until = time.monotonic() + _PAGE
    while True:
        text = ours.evaluate("window.demo && demo.done ? JSON.stringify(demo) : null")
        if text is not None:
            page: dict[str, Any] = json.loads(text)
            return page
        if time.monotonic() > until:
            raise NetworkError(f"the page was not done after {_PAGE:g} s")
        time.sleep(0.1)

"""Debian's Firefox in the client's namespace, driven by WebDriver BiDi over its own WebSocket.

No driver stands between: the few commands that the lab needs are JSON on one connection. Firefox
listens on the loopback of the client's namespace, so the socket is made there and used from here.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .browser import BrowserError, Page, environment, fresh_home, trust
from .net import Lab
from .process import Process

FIREFOX = "/usr/bin/firefox-esr"
START_SECONDS = 20.0
COMMAND_SECONDS = 20.0
LISTENING = re.compile(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")

# As for Chromium: a run without WebRTC must send no packet of its own. What Firefox would ask of
# its maker's servers gets an address on the client's loopback where nobody listens.
NOWHERE = "http://localhost:9/"
QUIET: dict[str, bool | int | str] = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutConfig.showWarning": False,
    "browser.contentblocking.report.lockwise.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.region.update.enabled": False,
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.provider.google4.updateURL": "",
    "browser.safebrowsing.provider.mozilla.updateURL": "",
    "browser.search.update": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "captivedetect.canonicalURL": "",
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.push.connection.enabled": False,
    "dom.push.enabled": False,
    "dom.security.https_first": False,  # one scenario is plain HTTP on purpose
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "geo.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-manager.url": NOWHERE,
    "messaging-system.rsexperimentloader.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.dns.native_https_query": False,
    "network.http.http3.enable": False,  # as Chromium here: without QUIC
    "network.http.speculative-parallel-limit": 0,
    "network.prefetch-next": False,
    "network.trr.mode": 5,
    "security.OCSP.enabled": 0,
    "security.remote_settings.crlite_filters.enabled": False,
    "security.remote_settings.intermediates.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": NOWHERE,
    "toolkit.telemetry.unified": False,
}
# Grants every page a made-up camera and microphone. With real ones, Firefox would tell the page its
# host addresses in clear from then on; made-up ones do not count for that, so it is told to.
CAMERA_GRANTED: dict[str, bool | int | str] = {
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
}


def _write_preferences(profile: Path, camera: bool, proxy: str | None) -> None:
    chosen = {**QUIET, **(CAMERA_GRANTED if camera else {}), "network.proxy.type": 0}
    if proxy is not None:
        host, _, port = proxy.rpartition(":")
        chosen["network.proxy.type"] = 1
        for kind in ("http", "ssl"):
            chosen[f"network.proxy.{kind}"] = host
            chosen[f"network.proxy.{kind}_port"] = int(port)
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(item)});\n" for key, item in chosen.items()]
    (profile / "user.js").write_text("".join(lines))


def _connected(namespace: str, port: int) -> socket.socket:
    """A connection to a port on the loopback of another namespace.

    A socket belongs for good to the namespace of the thread that made it; this thread ends at once.
    """

    def inside() -> socket.socket:
        descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            os.setns(descriptor, os.CLONE_NEWNET)
        finally:
            os.close(descriptor)
        return socket.create_connection(("127.0.0.1", port), timeout=COMMAND_SECONDS)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(inside).result()


class Bidi:
    """A WebDriver BiDi session: commands, each with its answer; events are not asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.command("session.new", {"capabilities": {}})

    def command(
        self, method: str, params: dict[str, Any], seconds: float = COMMAND_SECONDS
    ) -> dict[str, Any]:
        """Send one command and return its result; what Firefox calls an error raises."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        deadline = time.monotonic() + seconds
        while True:
            try:
                text = self._connection.recv(max(0.0, deadline - time.monotonic()))
            except TimeoutError as error:
                raise BrowserError(f"{method}: no answer after {seconds:g} s") from error
            message = json.loads(text)
            if message.get("id") != number:
                continue
            if message["type"] != "success":
                raise BrowserError(f"{method}: {message['error']}: {message['message']}")
            result: dict[str, Any] = message["result"]
            return result


class FirefoxPage:
    """The page in Firefox's one tab."""

    def __init__(self, bidi: Bidi) -> None:
        self._bidi = bidi
        contexts = bidi.command("browsingContext.getTree", {})["contexts"]
        self._context: str = contexts[0]["context"]

    def open(self, url: str) -> None:
        params = {"context": self._context, "url": url, "wait": "complete"}
        self._bidi.command("browsingContext.navigate", params)

    def finish(self, seconds: float) -> dict[str, Any]:
        wait = """new Promise((resolve) => {
          const timer = setInterval(() => {
            if (!window.__lab?.done) return;
            clearInterval(timer);
            resolve(JSON.stringify(window.__lab));
          }, 20);
        })"""
        params = {"expression": wait, "target": {"context": self._context}, "awaitPromise": True}
        done = self._bidi.command("script.evaluate", params, seconds)
        if done["type"] != "success":
            raise BrowserError(f"the page threw: {done['exceptionDetails']['text']}")
        result: dict[str, Any] = json.loads(done["result"]["value"])
        return result


def _port(process: Process) -> int:
    process.wait_until(
        "BiDi",
        lambda: LISTENING.search(process.log.read_text(errors="replace")) is not None,
        START_SECONDS,
    )
    found = LISTENING.search(process.log.read_text(errors="replace"))
    assert found is not None
    return int(found[1])


@contextmanager
def open_firefox(
    lab: Lab, url: str, authorities: Sequence[Path], *, camera: bool, proxy: str | None = None
) -> Iterator[Page]:
    """Start a browser, open `url` in it, and end the browser afterwards."""
    home = fresh_home(lab)
    profile = home / "profile"
    trust(profile, authorities)
    _write_preferences(profile, camera, proxy)
    argv = [FIREFOX, "--headless", "--no-remote", "--profile", str(profile)]
    # Without the variable, a release of Firefox does not let itself be given another server.
    variables = {**environment(home), "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1"}
    process = lab.start(
        lab.client, "firefox", [*argv, "--remote-debugging-port", "0"], env=variables
    )
    try:
        port = _port(process)
        # Statistics make long messages.
        with connect(
            f"ws://127.0.0.1:{port}/session",
            sock=_connected(lab.client, port),
            max_size=None,
            compression=None,
        ) as connection:
            page = FirefoxPage(bidi := Bidi(connection))
            page.open(url)
            yield page
            bidi.command("browser.close", {})
    finally:
        process.stop()

"""Debian's Firefox in the client's namespace, driven by WebDriver BiDi over its own WebSocket.

Firefox listens on the loopback of the client's namespace, so the socket is made there and used from
here.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.browsers.bidi import COMMAND_SECONDS, session
from tests.browsers.environment import environment
from tests.browsers.firefox import (
    START_SECONDS,
    VARIABLES,
    Preferences,
    command_line,
    port_in,
    write_profile,
)
from tests.browsers.tab import FirefoxTabs, Tabs

from .browser import fresh_home, trust
from .net import Lab
from .process import Process

# Popups open without a click, and timers of tabs in the background run as in the foreground.
PAGES: Preferences = {
    "dom.disable_open_during_load": False,
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
}
# Grants every page a made-up camera and microphone. With real ones, Firefox would tell the page its
# host addresses in clear from then on; made-up ones do not count for that, so it is told to.
CAMERA_GRANTED: Preferences = {
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
}


def _preferences(camera: bool, proxy: str | None) -> Preferences:
    chosen = {**PAGES, **(CAMERA_GRANTED if camera else {}), "network.proxy.type": 0}
    if proxy is not None:
        host, _, port = proxy.rpartition(":")
        chosen["network.proxy.type"] = 1
        for kind in ("http", "ssl"):
            chosen[f"network.proxy.{kind}"] = host
            chosen[f"network.proxy.{kind}_port"] = int(port)
    return chosen


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


def _port(process: Process) -> int:
    process.wait_until("BiDi", lambda: port_in(process.log) is not None, START_SECONDS)
    port = port_in(process.log)
    assert port is not None
    return port


@contextmanager
def open_firefox(
    lab: Lab,
    authorities: Sequence[Path],
    *,
    camera: bool,
    proxy: str | None = None,
    credentials: tuple[str, str] | None = None,
) -> Iterator[Tabs]:
    """A browser of its own, for the time of a `with` block."""
    home = fresh_home(lab)
    profile = home / "profile"
    trust(profile, authorities)
    write_profile(profile, _preferences(camera, proxy))
    process = lab.start(
        lab.client, "firefox", command_line(profile), env={**environment(home), **VARIABLES}
    )
    try:
        port = _port(process)
        with session(port, _connected(lab.client, port)) as bidi:
            if credentials is not None:
                bidi.sign_in(*credentials)
            yield FirefoxTabs(bidi)
    finally:
        process.stop()

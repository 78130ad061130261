"""The system's Chromium in the client's namespace, driven by Playwright.

Playwright talks to it over a pipe, so the test process itself stays outside of the namespace. Every
browser has a fresh HOME and profile; the authorities it trusts are in its NSS database, as a user
would put them there.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Error, sync_playwright

from tests.browsers.environment import BrowserError, environment

from .net import Lab

CHROMIUM = "/usr/bin/chromium"

# A run without WebRTC must send no packet of its own, or the captures would say nothing. The list
# of features replaces Playwright's own (Chromium takes the last one), so that nothing depends on
# Playwright's version. Two requests have no switch, the component updater's and ListAccounts: they
# get an address on the client's loopback where nobody listens; neither link nor proxy sees them.
NOWHERE = "https://localhost:9/"
DISABLED_FEATURES = [
    "AimEnabled",
    "DialMediaRouteProvider",
    "HttpsUpgrades",  # one scenario is plain HTTP on purpose
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PreconnectToSearch",
]
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    f"--component-updater=url-source={NOWHERE}",
    f"--gaia-url={NOWHERE}",
    f"--disable-features={','.join(DISABLED_FEATURES)}",
]
# Never without need: `--use-fake-ui-for-media-stream` counts as a grant for every page, and with a
# grant Chromium tells a page host addresses in clear instead of `.local` names.
CAMERA_GRANTED = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def fresh_home(lab: Lab) -> Path:
    """A HOME that no browser has seen yet."""
    home = lab.directory / f"home-{len(list(lab.directory.glob('home-*')))}"
    home.mkdir()
    return home


def trust(database: Path, authorities: Sequence[Path]) -> None:
    """Make an NSS database that holds these authorities, as both browsers read one."""
    database.mkdir(parents=True, exist_ok=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True, capture_output=True)
    for number, authority in enumerate(authorities):
        add = ["-A", "-n", f"lab {number}", "-t", "C,,", "-i", str(authority)]
        subprocess.run([*certutil, *add], check=True, capture_output=True)


def _launcher(lab: Lab, home: Path) -> Path:
    """A script that Playwright can start as its browser."""
    script = home / "chromium"
    exec_ = shlex.join(["exec", "ip", "netns", "exec", lab.client, CHROMIUM])
    script.write_text(f'#!/bin/sh\n{exec_} "$@"\n')
    script.chmod(0o700)
    return script


class Page(Protocol):
    """One open page of the lab's site, in whatever browser."""

    def finish(self, seconds: float) -> dict[str, Any]:
        """Wait until the page says that it is done, and return all that it wrote down."""


class ChromiumPage:
    """A page that Playwright drives."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def finish(self, seconds: float) -> dict[str, Any]:
        self._page.wait_for_function("window.__lab && window.__lab.done", timeout=seconds * 1000)
        # By way of JSON, because statistics hold values that Playwright has no form for.
        result: dict[str, Any] = json.loads(self._page.evaluate("JSON.stringify(window.__lab)"))
        return result


@contextmanager
def open_chromium(
    lab: Lab, url: str, authorities: Sequence[Path], *, camera: bool, proxy: str | None = None
) -> Iterator[Page]:
    """Start a browser, open `url` in it, and end the browser afterwards."""
    home = fresh_home(lab)
    # Where Chromium looks on Linux.
    trust(home / ".pki" / "nssdb", authorities)
    flags = [*QUIET, *(CAMERA_GRANTED if camera else ())]
    if proxy is not None:
        flags.append(f"--proxy-server=http://{proxy}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_launcher(lab, home),
            headless=True,
            chromium_sandbox=False,
            args=flags,
            env={**environment(home)},
        )
        try:
            page = browser.new_context().new_page()
            page.goto(url, wait_until="load")
            yield ChromiumPage(page)
        except Error as error:
            raise BrowserError(str(error)) from error
        finally:
            browser.close()

"""The system's Chromium in the client's namespace, driven by Playwright.

Playwright talks to it over a pipe, so the test process itself stays outside of the namespace. Every
browser has a fresh HOME and profile; the authorities it trusts are in its NSS database, as a user
would put them there.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import ProxySettings, sync_playwright

from rtcguard.demo.browser import QUIET
from tests.browsers.environment import BrowserError, environment
from tests.browsers.tab import ChromiumTabs, Tab, Tabs

from .net import Lab

CHROMIUM = "/usr/bin/chromium"

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


def finish(tab: Tab, seconds: float) -> dict[str, Any]:
    """Wait until the tab's page says that it is done, and return all that it wrote down.

    Asked again and again from outside, so that a page may well put another in its place.
    """
    deadline = time.monotonic() + seconds
    wait = 0.03
    while (text := _written(tab)) is None:
        if time.monotonic() > deadline:
            raise BrowserError(f"the page was not done after {seconds:g} s")
        time.sleep(wait)
        wait = min(wait * 1.3, 0.2)  # asking costs the browser's time too
    result: dict[str, Any] = json.loads(text)
    return result


def _written(tab: Tab) -> str | None:
    """What the page has written, as JSON because statistics hold values that Playwright has no form
    for; None if it is not done, or just being replaced."""
    try:
        text: str | None = tab.evaluate(
            "() => (window.__lab && window.__lab.done ? JSON.stringify(window.__lab) : null)"
        )
        return text
    except BrowserError:
        return None


@contextmanager
def open_chromium(
    lab: Lab,
    authorities: Sequence[Path],
    *,
    camera: bool,
    proxy: str | None = None,
    credentials: tuple[str, str] | None = None,
) -> Iterator[Tabs]:
    """A browser of its own, for the time of a `with` block."""
    home = fresh_home(lab)
    # Where Chromium looks on Linux.
    trust(home / ".pki" / "nssdb", authorities)
    # Its list of features replaces Playwright's own, so that nothing depends on the version.
    flags = [*QUIET, *(CAMERA_GRANTED if camera else ())]
    if proxy is not None:
        flags.append(f"--proxy-server=http://{proxy}")
    asks: ProxySettings | None = None
    if proxy is not None and credentials is not None:
        name, password = credentials
        asks = {"server": f"http://{proxy}", "username": name, "password": password}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_launcher(lab, home),
            headless=True,
            chromium_sandbox=False,
            args=flags,
            env={**environment(home)},
        )
        try:
            yield ChromiumTabs(browser, asks)
        finally:
            browser.close()

"""What each browser makes of its policy: what Chromium says of it, and where Firefox has limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.browsers.environment import environment

from .browser import QUIET, _launcher, fresh_home
from .capture import flows
from .guard import PROXY_PORT, running_guard
from .leaks import past_proxy
from .net import GATEWAY, Lab
from .policy import installed_policy
from .world import World

pytestmark = pytest.mark.lab

ROWS = """() => {
  const all = (root, name) => [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.localName === name ? [element] : []),
    ...(element.shadowRoot ? all(element.shadowRoot, name) : []),
  ]);
  const text = (row, name) => row.shadowRoot.querySelector(name)?.textContent.trim();
  return all(document, "policy-row").filter((row) => row.shadowRoot.querySelector(".name")).map(
    (row) => [text(row, ".policy.row .name"), text(row, ".policy.row .level"),
              text(row, ".policy.row .messages")]);
}"""


@contextmanager
def opened(lab: Lab) -> Iterator[Any]:
    """A page of a browser that was told nothing of a proxy or an authority."""
    home = fresh_home(lab)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_launcher(lab, home),
            headless=True,
            chromium_sandbox=False,
            args=[*QUIET],
            env={**environment(home)},
        )
        try:
            yield browser.new_page()
        finally:
            browser.close()


def test_chromium_takes_every_policy(world: World) -> None:
    with (
        running_guard(world) as guard,
        installed_policy(world, "chromium", guard),
        opened(world.lab) as page,
    ):
        page.goto("chrome://policy")
        page.wait_for_function(f"({ROWS})().length > 0", timeout=10_000)
        rows = page.evaluate(ROWS)
        shown = {name: (level, status) for name, level, status in rows if status != "Not set."}
    names = ("CACertificates", "DnsOverHttpsMode", "ProxySettings", "QuicAllowed")
    assert shown == {name: ("Mandatory", "OK") for name in (*names, "WebRtcIPHandling")}


def test_localhost_goes_through_the_proxy(world: World) -> None:
    """Nobody listens there; so rtcguard answers in its own words, over TLS with its certificate."""
    with (
        running_guard(world) as guard,
        installed_policy(world, "chromium", guard),
        opened(world.lab) as page,
    ):
        for url in ("http://localhost:81/", "https://localhost:81/", "https://[::1]:81/"):
            answer = page.goto(url)
            assert answer.status == 502
            assert "Connect call failed" in page.inner_text("body")


def test_firefox_makes_no_candidate_without_leave_for_the_camera(world: World) -> None:
    """It looks for the default address by a UDP socket, which `proxy_only` forbids: calls of such
    pages fail, and tell nothing."""
    with (
        running_guard(world, transport="tcp") as guard,
        installed_policy(world, "firefox", guard),
    ):
        outcome = world.call("data-tcp.html?limit=2000", [], browser="firefox")
    assert not outcome.page["connected"] and not outcome.page["candidates"], outcome.page
    sent = past_proxy(outcome.sent, (GATEWAY.v4, PROXY_PORT))
    assert not sent and not outcome.arrived, flows(sent)
    assert outcome.page["configuration"], "the page did not get to the end"

"""Every page of the site, looked at by axe-core (Deque's rules, WCAG 2.2 A and AA among them): in
light and dark, and as wide as a phone. Nobody has to scroll sideways."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from rtcguard.web.pages import NAVIGATION
from rtcguard.web.pages.help import texts
from tests.lab.applications.packages import node_modules
from tests.lab.browser import CHROMIUM
from tests.lab.requirements import cannot_run, missing
from tests.netns import namespace
from tests.origin import free_port
from tests.process import running

ADDRESS = "10.9.8.7"
CONFIG = """\
web: {listen: "0.0.0.0:%d"}
relay: {servers: [{urls: "turn:turn.example.org", username: alice, credential: sesame}]}
rules:
  - {name: "no WebRTC for guests", match: {client: [10.9.8.0/24]}, action: block, mode: monitor}
  - name: here
    match: {client: loopback, site: ["*.a.example"], time: "mon-fri 08:00-18:00"}
    action: keep
"""
# What axe-core complains of in a page that has it.
LOOK = """async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  return found.violations.map(
    (one) => `${one.impact}: ${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`);
}"""
OF_ALL = ["/token", "/none", *(f"/help/{name}" for name in texts())]
LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light", "viewport": {"width": 1100, "height": 800}},
    {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
]


@cache
def axe() -> str:
    """A function that puts axe-core into a page."""
    source = (node_modules() / "axe-core" / "axe.min.js").read_text()
    return f"() => {{ {source}; }}"


@dataclass(frozen=True)
class There:
    """`here` is a page on the machine itself, `there` one from another."""

    here: str
    there: str
    browser: Browser


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    if reasons := missing():
        cannot_run(f"without these nothing shows it: {'; '.join(reasons)}")
    port, folder = free_port(), tmp_path_factory.mktemp("there")
    with namespace("look", f"{ADDRESS}/24") as name:
        within = ["ip", "netns", "exec", name]
        launcher = folder / "chromium"
        launcher.write_text(f'#!/bin/sh\nexec {" ".join(within)} {CHROMIUM} "$@"\n')
        launcher.chmod(0o700)
        with running(folder, CONFIG % port, within=within), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=launcher, chromium_sandbox=False)
            yield There(f"http://127.0.0.1:{port}", f"http://{ADDRESS}:{port}", browser)
            browser.close()


@contextmanager
def opened(there: There, url: str, **look: Any) -> Iterator[Page]:
    context = there.browser.new_context(**look)
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()


@pytest.mark.parametrize("path", [*(link.path for link in NAVIGATION), *OF_ALL])
def test_on_the_machine(there: There, path: str) -> None:
    for look in LOOKS:
        complaints = looked_at(there, there.here + path, look)
        assert complaints == [], look


@pytest.mark.parametrize("path", ["/", "/here", "/rules", "/token"])
def test_from_elsewhere(there: There, path: str) -> None:
    for look in LOOKS:
        assert looked_at(there, there.there + path, look) == [], look


def looked_at(there: There, url: str, look: dict[str, Any]) -> list[str]:
    with opened(there, url, **look) as page:
        page.evaluate(axe())
        found: list[str] = page.evaluate(LOOK)
        width = page.evaluate("() => document.documentElement.scrollWidth")
        if width > look["viewport"]["width"]:
            found.append(f"it is {width} px wide")
        return found


def test_axe_would_complain(there: There) -> None:
    """The control: what is wrong on purpose is found."""
    with opened(there, there.here) as page:
        page.evaluate(axe())
        page.evaluate(
            "() => document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x>')"
        )
        assert any(one.startswith("critical: image-alt") for one in page.evaluate(LOOK))


def test_the_keyboard_alone(there: There) -> None:
    """The first key leads past the navigation, and every step that is closed opens by keys."""
    with opened(there, there.here) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        names = []
        for _ in range(30):
            names.append(page.evaluate("() => document.activeElement.textContent.trim()"))
            page.keyboard.press("Tab")
        for wanted in ("How to set it", "Windows", "How to trust it", "PEM"):
            assert wanted in names

"""The start page as a new user sees it, in Chromium and in Firefox: without the proxy, with it, and
with the certificate trusted too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from rtcguard.web.pages import NAVIGATION
from tests.app.reloading import eventually
from tests.browsers.environment import BrowserError, environment
from tests.browsers.firefox import Preferences
from tests.browsers.tab import BROWSERS, ChromiumTabs, Tab, Tabs, running_firefox
from tests.lab.browser import CHROMIUM, QUIET, trust
from tests.lab.requirements import cannot_run, missing
from tests.origin import free_port
from tests.process import Running, running
from tests.web.test_accessible_browser import LOOK, axe

STATES = """() => Object.fromEntries(
  [...document.querySelectorAll(".step[id]")].map((step) => [step.id, step.dataset.state]))"""
SHOWN = """() => [...document.querySelectorAll(".state span")]
  .filter((text) => !text.hidden).map((text) => text.textContent.split(":")[0].split(" when")[0])"""
DONE, NOT_YET = "Done", "Not yet"


@dataclass(frozen=True)
class Site:
    run: Running
    port: int

    @property
    def ca(self) -> Path:
        return self.run.state / "ca" / "mitmproxy-ca-cert.pem"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if reasons := missing():
        cannot_run(f"without these nothing shows it: {'; '.join(reasons)}")
    port = free_port()
    # Nothing listens at that relay, so it is told at once.
    config = (
        f"web: {{listen: '127.0.0.1:{port}'}}\n"
        "relay:\n  servers:\n"
        "    - {urls: ['turn:127.0.0.1:9?transport=tcp'], username: u, credential: p}\n"
    )
    with running(tmp_path_factory.mktemp("site"), config) as run:
        yield Site(run, port)


@contextmanager
def browser(name: str, home: Path, proxy: int = 0, ca: Path | None = None) -> Iterator[Tab]:
    """A tab of a browser that a new user has, with the steps done that are given."""
    with (
        (_chromium if name == "chromium" else _firefox)(home, proxy, ca) as tabs,
        tabs.open() as tab,
    ):
        yield tab


@contextmanager
def _chromium(home: Path, proxy: int, ca: Path | None) -> Iterator[Tabs]:
    trust(home / ".pki" / "nssdb", [ca] if ca else [])
    flags = [*QUIET, *([f"--proxy-server=http://127.0.0.1:{proxy}"] if proxy else [])]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, chromium_sandbox=False, args=flags, env={**environment(home)}
        )
        yield ChromiumTabs(launched)
        launched.close()


@contextmanager
def _firefox(home: Path, proxy: int, ca: Path | None) -> Iterator[Tabs]:
    trust(home / "profile", [ca] if ca else [])
    chosen: dict[str, bool | int | str] = {"network.proxy.type": 1 if proxy else 0}
    for kind in ("http", "ssl"):
        chosen |= {f"network.proxy.{kind}": "127.0.0.1", f"network.proxy.{kind}_port": proxy}
    preferences: Preferences = chosen
    with running_firefox(home, preferences) as tabs:
        yield tabs


def found(tab: Tab, url: str) -> tuple[dict[str, str], list[str]]:
    """What the page finds out: the state of each step, and the words that stand there."""
    tab.goto(url)
    assert eventually(lambda: not {"asking", "unknown"} & set(tab.evaluate(STATES).values()))
    return tab.evaluate(STATES), tab.evaluate(SHOWN)


def text_of(tab: Tab) -> str:
    """What is shown; nothing while another page comes."""
    try:
        text: str = tab.evaluate("() => document.body.innerText")
    except BrowserError:
        return ""
    return text


@pytest.mark.parametrize("name", BROWSERS)
def test_a_new_user(site: Site, tmp_path: Path, name: str) -> None:
    own, ours = f"http://127.0.0.1:{site.port}/", "http://rtcguard.test/"
    with browser(name, tmp_path / "new") as tab:
        assert found(tab, own) == (
            {"proxy": "no", "trust": "later"},
            [NOT_YET, "To be seen"],
        )
        assert "rtcguard proxy on" in tab.evaluate("() => document.body.innerText")
    with browser(name, tmp_path / "proxy", site.run.port) as tab:
        for url in (own, ours):
            assert found(tab, url) == ({"proxy": "yes", "trust": "no"}, [DONE, NOT_YET])
        # Over plain HTTP browsers say less of whose a form is. Servers are not asked twice at once.
        answers = ("What came of it", "asked a moment ago")
        tab.goto(f"{ours}turn")
        tab.evaluate("() => document.querySelector('form[action=\"/turn\"]').requestSubmit()")
        assert eventually(lambda: any(one in text_of(tab) for one in answers)), text_of(tab)
    with browser(name, tmp_path / "trusted", site.run.port, site.ca) as tab:
        for url in (own, ours, "https://rtcguard.test/"):
            assert found(tab, url) == ({"proxy": "yes", "trust": "yes"}, [DONE, DONE]), url
        heading = tab.evaluate("() => document.querySelector('h1').innerText")
        assert heading == "This browser comes through rtcguard."
        for link in NAVIGATION:
            tab.goto(f"http://rtcguard.test{link.path}")
            tab.evaluate(axe())
            assert tab.evaluate(LOOK) == [], link.path


def test_without_scripts_it_says_what_it_does_not_know(site: Site) -> None:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        page = launched.new_context(java_script_enabled=False).new_page()
        page.goto(f"http://127.0.0.1:{site.port}/")
        texts = page.locator(".state span:visible").all_inner_texts()
        assert len(texts) == 2 and all(text.startswith("Not known") for text in texts)
        link = page.get_by_role("link", name="http://rtcguard.test/")
        assert link.first.get_attribute("href") == "http://rtcguard.test/"
        launched.close()

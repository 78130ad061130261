"""The live ledger in browsers: what pages on the web have called themselves stays text, there are
no more rows than there is room for, a person can hold it, and without scripts it can be used."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from rtcguard.ledger.writer import Writer
from rtcguard.policy.record import Record
from tests.browsers.tab import BROWSERS, ChromiumTabs, Tab, Tabs, running_firefox
from tests.calls import HOST, RELAYED, Scene
from tests.lab.applications.packages import node_modules
from tests.lab.browser import CHROMIUM
from tests.origin import free_port
from tests.process import running
from tests.web.ledgers import guard

EVIL = [
    "<img src=/x onerror=document.title='owned'>",
    "<script>document.title='owned'</script>",
    "\"onfocus='document.title=`owned`'autofocus=\"",
    "javascript:document.title='owned'//.example",
    "</bdi></td></tr></table><h1 id=owned>x</h1>",
    "\u202egro.elpmaxe",
    "&lt;b&gt;",
]
ROWS = """() => [...document.querySelectorAll("#events tbody tr")].map((row) =>
    row.querySelector("[data-f=site]").textContent)"""
# Resolves once a row of this site is there.
CAME = """async (site) => {
    const until = Date.now() + 40000;
    const there = () => [...document.querySelectorAll("#events [data-f=site]")]
        .some((link) => link.textContent === site);
    while (!there()) {
        if (Date.now() > until) throw new Error("it did not come: " + site);
        await new Promise((done) => setTimeout(done, 50));
    }
}"""
STATE = "() => document.getElementById('state').textContent"
LOOK = """async () => (await axe.run({ resultTypes: ["violations"] })).violations.map(
    (one) => `${one.impact}: ${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`)"""


@dataclass(frozen=True)
class Here:
    url: str
    ledger: Path

    def record(self, *records: Record) -> None:
        writer = Writer(self.ledger, 10**9, "n")
        writer.record(records)
        writer.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    port = free_port()
    config = f"web: {{listen: '127.0.0.1:{port}'}}\n"
    with running(tmp_path_factory.mktemp("here"), config) as run:
        scene = Scene(run.state / "ledger.sqlite3")
        scene.now = time.time() - 900
        scene.loads()
        scene.connects("stun:stun.example")
        scene.offers(HOST, RELAYED, ufrag="AAAA")
        scene.asks()
        scene.close()
        yield Here(f"http://127.0.0.1:{port}", run.state / "ledger.sqlite3")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=BROWSERS)
def tabs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tabs]:
    if request.param == "chromium":
        yield ChromiumTabs(request.getfixturevalue("chromium"))
        return
    folder = tmp_path_factory.mktemp("firefox")
    with running_firefox(folder, {"network.proxy.type": 0}) as firefox:
        yield firefox


@pytest.fixture
def tab(tabs: Tabs, here: Here) -> Iterator[Tab]:
    """The ledger, live."""
    with tabs.open() as made:
        made.goto(f"{here.url}/ledger")
        come(made, here)
        yield made


def come(tab: Tab, here: Here) -> str:
    """Records an event of a site that nobody had, and waits until it is shown."""
    site = f"site{time.monotonic_ns()}.example"
    here.record(guard(site))
    tab.evaluate(CAME, site)
    return site


def test_what_pages_call_themselves_is_text(tab: Tab, here: Here) -> None:
    """As it comes, and as the server writes it."""
    here.record(
        *(
            Record("signaling", "candidate", "stripped", "outbound", evil, evil, evil, rule=evil,
                   reason=evil, candidate_type=evil, destination=evil, name=evil, user=evil,
                   ufrag=evil, scope=evil)
            for evil in EVIL
        )
    )  # fmt: skip
    come(tab, here)
    for _ in range(2):
        shown = tab.evaluate(ROWS)
        for evil in EVIL:
            assert evil.replace("\u202e", "\ufffd") in shown
        tags = "() => document.querySelectorAll('main img, main script, #owned').length"
        assert tab.evaluate(tags) == 0
        assert tab.evaluate("() => document.title") == "Ledger · rtcguard"
        links = tab.evaluate("() => [...document.querySelectorAll('main a')].map((a) => a.href)")
        assert all(link.startswith(here.url) or link == "" for link in links)
        tab.reload()
    tab.evaluate(  # the control: such text is markup where it is put in as that
        "() => { const made = document.createElement('div'); made.innerHTML = "
        "'<img src=/x><h1 id=owned></h1>'; document.querySelector('main').append(made); }"
    )
    assert tab.evaluate("() => document.querySelectorAll('main img, #owned').length") == 2


def test_no_more_rows_than_there_is_room_for(tab: Tab, here: Here) -> None:
    here.record(*(guard(f"many{number}.example", name=str(number)) for number in range(700)))
    newest = come(tab, here)
    shown = tab.evaluate(ROWS)
    assert len(shown) == 100
    assert shown[0] == newest
    assert shown[1:] == [f"many{number}.example" for number in range(699, 600, -1)]
    assert "702 since" in tab.evaluate(STATE)


def test_held_and_let_go(tab: Tab, here: Here) -> None:
    before = tab.evaluate(ROWS)
    tab.evaluate("() => document.getElementById('pause').click()")
    assert tab.evaluate("() => document.getElementById('pause').ariaPressed") == "true"
    here.record(*(guard(f"held{number}.example", name=str(number)) for number in range(5)))
    wait(tab, "5 wait")
    assert tab.evaluate(ROWS) == before
    tab.evaluate("() => document.getElementById('pause').click()")
    assert tab.evaluate(ROWS)[:5] == [f"held{number}.example" for number in range(4, -1, -1)]
    assert "wait" not in tab.evaluate(STATE)


def test_who_is_within_the_rows_does_not_lose_the_place(tab: Tab, here: Here) -> None:
    tab.evaluate("() => document.querySelector('#events tbody a').focus()")
    here.record(guard("later.example"))
    wait(tab, "1 wait")
    assert tab.evaluate("() => document.activeElement.isConnected")
    assert "later.example" not in tab.evaluate(ROWS)


def test_a_screen_reader_is_not_flooded(tab: Tab, here: Here) -> None:
    """What is said by itself is a sentence once in a while; the rows are in no live region."""
    tab.evaluate(
        "() => { window.said = 0; new MutationObserver(() => { said++; })"
        ".observe(document.getElementById('said'), {childList: true}); }"
    )
    for _ in range(12):
        come(tab, here)
    assert tab.evaluate("() => said") <= 2
    assert tab.evaluate(
        "() => document.querySelectorAll('#events [aria-live], [aria-live] #events, [role=log]')"
        ".length"
    ) == 0  # fmt: skip


def test_a_page_that_nobody_sees_lets_go(tab: Tab, here: Here) -> None:
    """And has what came meanwhile, once it is seen again."""
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    tab.evaluate(hide, True)
    here.record(guard("unseen.example"))
    tab.evaluate(hide, False)
    tab.evaluate(CAME, "unseen.example")
    assert tab.evaluate(ROWS).count("unseen.example") == 1


def wait(tab: Tab, part: str) -> None:
    tab.evaluate(
        """async (part) => {
            const until = Date.now() + 40000;
            while (!document.getElementById("state").textContent.includes(part)) {
                if (Date.now() > until) throw new Error("it does not say " + part);
                await new Promise((done) => setTimeout(done, 50));
            }
        }""",
        part,
    )


def test_without_scripts(chromium: Browser, here: Here) -> None:
    """Rows, filters, older events and calls, by links and a form alone."""
    here.record(guard("plain.example"), *(guard(f"s{n}.example", name=str(n)) for n in range(120)))
    context = chromium.new_context(java_script_enabled=False)
    with contextlib.closing(context):
        page = context.new_page()
        page.goto(f"{here.url}/ledger")
        assert page.locator("#events tbody tr").count() == 100
        assert not page.locator("#pause").is_visible()
        page.get_by_role("link", name="Earlier events").click()
        assert "plain.example" in page.content()
        page.goto(f"{here.url}/ledger")
        page.get_by_label("Site").fill("plain*")
        page.get_by_label("Ring").select_option("page")
        page.get_by_role("button", name="Show").click()
        assert page.locator("#events tbody tr").count() == 1
        assert page.get_by_label("Site").input_value() == "plain*"
        page.get_by_role("link", name="Calls", exact=True).click()
        call = page.get_by_role("link", name="meet.example.org")
        while not call.count():
            page.get_by_role("link", name="Calls before").click()
        call.first.click()
        assert "relay-only" in page.content()
        assert page.get_by_text("What to change:").is_visible()


LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light", "viewport": {"width": 1100, "height": 800}},
    {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
]


PATHS = ("/ledger", "/ledger/calls", "/ledger/calls/AAAA", "/ledger/addresses?days=7")


def test_for_everybody(chromium: Browser, here: Here) -> None:
    """With something in the ledger: axe-core's rules, and no scrolling sideways."""
    axe = (node_modules() / "axe-core" / "axe.min.js").read_text()
    here.record(guard("a" * 60 + ".long.example", "2001:db8:1111:2222:3333:4444:5555:6666"))
    for look in LOOKS:
        with contextlib.closing(chromium.new_context(**look)) as context:
            page = context.new_page()
            for path in PATHS:
                page.goto(here.url + path)
                page.evaluate(f"() => {{ {axe}; }}")
                assert page.evaluate(LOOK) == [], (path, look)
                width = page.evaluate("() => document.documentElement.scrollWidth")
                assert width <= look["viewport"]["width"], (path, look)

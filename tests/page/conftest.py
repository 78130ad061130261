"""A site on the loopback interface with the guard put into its pages, and real browsers.

`tab` is a page in each browser in turn: a test that takes it runs in Chromium and in Firefox. The
older fixtures (`browser`, `context`, `page`) are Chromium alone, by Playwright.

A browser belongs to a module and is closed with it: Playwright's event loop would get in the way
of other tests' loops. A module that needs other switches redefines `chromium_flags` or
`firefox_preferences`. Where a browser is missing, the tests fail: the project's setup installs it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from rtcguard.page import content_type as types
from rtcguard.page import csp, guard, html, report
from rtcguard.policy.record import Record
from tests.browsers.firefox import Preferences
from tests.browsers.tab import BROWSERS, ChromiumTabs, Tab, Tabs, running_firefox

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=MediaRouter,OptimizationHints",
]
# Windows that tests open without a click; no name is looked up outside of this machine.
FIREFOX: Preferences = {
    "network.proxy.type": 0,
    "dom.disable_open_during_load": False,
    "network.dns.forceResolve": "127.0.0.1",
}
KEY = b"k" * 32
CLIENT = "127.0.0.1"
HOST = "127.0.0.1"
REPORT_PATH = "/.well-known/rtcguard/report"
RELAY = {"urls": ["turn:127.0.0.1:34789?transport=tcp"], "username": "ours", "credential": "secret"}
SETTINGS = guard.GuardSettings(
    mode="relay",
    servers=(RELAY,),
    site_servers="drop",
    report_path=REPORT_PATH,
    token="",
)


@dataclass
class Served:
    body: bytes
    headers: dict[str, str]


@dataclass
class Site:
    """Pages by path; `settings` None serves them without the guard, as the control does."""

    port: int
    pages: dict[str, Served] = field(default_factory=dict)
    reports: list[bytes] = field(default_factory=list)
    settings: guard.GuardSettings = SETTINGS

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    def put(
        self,
        path: str,
        body: str | bytes,
        *,
        guarded: bool = True,
        content_type: str = "text/html; charset=utf-8",
        policy: str | None = None,
    ) -> str:
        """Publishes a page as the proxy would send it; returns its URL."""
        data = body.encode() if isinstance(body, str) else body
        headers = {"Content-Type": content_type}
        if guarded:
            terms = report.Terms(self.settings.mode, self.settings.site_servers)
            token = report.mint_token(KEY, CLIENT, HOST, terms)
            script = guard.script(replace(self.settings, token=token))
            kind = types.read(content_type)
            inserter = html.Inserter(script, kind.charset, xml=kind.is_xml)
            data = inserter.feed(data) + inserter.finish()
            if policy is not None:
                policy = csp.allow(policy, csp.hash_of(script), self.origin + REPORT_PATH)
        if policy is not None:
            headers["Content-Security-Policy"] = policy
        self.pages[path] = Served(data, headers)
        return self.origin + path

    def records(self, kind: str, count: int = 1) -> list[Record]:
        """The records of one kind, once `count` of them have come in (for up to a minute)."""
        found: list[Record] = []
        for _ in range(1200):
            found = [record for record in self._read() if record.kind == kind]
            if len(found) >= count:
                break
            time.sleep(0.05)
        return found

    def _read(self) -> Iterator[Record]:
        for body in list(self.reports):
            yield from report.read_report(
                body, key=KEY, site=HOST, client=CLIENT, settings=self.settings
            ).records


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served = site.pages.get(self.path.partition("?")[0], Served(b"", {}))
            self.send_response(200 if served.headers else 404)
            for name, value in served.headers.items():
                self.send_header(name, value)
            self._end(served.body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == REPORT_PATH:
                site.reports.append(body)
            self.send_response(204)
            self._end(b"")

        def _end(self, body: bytes) -> None:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(port=0)
    server = ThreadingHTTPServer((HOST, 0), _handler(made))
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def chromium_flags() -> list[str]:
    return FLAGS


@pytest.fixture(scope="module")
def firefox_preferences() -> Preferences:
    return FIREFOX


@pytest.fixture(scope="module")
def browser(chromium_flags: list[str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=chromium_flags)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="module", params=BROWSERS)
def tabs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tabs]:
    """Each browser in turn; pytest runs a module's tests for one before it starts the next."""
    if request.param == "chromium":
        yield ChromiumTabs(request.getfixturevalue("browser"))
        return
    preferences = request.getfixturevalue("firefox_preferences")
    with running_firefox(tmp_path_factory.mktemp("firefox"), preferences) as running:
        yield running


@pytest.fixture
def tab(tabs: Tabs) -> Iterator[Tab]:
    with tabs.open() as opened:
        yield opened


@pytest.fixture
def guarded(site: Site, page: Page) -> Page:
    """A plain page with the guard in it, loaded."""
    page.goto(site.put("/", "<!doctype html><title>plain</title><body>"))
    return page


@pytest.fixture
def in_mode(site: Site) -> Callable[..., None]:
    """Changes the settings of the guard in what is published from now on."""

    def change(**changes: object) -> None:
        site.settings = replace(site.settings, **changes)

    return change

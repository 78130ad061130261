"""One origin and one proxy for the tests that can share them, and browsers that go through it.

`through` and `bare` are tabs of the same browser, with the proxy and without it; a test that takes
one of them runs in Chromium and in Firefox.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests import origin as origins
from tests import raw as raws
from tests.browsers.firefox import Preferences
from tests.browsers.tab import BROWSERS, ChromiumTabs, Tab, Tabs, running_firefox
from tests.lab.browser import CHROMIUM
from tests.lab.net import Lab
from tests.lab.requirements import cannot_run, missing
from tests.process import Running, running

RELAY = """
relay:
  servers:
    - urls: ["turn:192.0.2.10:3478?transport=udp"]
      username: u
      credential: p
"""


@pytest.fixture(scope="session")
def shared_origin() -> Iterator[origins.Origin]:
    with origins.serve() as served:
        yield served


@pytest.fixture
def origin(shared_origin: origins.Origin) -> origins.Origin:
    shared_origin.seen.clear()
    shared_origin.finish.clear()
    return shared_origin


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("proxy"), RELAY) as run:
        yield run


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Running]:
    """A proxy for one test: what it confirms is of no other."""
    with running(tmp_path, "") as run:
        yield run


@pytest.fixture(scope="session")
def shared_raw() -> Iterator[raws.RawOrigin]:
    with raws.serve() as served:
        yield served


@pytest.fixture
def raw(shared_raw: raws.RawOrigin) -> raws.RawOrigin:
    shared_raw.answers.clear()
    shared_raw.asked.clear()
    return shared_raw


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A client, its gateway and far sides; where they cannot be, tests are skipped, not in CI."""
    if reasons := missing():
        message = f"without these nothing shows that rtcguard works: {'; '.join(reasons)}"
        cannot_run(message)
    with Lab() as built:
        yield built


FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=MediaRouter,OptimizationHints,HttpsUpgrades",
]


def _firefox(port: int | None) -> Preferences:
    if port is None:
        return {"network.proxy.type": 0}
    made: dict[str, bool | int | str] = {
        "network.proxy.type": 1,
        # Firefox sends nothing for this machine's own names through a proxy, unless told; it then
        # takes them for secure only if told that too. (Chromium: `<-loopback>`.)
        "network.proxy.allow_hijacking_localhost": True,
        "network.proxy.testing_localhost_is_secure_when_hijacked": True,
    }
    for kind in ("http", "ssl"):
        made |= {f"network.proxy.{kind}": "127.0.0.1", f"network.proxy.{kind}_port": port}
    return made


@pytest.fixture(scope="module", params=BROWSERS)
def pair(
    request: pytest.FixtureRequest, proxy: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Tabs, Tabs]]:
    """A browser that goes through the proxy, and one that does not."""
    if request.param == "firefox":
        first, second = (tmp_path_factory.mktemp("firefox") for _ in range(2))
        with (
            running_firefox(first, _firefox(proxy.port)) as through,
            running_firefox(second, _firefox(None)) as bare,
        ):
            yield through, bare
        return
    with sync_playwright() as playwright:
        server = {"server": f"http://127.0.0.1:{proxy.port}", "bypass": "<-loopback>"}
        launch = playwright.chromium.launch
        guarded = launch(executable_path=CHROMIUM, args=FLAGS, proxy=server)
        plain = launch(executable_path=CHROMIUM, args=FLAGS)
        yield ChromiumTabs(guarded), ChromiumTabs(plain)
        guarded.close()
        plain.close()


@pytest.fixture
def through(pair: tuple[Tabs, Tabs]) -> Iterator[Tab]:
    with pair[0].open() as tab:
        yield tab


@pytest.fixture
def bare(pair: tuple[Tabs, Tabs]) -> Iterator[Tab]:
    with pair[1].open() as tab:
        yield tab

"""The proxy auto-config file, run by node, Chromium and Firefox."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from rtcguard.web.pac import CONTENT_TYPE, pac
from tests.browsers.environment import BrowserError, environment
from tests.browsers.tab import BROWSERS, BrowserName, ChromiumTabs, Tab, running_firefox
from tests.lab.browser import CHROMIUM, QUIET
from tests.origin import Origin, serve
from tests.process import running

HOSTS = {
    "rtcguard.test": "PROXY 192.0.2.1:8080",
    "localhost.example.org": "PROXY 192.0.2.1:8080",
    "127.0.0.1.example.org": "PROXY 192.0.2.1:8080",
    "notlocalhost": "PROXY 192.0.2.1:8080",
    "10.0.0.1": "PROXY 192.0.2.1:8080",
    "printer": "PROXY 192.0.2.1:8080",
    "printer.local": "PROXY 192.0.2.1:8080",
    "1.127.0.0": "PROXY 192.0.2.1:8080",
    "2001:db8::1": "PROXY 192.0.2.1:8080",
    "localhost": "DIRECT",
    "LOCALHOST": "DIRECT",
    "a.localhost": "DIRECT",
    "127.1.2.3": "DIRECT",
    "::1": "DIRECT",
    "[::1]": "DIRECT",
}


NAMES = ("site.example", "control.example")


def asked(text: str, hosts: list[str]) -> dict[str, str]:
    """What node makes of it, with nothing but the language."""
    script = (
        "const vm = require('vm'), scope = vm.createContext({});"
        f"vm.runInContext({json.dumps(text)}, scope); const found = {{}};"
        f"for (const host of {json.dumps(hosts)})"
        " found[host] = scope.FindProxyForURL('http://' + host + '/', host);"
        "console.log(JSON.stringify(found))"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_only_the_loopback_goes_direct() -> None:
    assert asked(pac(("192.0.2.1", 8080)), list(HOSTS)) == HOSTS
    assert asked(pac(("2001:db8::1", 80)), ["a"]) == {"a": "PROXY [2001:db8::1]:80"}


@pytest.mark.parametrize("host", ["", "a; DIRECT", 'a"', "a\n", "a/b", "é"])
def test_nothing_but_a_host_gets_into_it(host: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        pac((host, 8080))


@contextmanager
def opened(browser: BrowserName, folder: Path, text: str) -> Iterator[Tab]:
    """A tab of a browser with this file; it takes both names for the loopback."""
    url = f"data:{CONTENT_TYPE};base64,{base64.b64encode(text.encode()).decode()}"
    folder.mkdir()
    if browser == "firefox":
        preferences = {
            "network.proxy.type": 2,
            "network.proxy.autoconfig_url": url,
            "network.dns.localDomains": ",".join(NAMES),
        }
        with running_firefox(folder, preferences) as tabs, tabs.open() as tab:
            yield tab
        return
    mapped = ",".join(f"MAP {name} 127.0.0.1" for name in NAMES)
    flags = [*QUIET, f"--proxy-pac-url={url}", f"--host-resolver-rules={mapped}"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *flags], env={**environment(folder)}
        )
        with ChromiumTabs(launched).open() as tab:
            yield tab
        launched.close()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with serve() as served:
        yield served


@pytest.mark.parametrize("browser", BROWSERS)
def test_browsers_go_through_it_and_never_around(
    tmp_path: Path, origin: Origin, browser: BrowserName
) -> None:
    text, page = "() => document.body.innerText", f":{origin.port}/document"
    with running(tmp_path / "run") as run:
        # The control: a name that the browser is let reach without the proxy.
        file = pac(("127.0.0.1", run.port)).replace("FindProxyForURL", "ours") + (
            "function FindProxyForURL(url, host) {"
            ' return host === "control.example" ? "DIRECT" : ours(url, host); }'
        )
        with opened(browser, tmp_path / "browser", file) as tab:
            for place in (f"http://control.example{page}", f"http://127.0.0.1{page}"):
                tab.goto(place)
                assert tab.evaluate(text) == "hello"
            tab.goto("http://rtcguard.test/")
            assert "comes through rtcguard" in tab.evaluate(text)
            run.stop()
            origin.seen.clear()
            with pytest.raises(BrowserError, match=r"(?i)proxy"):
                tab.goto(f"http://site.example{page}")
            assert not origin.seen, "the browser went around the proxy"

"""The leak test's page, as a person uses it: Chromium and Firefox through a real `rtcguard run`, on
a client with IPv4 and IPv6, with coturn as the approved relay."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browsers.environment import BrowserError
from tests.browsers.tab import BROWSERS, BrowserName, Tab, Tabs
from tests.lab.browser import open_chromium
from tests.lab.capture import Capture
from tests.lab.firefox import open_firefox
from tests.lab.guard import PROXY, READY_SECONDS, Guard, running_guard
from tests.lab.leaks import beyond_relay
from tests.lab.net import (
    APPROVED_TURN,
    CLIENT,
    CLIENT_PUBLIC,
    GATEWAY,
    LAN,
    SINK,
    SITE,
    SITE_NAME,
    WAN,
    Role,
)
from tests.lab.requirements import cannot_run, missing
from tests.lab.servers import APPROVED_SECRET, PORT
from tests.lab.world import ROOT, World, running_world
from tests.web.test_accessible_browser import LOOK, axe

pytestmark = pytest.mark.lab

OPENERS = {"chromium": open_chromium, "firefox": open_firefox}
ENDED = ("green", "red", "unclear", "none")
SECONDS = 60.0
SITE_PORT = 8081
PAGE = "rtcguard.test/leaktest"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    reasons = missing()
    if reasons:
        cannot_run(f"the leak test's page was not tested: {'; '.join(reasons)}")
    with running_world() as built:
        yield built


def _configuration(more: str = "") -> Any:
    """All that the test can look at is on."""

    def written(world: World, secret: Path) -> str:
        return f"""\
version: 1
listen: {PROXY}
web: {{listen: "{GATEWAY.v4}:{SITE_PORT}"}}
relay:
  servers:
    - urls: ["turn:{APPROVED_TURN.v4}:{PORT}?transport=udp"]
      shared_secret_file: {secret}
stun: {{listen: ["0.0.0.0:{PORT}", "[{GATEWAY.v6}]:{PORT}"],
       clients: ["10.77.0.0/24", "2001:db8:77::/64"]}}
sinkhole: {{listen: ["{GATEWAY.v4}:53"], upstream: ["{SINK.v4}"]}}
{more}
"""

    return written


@pytest.fixture(scope="module")
def guard(world: World) -> Iterator[Guard]:
    with running_guard(world, configuration=_configuration()) as running:
        yield running


@dataclass
class Machine:
    """The client, with addresses of a test's own: the responder tells the like packets of one
    client and minute once, so that a second test of the same client waits for the next minute."""

    world: World
    now: Role = CLIENT
    number: int = 20

    def move(self) -> Role:
        client, old = self.world.lab.client, self.now
        self.number += 1
        new = Role(f"10.77.0.{self.number}", f"2001:db8:77::{self.number}")
        for version, before, after, length, gateway in (
            ("-4", old.v4, new.v4, 24, GATEWAY.v4),
            ("-6", old.v6, new.v6, 64, GATEWAY.v6),
        ):
            more = ["nodad"] if version == "-6" else []
            self._ip(client, "address", "delete", f"{before}/{length}", "dev", LAN)
            self._ip(client, "address", "add", f"{after}/{length}", "dev", LAN, *more)
            self._ip(client, version, "route", "replace", "default", "via", gateway)
        self.now = new
        return new

    def _ip(self, namespace: str, *arguments: str) -> None:
        self.world.lab.run(namespace, "ip", *arguments)


@pytest.fixture(scope="module")
def machine(world: World) -> Machine:
    return Machine(world)


@pytest.fixture
def client(machine: Machine) -> Role:
    """The addresses of this test's client."""
    return machine.move()


@contextlib.contextmanager
def _browser(
    world: World,
    name: BrowserName,
    authorities: Sequence[Path] = (),
    *,
    camera: bool = False,
    proxy: str | None = PROXY,
) -> Iterator[Tabs]:
    with OPENERS[name](world.lab, authorities, camera=camera, proxy=proxy) as tabs:
        yield tabs


@pytest.fixture(scope="module")
def one_machine(world: World) -> Iterator[Tabs]:
    """A Firefox, behind rtcguard on the same machine, as it is unless told otherwise."""
    folder = world.lab.directory / "one-machine"
    folder.mkdir()
    secret, config = folder / "secret", folder / "rtcguard.yaml"
    secret.touch(mode=0o600)
    secret.write_text(APPROVED_SECRET)
    config.write_text(f"""\
version: 1
relay:
  servers:
    - urls: ["turn:{APPROVED_TURN.v4}:{PORT}?transport=udp"]
      shared_secret_file: {secret}
""")
    state = folder / "state"
    variables = {**os.environ, "RTCGUARD_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "rtcguard", "run", "--config", str(config)]
    process = world.lab.start(world.lab.client, "rtcguard", argv, env=variables)
    try:
        process.wait_log("ready", READY_SECONDS)
        with _browser(world, "firefox", proxy="127.0.0.1:8080") as tabs:
            yield tabs
    finally:
        process.stop()


@pytest.fixture(scope="module")
def allowed(world: World, guard: Guard) -> Iterator[Tabs]:
    """A Chromium behind rtcguard that lets every page use a made-up microphone."""
    with _browser(world, "chromium", [guard.ca], camera=True) as tabs:
        yield tabs


def _wait(tab: Tab, condition: str) -> Any:
    """What a function gives in the page, as soon as that is something."""
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(BrowserError):  # the page is just being replaced
            if value := tab.evaluate(condition):
                return value
        assert time.monotonic() < deadline, f"never: {condition}"
        time.sleep(0.05)


def _run(tab: Tab, *, microphone: bool = False) -> dict[str, Any]:
    """Presses the button, and gives what the page says at the end."""
    _wait(tab, "() => document.querySelector('#start button')?.disabled === false")
    if microphone:
        tab.evaluate("() => document.querySelector('#media').click()")
    tab.evaluate("() => document.querySelector('#start button').click()")
    asked = (
        f"() => {json.dumps(ENDED)}.includes(document.querySelector('#verdict').dataset.verdict)"
    )
    _wait(tab, asked)
    text = tab.evaluate("() => document.querySelector('#json').textContent")
    words = tab.evaluate("() => document.querySelector('#verdict').innerText")
    assert text, words
    result: dict[str, Any] = json.loads(text)
    shown = tab.evaluate("() => ({...document.querySelector('#verdict').dataset})")
    assert shown["verdict"] == result["verdict"]
    assert shown["addresses"].split() == result["addresses"]
    result["words"] = words
    return result


NAMES = "names"  # .local ones


def _network(client: Role) -> dict[str, set[str]]:
    """What rtcguard sees of a browser without the guard, by row."""
    own = set(client.addresses)
    return {
        "stun": {CLIENT_PUBLIC, *own},
        "turn": own,
        "turn-tcp": {client.v4},  # in a tunnel of the proxy
        "name": {client.v4},
        "peer": own,
    }


def _hidden(client: Role, browser: BrowserName) -> dict[str, set[str]]:
    """What a page is told without leave to use anything: names in place of the LAN address."""
    chromium = {"stats": {CLIENT_PUBLIC}, "raddr": {CLIENT_PUBLIC}, "errors": {"10.77.0.x"}}
    return {
        **_network(client),
        **{row: {NAMES} for row in ("mdns", "frame", "srcdoc", "blank")},
        **(chromium if browser == "chromium" else {"stats": {NAMES, CLIENT_PUBLIC}}),
        "signaling": {NAMES, CLIENT_PUBLIC},
    }


def _shown(client: Role) -> dict[str, set[str]]:
    """What Chromium tells a page that may use the microphone."""
    own = set(client.addresses)
    return {
        **_network(client),
        "lan4": {client.v4},
        "lan6": {client.v6},
        **{row: own for row in ("media", "frame", "srcdoc", "blank")},
        "raddr": {CLIENT_PUBLIC},
        "stats": {CLIENT_PUBLIC, *own},
        "sdp": {client.v4},
        "errors": {"10.77.0.x", "2001:db8:77:x:x:x:x:x"},
        "signaling": {CLIENT_PUBLIC, *own},
    }


def _told(result: dict[str, Any], side: str) -> dict[str, set[str]]:
    """By row what one side told, where it told something."""
    return {
        name: {NAMES if one.endswith(".local") else one for one in row[side]["found"]}
        for name, row in result["rows"].items()
        if row[side]["state"] == "told"
    }


def _assert_green(result: dict[str, Any], without: dict[str, set[str]]) -> None:
    """Nothing came out; what would have is told, and what stopped it."""
    assert result["verdict"] == "green", result
    assert result["control"] is True
    assert _told(result, "before") == without
    assert _told(result, "after") == {}
    assert result["addresses"] == []
    rings = {name: row["ring"] for name, row in result["rows"].items() if row["ring"]}
    assert rings == {row: "signaling" if row == "signaling" else "page" for row in without}
    for address in set().union(*without.values()) - {NAMES}:
        assert address.endswith("x") or address in result["words"]


def _as_a_new_user(tab: Tab) -> dict[str, Any]:
    """From the first page by its link."""
    tab.goto("http://rtcguard.test/")
    tab.evaluate("""() => document.querySelector('a[href="/leaktest"]').click()""")
    result = _run(tab)
    assert tab.evaluate("() => document.querySelector('#frames').childElementCount") == 0
    assert result["rows"]["media"]["after"]["state"] == "skipped"
    return result


def test_a_new_user_gets_to_green_on_one_machine(client: Role, one_machine: Tabs) -> None:
    """As it is unless told otherwise: the responder can be reached from the loopback alone."""
    with one_machine.open() as tab:
        result = _as_a_new_user(tab)
        expected = _hidden(client, "firefox") | {"turn-tcp": {*client.addresses}}
        assert result["rows"]["name"]["before"]["state"] == "skipped"
        del expected["name"]
        _assert_green(result, expected)
        # A second test does not wait for the next minute, and needs no new page.
        _assert_green(_run(tab), expected)
        # What is said where the browser does not use its proxy: for this machine itself.
        tab.goto("http://127.0.0.1:8081/leaktest")
        _wait(tab, "() => !document.querySelector('#elsewhere').hidden")
        assert tab.evaluate("() => document.querySelector('#start').hidden")


def test_a_new_user_gets_to_green_behind_a_gateway(
    world: World, client: Role, allowed: Tabs
) -> None:
    """And nothing of it goes past the relay to the internet."""
    path = world.lab.directory / "green.pcap"
    capture = Capture(world.lab, world.lab.internet, WAN, "in", path)
    with capture, allowed.open() as tab:
        result = _as_a_new_user(tab)
        tab.evaluate(axe())
        assert tab.evaluate(LOOK) == []
    _assert_green(result, _hidden(client, "chromium"))
    own = {*client.addresses, CLIENT_PUBLIC}
    sent = [packet for packet in capture.packets if packet.src in own]
    assert sent  # the relay was spoken to
    assert beyond_relay(sent) == []


def test_with_leave_to_use_the_microphone_every_way_is_seen(
    guard: Guard, client: Role, allowed: Tabs
) -> None:
    with allowed.open() as tab:
        tab.goto(f"https://{PAGE}")
        _assert_green(_run(tab, microphone=True), _shown(client))
    told = [one for one in guard.records() if one.client in client.addresses]
    assert {one.candidate_type for one in told if one.kind == "candidate"} >= {"host", "srflx"}
    # Packets of the frame that has no guard are no bypass.
    assert [one for one in told if one.kind == "stun"]
    assert not [one for one in told if "bypass" in one.reason or one.page == "guarded"]


def _reload(guard: Guard, world: World, configuration: str) -> None:
    guard.config.write_text(configuration)
    state = f"RTCGUARD_STATE_DIR={guard.ca.parents[1]}"
    world.lab.run(world.lab.gateway, "env", state, sys.executable, "-m", "rtcguard", "reload")


def test_with_the_rings_off_it_is_red_and_names_the_addresses(
    world: World, guard: Guard, client: Role, allowed: Tabs
) -> None:
    before = guard.config.read_text()
    try:
        _reload(guard, world, f"{before}mode: monitor\n")
        with allowed.open() as tab:
            tab.goto(f"https://{PAGE}")
            result = _run(tab)
    finally:
        _reload(guard, world, before)
    assert result["verdict"] == "red"
    assert set(result["addresses"]) >= {*client.addresses}
    assert all(address in result["words"] for address in client.addresses)
    assert "mode: monitor" in result["words"]
    after = _told(result, "after")
    for row, addresses in _shown(client).items():
        if row not in ("media", "name", "raddr", "errors"):
            assert after[row] & addresses, row
            assert result["rows"][row]["leaks"] is True


def test_past_the_proxy_it_is_red_and_says_why(world: World, guard: Guard, client: Role) -> None:
    with _browser(world, "firefox", proxy=None) as tabs, tabs.open() as tab:
        tab.goto(f"http://{GATEWAY.v4}:{SITE_PORT}/leaktest")
        result = _run(tab)
    assert result["verdict"] == "red"
    assert "did not come through rtcguard" in result["words"]
    assert {*client.addresses} <= set(result["addresses"])
    after = _told(result, "after")
    assert after["mdns"] == {NAMES}
    assert after["peer"] == {*client.addresses}
    assert after["turn-tcp"] >= {client.v4}


def test_a_browser_without_webrtc_has_nothing_to_leak(
    guard: Guard, client: Role, allowed: Tabs
) -> None:
    with allowed.open() as tab:
        # As in browsers that are built without it. There is none such here.
        tab.preload("() => { delete globalThis.RTCPeerConnection; }")
        tab.goto(f"https://{PAGE}")
        result = _run(tab)
    assert result["verdict"] == "none"
    assert "has no WebRTC" in result["words"]
    assert {
        row[side]["state"] for row in result["rows"].values() for side in ("before", "after")
    } <= {
        "none",
        "skipped",
    }


REACHING = Path(__file__).with_name("reaching.js").read_text()
# By path, what a connection of each frame is like for the page that may reach it.
OWN_FRAMES = """async () => {
  const found = {};
  for (const name of ["before", "after"]) {
    const made = document.createElement("iframe");
    made.src = `/leaktest/${name}`;
    document.body.append(made);
    await new Promise((resolve) => made.addEventListener("load", resolve));
    found[name] = new made.contentWindow.RTCPeerConnection().getConfiguration().iceTransportPolicy;
  }
  return found;
}"""


@pytest.fixture(scope="module")
def other_site(world: World) -> Iterator[str]:
    """A site in the internet that any page may frame and read; by its origin."""
    folder = world.lab.directory / "other"
    (folder / "leaktest").mkdir(parents=True)
    page = "<!doctype html><title>other</title><body>other"
    for name in ("index.html", "leaktest/before"):
        (folder / name).write_text(page)
    script = f"""\
import http.server as server
server.SimpleHTTPRequestHandler.extensions_map[""] = "text/html"
server.test(server.SimpleHTTPRequestHandler, port=80, bind="{SITE.v4}")
"""
    process = world.lab.start(
        world.lab.internet, "other", [sys.executable, "-c", script], cwd=folder
    )
    process.wait_port("tcp", SITE.v4, 80)
    try:
        yield f"http://{SITE_NAME}"
    finally:
        process.stop()


@pytest.mark.parametrize("browser", BROWSERS)
def test_another_site_gets_nothing_by_the_frame_without_a_guard(
    guard: Guard,
    client: Role,
    allowed: Tabs,
    one_machine: Tabs,
    other_site: str,
    browser: BrowserName,
) -> None:
    tabs = allowed if browser == "chromium" else one_machine
    with tabs.open() as tab:
        tab.goto(f"{other_site}/")
        got = tab.evaluate(REACHING, "http://rtcguard.test/leaktest/before")
        # The same on its own origin: there it reaches each of them, and each is guarded.
        control = tab.evaluate(REACHING, f"{other_site}/leaktest/before")
        tab.goto("http://rtcguard.test/leaktest")
        own = tab.evaluate(OWN_FRAMES)
    assert got["spoken"] == []
    assert got["own"] == "relay"
    assert {*got["found"].values()} == {"SecurityError", "TypeError"}, got
    assert {control["found"][way] for way in ("iframe", "popup", "sandboxed")} == {"relay"}
    assert control["found"]["cors"] == "read"
    assert own == {"before": "all", "after": "relay"}
    told = [one for one in guard.records() if one.client in client.addresses]
    assert not [one for one in told if one.kind == "stun"]

"""Feature for feature a guarded page has what a bare one has: every difference is listed here.

The checks (`conformance/*.js`) are written after the W3C's WebRTC and WebIDL and, for the doors to
other windows that the guard stands behind, after DOM and HTML. They judge nothing: each tells what
it saw. They run in the same browser without the guard and with it, and what they saw must be the
same but where a table below says why not. Connections talk: without the guard over host candidates,
with it over a relay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rtcguard.page.guard import GuardSettings, Mode
from tests.browsers.firefox import Preferences
from tests.browsers.tab import Tabs
from tests.turn import Turn, running_turn

FOLDER = Path(__file__).with_name("conformance")
SHARED = FOLDER / "checks.js"
FILES = sorted(file.stem for file in FOLDER.glob("*.js") if file != SHARED)
QUIET = ["constructor", "configuration", "surface"]  # in which hardly anything is sent

RELAY = "every connection is relay-only"
SERVERS = "the approved servers stand in place of the page's"
READING = "the guard reads servers and policy first, the browser the rest in its order"
WORDS = "a server that the guard stops, or an unknown policy, fails in other words"
PROXY = "the guard's functions are proxies: their source text has no name"
STACK = "the guard's own calls are on the stack"
WATCHED = "Firefox parses markup in another way where a MutationObserver watches, as the guard does"
REPORTS = "the guard's reports are requests of the page"
UNTOLD = "a server that was taken out is not judged by the browser"
SOURCE = "documents that have no server carry the guard in their source, HTML is UTF-8 and standard"
PICTURE = "XML that has no server is shown as an image, without scripts"
PLACED = "markup with frames is put in by way of a template, and their sources are made safe"
STRICT = "a URL that the guard cannot read is refused, though the browser takes it"

DIFFERENCES = {
    "getConfiguration: the policy where none was asked for": RELAY,
    "getConfiguration: the policy all": RELAY,
    "setConfiguration: the policy is changed": RELAY,
    "getConfiguration: the servers where none were asked for": SERVERS,
    "getConfiguration: the servers that were asked for": SERVERS,
    "setConfiguration: the servers are changed": SERVERS,
    "candidates: their types": RELAY,
    "candidates: their types in the description": RELAY,
    "candidates: what is known of a relay": RELAY,
    "candidates: relay asked for without a server": SERVERS,
    "candidates: a server that does not answer": SERVERS,
    "candidates: a server that refuses the credentials": SERVERS,
    "descriptions: the default address after gathering": RELAY,
    "stats: the types of local candidates": RELAY,
    "stats: the types of remote candidates": RELAY,
    "stats: the selected pair's types": RELAY,
    "stats: the selected pair's relay": RELAY,
    "stats: the names of a local candidate's members": RELAY,
    "constructor: the order in which members are read": READING,
    "constructor: the first of two wrong members decides": READING,
    "setConfiguration: the order in which members are read": READING,
    "setConfiguration: on no connection, nothing is read": READING,
    "configuration: the words of errors": WORDS,
    "configuration: the words of an error about the policy": WORDS,
    "configuration: constructor with turn, a username of 510 bytes": UNTOLD,
    "configuration: setConfiguration with turn, a username of 510 bytes": UNTOLD,
    "surface: the source text of the class": PROXY,
    "surface: the class made a string": PROXY,
    "surface: the source text of setConfiguration": PROXY,
    "surface: the source text of functions that put elements in": PROXY,
    "traces: frames on the stack while a configuration is read": STACK,
    "traces: the first frame of an error's stack": STACK,
    "configuration: the words of errors of setConfiguration": WORDS,
    "blobs: what is fetched of text/html": SOURCE,
    "blobs: what is fetched of TEXT/HTML; charset=utf-8": SOURCE,
    "frames: a blob": SOURCE,
    "frames: a blob without doctype": SOURCE,
    "frames: a sandbox": SOURCE,
    "frames: the first script sees itself first": SOURCE,
    "frames: attributes of a closed sandbox": SOURCE,
    "frames: attributes of a name": SOURCE,
    "frames: attributes of a sandbox": SOURCE,
    "frames: attributes of data:": SOURCE,
    "frames: attributes of srcdoc": SOURCE,
    "frames: attributes of srcdoc without doctype": SOURCE,
    "frames: attributes of srcdoc, empty": SOURCE,
    "markup: a fragment of a frame with srcdoc": SOURCE,
    "markup: innerHTML of a frame with srcdoc": SOURCE,
    "markup: insertAdjacentHTML of a frame with srcdoc": SOURCE,
    "markup: outerHTML of a frame with srcdoc": SOURCE,
    "markup: setHTMLUnsafe of a frame with srcdoc": SOURCE,
    "frames: a blob of SVG": PICTURE,
    "frames: a blob of XHTML": PICTURE,
    "markup: records of a mutation observer": PLACED,
}
ONLY_IN = {
    "chromium": {
        "traces: what the page has loaded": REPORTS,
        "constructor: which members of a server are read": READING,
        "constructor: the order in which members of a server are read": READING,
        "configuration: constructor with turn, two queries": STRICT,
        "configuration: setConfiguration with turn, two queries": STRICT,
        "transports: local candidates of ICE": RELAY,
        "transports: the selected pair of ICE": RELAY,
    },
    "firefox": {
        "markup: insertAdjacentHTML of a broken table": WATCHED,
        "candidates: their protocols": "TCP host candidates are no relay's",
        "configuration: constructor with stun, an empty port": STRICT,
        "configuration: setConfiguration with stun, an empty port": STRICT,
        "configuration: constructor with stun, an empty query": STRICT,
        "configuration: setConfiguration with stun, an empty query": STRICT,
        "configuration: constructor with stun, a port that is blocked": UNTOLD,
        "configuration: setConfiguration with stun, a port that is blocked": UNTOLD,
        "configuration: constructor with stuns": UNTOLD,
        "configuration: setConfiguration with stuns": UNTOLD,
        "configuration: constructor with turn, transport in capitals": UNTOLD,
        "configuration: setConfiguration with turn, transport in capitals": UNTOLD,
        "configuration: constructor with turn, credentialType oauth": UNTOLD,
        "configuration: setConfiguration with turn, credentialType oauth": UNTOLD,
        "configuration: constructor with turn, credentialType unknown": UNTOLD,
        "configuration: setConfiguration with turn, credentialType unknown": UNTOLD,
    },
}
# What is seen of these hangs on the moment: at first nothing is shown, then the image.
ON_THEIR_WAY = {"frames: attributes of a blob of SVG", "frames: attributes of a blob of XHTML"}
# Without names under `.local`, which both would announce on the network.
CHROMIUM = [
    "--allow-loopback-in-peer-connection",
    "--disable-features=MediaRouter,OptimizationHints,WebRtcHideLocalIpsWithMdns",
]
FIREFOX: Preferences = {
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
}
# What a first try at a guard looks like.
CARELESS = """<script>
const native = RTCPeerConnection;
window.RTCPeerConnection = function (configuration, constraints) {
  return new native({...configuration, iceServers: []}, constraints);
};
window.RTCPeerConnection.prototype = native.prototype;
</script>"""


@pytest.fixture(scope="module")
def chromium_flags(chromium_flags: list[str]) -> list[str]:
    return [*chromium_flags, *CHROMIUM]


@pytest.fixture(scope="module")
def firefox_preferences(firefox_preferences: Preferences) -> Preferences:
    return {**firefox_preferences, **FIREFOX}


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turn]:
    with running_turn(tmp_path_factory.mktemp("turn")) as running:
        yield running


@pytest.fixture(scope="module")
def remembered(tabs: Tabs) -> dict[str, dict[str, str]]:
    """What bare pages saw in this browser, by file."""
    return {}


@pytest.fixture
def checks(site: Any, tabs: Tabs, turn: Turn, remembered: dict[str, dict[str, str]]) -> Checks:
    for file in FOLDER.glob("*.js"):
        site.put(f"/{file.name}", file.read_text(), guarded=False, content_type="text/javascript")
    return Checks(site, tabs, turn, remembered)


class Checks:
    """The checks by file, each file in a page of its own: Chromium lets no page make many
    connections. What came of a check is JSON, or says that it failed."""

    def __init__(
        self, site: Any, tabs: Tabs, turn: Turn, remembered: dict[str, dict[str, str]]
    ) -> None:
        self._site, self._tabs, self._remembered = site, tabs, remembered
        self._approved = turn.server
        # The same server under a URL that is not the approved one, as a site would bring its own.
        self._pages = {**turn.server, "urls": [f"turn:127.0.0.1:{turn.port}?transport=tcp"]}

    def bare(self, names: Sequence[str]) -> dict[str, str]:
        for name in names:
            if name not in self._remembered:
                self._remembered[name] = self._run(name, guarded=False)
        return _together(self._remembered[name] for name in names)

    def guarded(self, names: Sequence[str], mode: Mode = "relay") -> dict[str, str]:
        settings: GuardSettings = self._site.settings
        self._site.settings = replace(settings, mode=mode, servers=(self._approved,))
        return _together(self._run(name, guarded=True) for name in names)

    def behind(self, script: str, names: Sequence[str]) -> dict[str, str]:
        """What they saw in bare pages that run this script first."""
        return _together(self._run(name, guarded=False, before=script) for name in names)

    def _run(self, name: str, *, guarded: bool, before: str = "") -> dict[str, str]:
        body = (
            f"<!doctype html><title>{name}</title><body>{before}"
            f"<script>const pageServer = {json.dumps(self._pages)}</script>"
            f"<script src=/{SHARED.name}></script><script src=/{name}.js></script>"
        )
        with self._tabs.open() as tab:
            tab.goto(self._site.put("/", body, guarded=guarded))
            seen: dict[str, str] = tab.evaluate("() => runAll()")
        assert seen, f"{name}.js has no checks"
        return seen


def _together(found: Iterable[dict[str, str]]) -> dict[str, str]:
    return {name: saw for one in found for name, saw in one.items()}


def _differences(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str, str]]:
    assert one.keys() == other.keys()
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def _failed(seen: dict[str, str]) -> dict[str, str]:
    return {name: saw for name, saw in seen.items() if saw.startswith("failed: ")}


def test_a_guarded_page_differs_as_listed(checks: Checks, tabs: Tabs) -> None:
    bare, guarded = checks.bare(FILES), checks.guarded(FILES)
    assert _failed(bare) == {}
    assert _failed(guarded) == {}
    found = _differences(bare, guarded)
    found = {name: both for name, both in found.items() if name not in ON_THEIR_WAY}
    listed = {**DIFFERENCES, **ONLY_IN[tabs.browser]}
    assert {name: both for name, both in found.items() if name not in listed} == {}
    assert listed.keys() - found.keys() == set(), "no difference any more"


def test_guarded_connections_run_over_the_relay(checks: Checks) -> None:
    seen = checks.guarded(["stats"])
    assert json.loads(seen["stats: the selected pair's types"]) == ["relay", "relay"]
    assert json.loads(seen["stats: the selected pair's relay"])[0] == "udp"
    assert json.loads(seen["stats: the types of local candidates"]) == ["relay"]


def test_an_observed_page_has_all_that_it_asks_for(checks: Checks, tabs: Tabs) -> None:
    found = _differences(checks.bare(QUIET), checks.guarded(QUIET, "observe"))
    listed = {**DIFFERENCES, **ONLY_IN[tabs.browser]}
    expected = {READING, PROXY, STACK} | {listed.get("traces: what the page has loaded", STACK)}
    assert {listed.get(name) for name in found} == expected, found


def test_control_a_careless_guard_is_seen(checks: Checks) -> None:
    found = _differences(checks.bare(QUIET), checks.behind(CARELESS, QUIET))
    assert found.keys() >= {
        "constructor: called without new",
        "constructor: which members are read",
        "subclass: an instance",
        "new.target: its prototype is taken",
        "surface: the class itself",
        "surface: RTCPeerConnection on the window",
        "surface: the source text of the class",
    }

"""The guard in a real Chromium: no way to a connection that is not relay-only."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

OURS = {"urls": ["turn:127.0.0.1:34789?transport=tcp"], "username": "ours", "credential": "secret"}
STUN = "stun:127.0.0.1:3478"

# Expressions that make a connection in some way; `cfg` is what a leaking page asks for.
WAYS = {
    "constructor": "new RTCPeerConnection(cfg)",
    "no argument": "new RTCPeerConnection()",
    "undefined": "new RTCPeerConnection(undefined)",
    "null": "new RTCPeerConnection(null)",
    "window property": "new window['RTC' + 'PeerConnection'](cfg)",
    "webkit": "new webkitRTCPeerConnection(cfg)",
    "constructor of an instance": "new (new RTCPeerConnection()).constructor(cfg)",
    "constructor of the prototype": "new RTCPeerConnection.prototype.constructor(cfg)",
    "prototype of an instance": (
        "new (Object.getPrototypeOf(new RTCPeerConnection()).constructor)(cfg)"
    ),
    "subclass": "new (class extends RTCPeerConnection {})(cfg)",
    "subclass of a subclass": (
        "new (class extends (class extends RTCPeerConnection {}) {"
        " constructor(c) { super(c); this.x = 1; } })(cfg)"
    ),
    "old-style wrapper": (
        "(() => { const N = RTCPeerConnection; const W = function (c) { return new N(c); };"
        " W.prototype = N.prototype; return new W(cfg); })()"
    ),
    "Reflect.construct": "Reflect.construct(RTCPeerConnection, [cfg])",
    "Reflect.construct with new.target": (
        "Reflect.construct(RTCPeerConnection, [cfg], class Other {})"
    ),
    "bound": "new (RTCPeerConnection.bind(null, cfg))()",
    "proxy": "new (new Proxy(RTCPeerConnection, {}))(cfg)",
    "symbol species": "new (RTCPeerConnection[Symbol.species] || RTCPeerConnection)(cfg)",
    "setConfiguration": (
        "(() => { const pc = new RTCPeerConnection(); pc.setConfiguration(cfg); return pc; })()"
    ),
    "setConfiguration of nothing": (
        "(() => { const pc = new RTCPeerConnection(); pc.setConfiguration({}); return pc; })()"
    ),
    "setConfiguration without argument": (
        "(() => { const pc = new RTCPeerConnection(); pc.setConfiguration(); return pc; })()"
    ),
    "setConfiguration from the prototype": (
        "(() => { const pc = new RTCPeerConnection();"
        " RTCPeerConnection.prototype.setConfiguration.call(pc, cfg); return pc; })()"
    ),
    "getConfiguration fed back": (
        "(() => { const pc = new RTCPeerConnection(cfg); const c = pc.getConfiguration();"
        " c.iceTransportPolicy = 'all'; c.iceServers.push({urls: 'stun:127.0.0.1'});"
        " pc.setConfiguration(c); return pc; })()"
    ),
    "accessors that change their answer": (
        "new RTCPeerConnection({ n: 0, get iceTransportPolicy() {"
        " return this.n++ ? 'relay' : 'all'; }, get iceServers() {"
        " return this.m++ ? [] : cfg.iceServers; }, m: 0 })"
    ),
    "inherited accessors": (
        "new RTCPeerConnection(new (class { get iceTransportPolicy() { return 'all'; }"
        " get iceServers() { return cfg.iceServers; } })())"
    ),
    "proxy as configuration": (
        "new RTCPeerConnection(new Proxy({}, { n: 0, get(t, k) {"
        " if (k === 'iceTransportPolicy') return this.n++ ? 'relay' : 'all'; return cfg[k]; } }))"
    ),
    "function as configuration": "new RTCPeerConnection(Object.assign(() => {}, cfg))",
    "iterable of servers": (
        "new RTCPeerConnection({ iceServers: { *[Symbol.iterator]() { yield* cfg.iceServers } } })"
    ),
    "urls that change their string": (
        "new RTCPeerConnection({ iceServers: [{ urls: { n: 0, toString() {"
        " return this.n++ ? 'stun:127.0.0.1' : 'stun:192.0.2.1' } } }] })"
    ),
    "old url member": "new RTCPeerConnection({ iceServers: [{ url: 'stun:127.0.0.1' }] })",
    "url and urls": (
        "new RTCPeerConnection({ iceServers:"
        " [{ url: 'stun:127.0.0.1', urls: ['STUN:127.0.0.1', ' stuns:127.0.0.1:1 '] }] })"
    ),
    "old iceTransports": "new RTCPeerConnection({ ...cfg, iceTransports: 'all' })",
    "array iterator replaced": (
        "(() => { const old = Array.prototype[Symbol.iterator]; try {"
        " Array.prototype[Symbol.iterator] = function () { const values = old.call(this);"
        " let sent = false; return { next: () => sent ? values.next() : (sent = true,"
        " { done: false, value: { urls: 'stun:127.0.0.1' } }) } };"
        " return new RTCPeerConnection({ iceServers: [] });"
        " } finally { Array.prototype[Symbol.iterator] = old; } })()"
    ),
    "polluted Object.prototype": (
        "(() => { const p = Object.prototype; try { p.get = () => 'all'; p.iceTransportPolicy ="
        " 'all'; p.iceServers = cfg.iceServers; p.construct = (T, a) => Reflect.construct(T, [cfg])"
        "; p.apply = p.construct; return new RTCPeerConnection(); } finally { delete p.get;"
        " delete p.iceTransportPolicy; delete p.iceServers; delete p.construct; delete p.apply } "
        "})()"
    ),
    "setter on Array.prototype": (
        "(() => { try { Object.defineProperty(Array.prototype, '0', { configurable: true,"
        " set(v) {}, get() { return cfg } }); return new RTCPeerConnection(); }"
        " finally { delete Array.prototype[0]; } })()"
    ),
    "Reflect and RegExp replaced": (
        "(() => { const r = { ...Object.getOwnPropertyDescriptors(Reflect) }; const e ="
        " RegExp.prototype.exec; try { Reflect.construct = (T) => new T(cfg); Reflect.apply ="
        " () => null; RegExp.prototype.exec = () => null; return new RTCPeerConnection(cfg); }"
        " finally { Object.defineProperties(Reflect, r); RegExp.prototype.exec = e; } })()"
    ),
    "deleted": "(() => { const C = RTCPeerConnection; delete window.RTCPeerConnection;"
    " try { return new (window.RTCPeerConnection || C)(cfg) }"
    " finally { window.RTCPeerConnection = C } })()",
    "frozen": "(Object.freeze(RTCPeerConnection), new RTCPeerConnection(cfg))",
}

READ = """(expression) => {
    const cfg = { iceTransportPolicy: 'all', iceServers: [
        { urls: 'stun:127.0.0.1:3478' }, { urls: ['stuns:stun.example.org', 'stun:[::1]'] },
        { urls: ['turn:turn.example.org', 'stun:x'], username: 'u', credential: 'c' }] };
    const pc = eval(expression);
    const c = RTCPeerConnection.prototype.getConfiguration.call(pc);
    pc.close?.();
    return [c.iceTransportPolicy, c.iceServers];
}"""


@pytest.mark.parametrize("expression", WAYS.values(), ids=WAYS.keys())
def test_every_way_is_relay_only_with_our_server(guarded: Page, expression: str) -> None:
    assert guarded.evaluate(READ, expression) == ["relay", [OURS]]


def test_the_ways_do_leak_without_the_guard(site: Any, page: Page) -> None:
    page.goto(site.put("/bare", "<!doctype html>", guarded=False))
    leaking = [name for name, way in WAYS.items() if page.evaluate(READ, way)[0] == "all"]
    assert leaking == list(WAYS)


def test_site_servers_are_kept_where_the_settings_say_so(
    site: Any, page: Page, in_mode: Callable[..., None]
) -> None:
    in_mode(site_servers="keep")
    page.goto(site.put("/", "<!doctype html>"))
    found = page.evaluate(READ, "new RTCPeerConnection(cfg)")
    theirs = {"urls": ["turn:turn.example.org"], "username": "u", "credential": "c"}
    assert found == ["relay", [OURS, theirs]]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([("keep", "^(?:turn:[^ ]+ [0-9]+ (?:udp|tcp))$", "")], ["ours", "turn:turn.example.org"]),
        ([("keep", "^turn:", "^turn:turn\\.example")], ["ours"]),
        # The first one decides.
        (
            [("replace", "^turn:turn", ""), ("keep", "^", "")],
            ["ours", "stun:127.0.0.1:3478", "stuns:stun.example.org", "stun:[::1]", "stun:x"],
        ),
        ([("drop", "^", "")], []),
        ([("drop", "^stun", "")], ["ours"]),
        ([("drop", "^turn", "")], ["ours"]),
    ],
)
def test_what_rules_say_of_servers(
    site: Any,
    page: Page,
    in_mode: Callable[..., None],
    rules: list[tuple[str, str, str]],
    found: list[str],
) -> None:
    def urls(way: str) -> list[str]:
        policy, servers = page.evaluate(READ, way)
        assert policy == "relay"
        told = [url for server in servers for url in server["urls"]]
        return ["ours" if url in OURS["urls"] else url for url in told]

    in_mode(rules=tuple(rules))
    page.goto(site.put("/", "<!doctype html>"))
    assert urls("new RTCPeerConnection(cfg)") == found
    # Where a page brings none, approved ones are put in whatever the rules are.
    assert urls("new RTCPeerConnection({ iceServers: [] })") == ["ours"]
    assert urls("new RTCPeerConnection()") == ["ours"]


def test_an_approved_server_that_the_page_brings_gets_our_credentials(guarded: Page) -> None:
    way = (
        "new RTCPeerConnection({ iceServers: [{ urls: ['TURN:127.0.0.1:34789?transport=tcp'],"
        " username: 'theirs', credential: 'theirs' }] })"
    )
    assert guarded.evaluate(READ, way) == ["relay", [OURS]]


def test_everything_else_in_the_configuration_is_kept(guarded: Page) -> None:
    found = guarded.evaluate("""async () => {
        const certificate = await RTCPeerConnection.generateCertificate(
            { name: 'ECDSA', namedCurve: 'P-256' });
        const config = { certificates: [certificate], bundlePolicy: 'max-bundle',
            rtcpMuxPolicy: 'require', iceCandidatePoolSize: 3 };
        const pc = new RTCPeerConnection(config);
        const got = pc.getConfiguration();
        pc.close();
        return [got.bundlePolicy, got.rtcpMuxPolicy, got.iceCandidatePoolSize,
            got.certificates[0].getFingerprints()[0].value ===
                certificate.getFingerprints()[0].value, Object.keys(config).length];
    }""")
    assert found == ["max-bundle", "require", 3, True, 4]


def test_the_constructor_looks_like_the_browsers_own(guarded: Page) -> None:
    found = guarded.evaluate("""() => {
        const pc = new RTCPeerConnection();
        class Sub extends RTCPeerConnection { extra() { return 1; } }
        const sub = new Sub();
        const own = Object.getOwnPropertyDescriptor(window, 'RTCPeerConnection');
        return [pc instanceof RTCPeerConnection, pc.constructor === RTCPeerConnection,
            webkitRTCPeerConnection === RTCPeerConnection, RTCPeerConnection.name,
            RTCPeerConnection.length, typeof RTCPeerConnection.generateCertificate,
            sub instanceof Sub && sub instanceof RTCPeerConnection, sub.extra(),
            Object.prototype.toString.call(pc), own.enumerable, own.writable, own.configurable,
            RTCPeerConnection.prototype.setConfiguration.name];
    }""")
    assert found == [
        *(True, True, True, "RTCPeerConnection", 0, "function", True, 1),
        *("[object RTCPeerConnection]", False, True, True, "setConfiguration"),
    ]


INVALID = [
    "5",
    "'x'",
    "{ iceServers: 5 }",
    "{ iceServers: 'ab' }",
    "{ iceServers: null }",
    "{ iceServers: {} }",
    "{ iceServers: [null] }",
    "{ iceServers: [5] }",
    "{ iceServers: [{}] }",
    "{ iceServers: [{ urls: [] }] }",
    "{ iceServers: [{ urls: '' }] }",
    "{ iceServers: [{ urls: 'foo:bar' }] }",
    "{ iceServers: [{ urls: 'stun:' }] }",
    "{ iceServers: [{ urls: 'stun:h:0' }] }",
    "{ iceServers: [{ urls: 'stun:h:99999' }] }",
    "{ iceServers: [{ urls: 'stun://h' }] }",
    "{ iceServers: [{ urls: 'stun:h?transport=udp' }] }",
    "{ iceServers: [{ urls: 'turn:h?transport=x', username: 'u', credential: 'c' }] }",
    "{ iceServers: [{ urls: ['stun:h', 'http://h'] }] }",
    "{ iceServers: [{ urls: 'turn:h' }] }",
    "{ iceServers: [{ urls: 'turn:h', username: '', credential: '' }] }",
    "{ iceServers: [{ urls: Symbol() }] }",
    "{ iceTransportPolicy: 'bogus' }",
    "{ iceTransportPolicy: null }",
    "{ bundlePolicy: 'bogus' }",
    "{ certificates: 5 }",
    "{ get iceServers() { throw new RangeError('mine') } }",
]
ERROR = """(text) => {
    try { new RTCPeerConnection(eval('(' + text + ')')).close(); return 'none' }
    catch (error) { return error.constructor.name + ' ' + error.name }
}"""


def test_invalid_configurations_fail_as_they_do_in_the_browser(site: Any, page: Page) -> None:
    def errors() -> dict[str, str]:
        return {text: page.evaluate(ERROR, text) for text in INVALID}

    page.goto(site.put("/bare", "<!doctype html>", guarded=False))
    bare = errors()
    page.goto(site.put("/", "<!doctype html>"))
    assert errors() == bare
    assert "none" not in bare.values()


def test_called_without_new_it_fails_as_the_browsers_own(guarded: Page) -> None:
    assert guarded.evaluate(
        "() => { try { RTCPeerConnection() } catch (e) { return e.name } }"
    ) == ("TypeError")


def test_block_mode_throws_and_reports(site: Any, page: Page, in_mode: Callable[..., None]) -> None:
    in_mode(mode="block")
    page.goto(site.put("/", "<!doctype html>"))
    found = page.evaluate("""() => ['RTCPeerConnection', 'webkitRTCPeerConnection'].map((name) => {
        try { new window[name]({ iceServers: [{ urls: 'stun:192.0.2.1' }] }) }
        catch (e) { return [e instanceof DOMException, e.name] } })""")
    assert found == [[True, "NotAllowedError"]] * 2
    assert {record.action for record in site.records("connection", 2)} == {"blocked"}
    assert {record.action for record in site.records("server", 2)} == {"blocked"}


def test_observe_mode_changes_nothing_and_reports(
    site: Any, page: Page, in_mode: Callable[..., None]
) -> None:
    def answers() -> dict[str, object]:
        # Chromium reads plain arrays without their iterator; the guard asks it, as WebIDL says.
        ways = {name: way for name, way in WAYS.items() if name != "array iterator replaced"}
        return {name: page.evaluate(READ, way) for name, way in ways.items()}

    page.goto(site.put("/bare", "<!doctype html>", guarded=False))
    bare = answers()
    in_mode(mode="observe")
    page.goto(site.put("/", "<!doctype html>"))
    assert answers() == bare
    assert {record.action for record in site.records("connection", 20)} == {"observed"}


def test_it_leaves_no_element_and_no_global(site: Any, page: Page) -> None:
    names = "() => [Reflect.ownKeys(window).map(String).sort(), document.scripts.length]"
    page.goto(site.put("/bare", "<!doctype html><title>x</title>", guarded=False))
    bare = page.evaluate(names)
    page.goto(site.put("/", "<!doctype html><title>x</title>"))
    assert page.evaluate(names) == bare


def test_a_guard_that_cannot_be_set_up_leaves_no_webrtc(site: Any, page: Page) -> None:
    broken = "<!doctype html><title>x</title>"
    url = site.put("/", broken)
    served = site.pages["/"]
    served.body = served.body.replace(b"=globalThis", b"=missing")
    page.goto(url)
    assert page.evaluate("() => typeof RTCPeerConnection + typeof webkitRTCPeerConnection") == (
        "undefinedundefined"
    )


@pytest.fixture
def stun() -> Iterator[socket.socket]:
    """A socket where a STUN server would be, which answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(1)
        yield listening


GATHER = """async (url) => {
    const pc = new RTCPeerConnection({ iceServers: [{ urls: url }], iceTransportPolicy: 'all',
        iceCandidatePoolSize: 1 });
    const seen = [];
    pc.onicecandidate = (e) => { if (e.candidate) seen.push(e.candidate.candidate) };
    pc.createDataChannel('x');
    await pc.setLocalDescription(await pc.createOffer());
    await new Promise((r) => setTimeout(r, 1500));
    for (const line of pc.localDescription.sdp.split('\\r\\n'))
        if (line.startsWith('a=candidate')) seen.push(line);
    (await pc.getStats()).forEach((s) => {
        if (s.type === 'local-candidate') seen.push(s.candidateType) });
    pc.close();
    return seen;
}"""


def _packets(listening: socket.socket) -> list[bytes]:
    found = []
    try:
        while True:
            found.append(listening.recv(2048))
    except TimeoutError:
        return found


def test_gathering_finds_no_address_and_asks_no_stun_server(
    site: Any, page: Page, stun: socket.socket
) -> None:
    url = f"stun:127.0.0.1:{stun.getsockname()[1]}"
    page.goto(site.put("/bare", "<!doctype html>", guarded=False))
    assert any("typ host" in line for line in page.evaluate(GATHER, url))
    asked = _packets(stun)
    assert any(packet[4:8] == b"\x21\x12\xa4\x42" for packet in asked)  # STUN's magic cookie

    page.goto(site.put("/", "<!doctype html>"))
    assert page.evaluate(GATHER, url) == []
    assert _packets(stun) == []
    assert site.records("candidate", 0) == []


def test_candidates_that_reach_the_page_are_reported(
    site: Any, page: Page, in_mode: Callable[..., None]
) -> None:
    in_mode(mode="observe")
    page.goto(site.put("/", "<!doctype html>"))
    page.evaluate(GATHER, "stun:127.0.0.1:1")
    record = site.records("candidate")[0]
    assert (record.ring, record.candidate_type, record.action) == ("page", "host", "observed")
    assert record.address and record.port and record.scope in ("mdns", "private", "public")


def test_reports_tell_what_the_page_asked_for(site: Any, guarded: Page) -> None:
    guarded.evaluate(READ, "new RTCPeerConnection(cfg)")
    guard_record = site.records("guard")[0]
    assert (guard_record.site, guard_record.client) == ("127.0.0.1", "127.0.0.1")
    connection = site.records("connection")[0]
    assert connection.action == "scrubbed"
    assert "'all'" in connection.reason and "5 server URLs" in connection.reason
    servers = site.records("server", 5)
    assert [record.destination for record in servers] == [
        "127.0.0.1:3478",
        "stun.example.org:5349",
        "[::1]:3478",
        "turn.example.org:3478",
        "x:3478",
    ]
    assert {record.action for record in servers} == {"stripped"}


def test_reports_go_to_the_pages_own_origin_whatever_its_base_says(site: Any, page: Page) -> None:
    page.goto(site.put("/", "<!doctype html><base href='http://192.0.2.1/'>"))
    page.evaluate("() => { window.fetch = navigator.sendBeacon = null; new RTCPeerConnection() }")
    assert len(site.records("connection")) == 1


def test_the_page_sees_no_listener_of_ours(guarded: Page) -> None:
    found = guarded.evaluate("""() => {
        const added = [];
        EventTarget.prototype.addEventListener = function (...args) { added.push(args); };
        const pc = new RTCPeerConnection();
        return [added.length, pc.onicecandidate, Object.keys(pc).length];
    }""")
    assert found == [0, None, 0]

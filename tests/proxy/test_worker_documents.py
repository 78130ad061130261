"""Documents that a service worker makes, in real browsers: no byte of them passes the proxy by
itself, and yet the guard is first in them."""

import json
from typing import Any

import pytest

from tests.browsers.environment import BrowserError
from tests.browsers.tab import Tab, Tabs
from tests.process import Running
from tests.raw import RawOrigin

POLICY = "new RTCPeerConnection().getConfiguration().iceTransportPolicy"
PAGE = f"<!doctype html><title>made</title><script>window.first = {POLICY}</script>"
PLAIN = "<!doctype html><title>plain</title>"
LISTEN = """
self.addEventListener('install', () => skipWaiting());
self.addEventListener('activate', (e) => e.waitUntil(clients.claim()));
const made = (headers = {}) =>
  new Response(TEXT, { headers: { 'content-type': 'text/html', ...headers } });
"""
LISTEN = f"const TEXT = {json.dumps(PAGE)};{LISTEN}"
ANSWER = """
self.addEventListener('fetch', (event) => {
  if (event.request.url.includes('/made')) event.respondWith(%s);
});
"""
REGISTER = """async (type) => {
    await navigator.serviceWorker.register('/sw.js', { type });
    while (!navigator.serviceWorker.controller) await new Promise((r) => setTimeout(r, 20));
}"""
FOUND = "() => [document.title, window.first, location.pathname, document.compatMode]"


def opened(tab: Tab, raw: RawOrigin, worker: str, kind: str = "classic") -> Any:
    """What a page shows that this worker made; `worker` is its script."""
    raw.put("/sw.js", worker, "text/javascript")
    tab.goto(raw.put("/", PLAIN))
    tab.evaluate(REGISTER, kind)
    tab.goto(raw.url + "/made")
    return tab.evaluate(FOUND)


def test_a_document_of_a_worker_is_guarded(raw: RawOrigin, through: Tab, bare: Tab) -> None:
    worker = LISTEN + ANSWER % "made()"
    assert opened(bare, raw, worker) == ["made", "all", "/made", "CSS1Compat"]
    assert opened(through, raw, worker) == ["made", "relay", "/made", "CSS1Compat"]
    assert not [path for path in raw.paths() if "rtcguard" in path]


def test_a_module_is_no_way_around(raw: RawOrigin, through: Tab, bare: Tab) -> None:
    """What a module imports is evaluated before its own first statement."""
    raw.put(
        "/taken.js", "export const native = FetchEvent.prototype.respondWith", "text/javascript"
    )
    answer = ANSWER.replace("event.respondWith(", "native.call(event, ")
    worker = "import { native } from './taken.js';" + LISTEN + answer % "made()"
    assert opened(bare, raw, worker, "module")[1] == "all"
    assert opened(through, raw, worker, "module")[:2] == ["made", "relay"]


HOSTILE = {
    "Object.prototype.then": (
        "const mine = new Set(); Object.defineProperty(Object.prototype, 'then', { get() {"
        " return this instanceof Response && !mine.has(this)"
        " ? (resolve) => { const r = made(); mine.add(r); resolve(r) } : undefined } });",
        "made()",
    ),
    "Promise.prototype.then": (
        "const { then } = Promise.prototype; Promise.prototype.then = function (f, g) {"
        " return then.call(this, (v) => f && f(v instanceof Response ? made() : v), g) };"
        " Object.defineProperty(Promise.prototype, 'constructor', { get: () => class {} });",
        "Promise.resolve(made())",
    ),
    "Array.prototype's iterator": (
        "Array.prototype[Symbol.iterator] = function* () { yield ['content-type', 'text/html'] };",
        "made()",
    ),
    "Headers and Response replaced": (
        "Headers.prototype.get = () => null; Headers.prototype.forEach = () => {};"
        " self.Response = function () {}; JSON.stringify = () => '{}'; self.fetch = null;",
        "made2()",
    ),
    "headers changed on the way": (
        "const flip = () => { const r = made({ 'content-disposition': 'attachment' });"
        " Promise.resolve().then(() => r.headers.delete('content-disposition')); return r };",
        "flip()",
    ),
    "from a cache": (
        "const kept = async () => { const c = await caches.open('x'); await c.put('/made', made());"
        " return c.match('/made') };",
        "kept()",
    ),
    "in UTF-16": (
        "const wide = () => { const t = '\\ufeff' + TEXT; const u = new Uint16Array(t.length);"
        " for (let i = 0; i < t.length; i++) u[i] = t.charCodeAt(i);"
        " return new Response(u, { headers: { 'content-type': 'text/html' } }) };",
        "wide()",
    ),
    "without a type": ("", "new Response(new TextEncoder().encode(TEXT))"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_worker_shows_nothing_unguarded(
    raw: RawOrigin, through: Tab, bare: Tab, name: str
) -> None:
    trick, answer = HOSTILE[name]
    captured = "const Real = Response; const made2 = () => new Real(TEXT, { headers: {"
    captured += " 'content-type': 'text/html' } });"
    worker = LISTEN + captured + trick + ANSWER % answer
    assert opened(bare, raw, worker)[1] == "all"
    try:
        assert opened(through, raw, worker)[1] in ("relay", None)
    except BrowserError as error:  # nothing is shown, which is as good
        assert "ERR_FAILED" in str(error) or "Download" in str(error) or "NS_" in str(error)


def test_static_routes_do_not_go_past_the_worker(raw: RawOrigin, through: Tab, bare: Tab) -> None:
    """Chromium alone has them; elsewhere the worker answers by itself."""
    routes = """
    self.addEventListener('install', (event) => event.waitUntil((async () => {
        await (await caches.open('x')).put('/made', made());
        if (event.addRoutes) await event.addRoutes(
            { condition: { urlPattern: '/made' }, source: 'cache' });
    })()));
    """
    worker = LISTEN + routes + ANSWER % "caches.match('/made')"
    assert opened(bare, raw, worker)[1] == "all"
    assert opened(through, raw, worker)[1] == "relay"


def test_policies_are_opened_for_the_guard_alone(raw: RawOrigin, through: Tab, bare: Tab) -> None:
    page = "<!doctype html><title>made</title><script nonce=a>window.a = 1</script>"
    page += "<script>window.b = 1</script>"
    policy = "default-src 'none'; script-src 'nonce-a'"
    worker = LISTEN + ANSWER % (
        f"new Response({json.dumps(page)}, {{ headers: {{ 'content-type': 'text/html',"
        f" 'content-security-policy': {json.dumps(policy)} }} }})"
    )
    raw.put("/sw.js", worker, "text/javascript", {"content-security-policy": "connect-src 'none'"})
    answer = raw.answers["/sw.js"]
    for tab, wanted in ((bare, "all"), (through, "relay")):
        tab.goto(raw.put("/", PLAIN))
        raw.answers["/sw.js"] = answer
        tab.evaluate(REGISTER, "classic")
        tab.goto(raw.url + "/made")
        assert tab.evaluate(f"() => [{POLICY}, window.a, window.b]") == [wanted, 1, None]


def test_a_worker_stays_what_it_was(raw: RawOrigin, pair: tuple[Tabs, Tabs]) -> None:
    """Strict or not, and the same byte for byte as long as the site's script is."""
    state = "(() => { try { undeclared = 1; return 'sloppy' } catch { return 'strict' } })()"
    update = """async () => {
        const registration = await navigator.serviceWorker.ready;
        await Promise.race([registration.update(), new Promise((r) => setTimeout(r, 2000))]);
        return [!!registration.installing, !!registration.waiting];
    }"""
    for start, wanted in (("/* a */ 'use strict';", "strict"), ("", "sloppy")):
        worker = f"{start}{LISTEN}const state = {state};"
        worker += ANSWER % "new Response('<title>' + state, { headers: made().headers })"
        for tabs in pair:
            with tabs.open() as tab:
                assert opened(tab, raw, worker)[0] == wanted
                assert tab.evaluate(update) == [False, False]


def test_fragments_and_other_answers_are_the_workers_own(raw: RawOrigin, through: Tab) -> None:
    answer = ANSWER.replace("/made", "/piece") % "made({ 'x-mine': 'yes' })"
    raw.put("/made", PLAIN)
    opened(through, raw, LISTEN + answer)
    fetched = "async () => { const r = await fetch('/piece'); return [await r.text(),"
    fetched += " r.headers.get('x-mine')] }"
    assert through.evaluate(fetched) == [PAGE, "yes"]


FORM = """(url) => {
    const form = document.createElement('form');
    Object.assign(form, { action: url, method: 'post', enctype: 'text/plain' });
    form.innerHTML = '<input name="<script>window.mine = 1</script>" value=x>';
    document.body.append(form);
    form.submit();
}"""


def test_nobody_gets_html_shown_in_a_sites_name(
    raw: RawOrigin, proxy: Running, through: Tab
) -> None:
    """The path that guards a worker's documents is no mirror for other sites' pages."""
    path = "/.well-known/rtcguard/document"
    head = {"rtcguard-head": json.dumps({"content-type": "text/html"})}
    response, body = proxy.request("POST", raw.url + path, b"<p>", head)
    assert response.status == 200 and b"<script>" in body
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"
    for method, headers in (
        ("GET", head),
        ("POST", {}),
        ("POST", {"rtcguard-head": "["}),
        ("POST", {"rtcguard-head": "[]"}),
        ("POST", {**head, "sec-fetch-dest": "document"}),
    ):
        response, body = proxy.request(method, raw.url + path, b"<p>", headers)
        assert (response.status, body) == (400, b"")
    other = raw.url.replace("127.0.0.1", "localhost")
    through.goto(raw.put("/", PLAIN + "<body>"))
    fetched = "(url) => fetch(url, { method: 'POST', body: '<p>', headers: { 'rtcguard-head':"
    fetched += " '{}' } }).then((r) => r.status, (e) => e.name)"
    assert through.evaluate(fetched, other + path) == "TypeError"
    assert through.evaluate(fetched, raw.url + path) == 200
    assert not [seen for seen in raw.asked if "rtcguard" in seen.path]

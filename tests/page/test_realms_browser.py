"""Other windows of the same origin, in a real Chromium: they are guarded before a script has them.

The ways of a page that means harm are in ways.js.
"""

from typing import Any

import pytest
from playwright.sync_api import Page

# Each is the body of a function that returns (a promise of) a window to make a connection in.
IN = "document.body.append(f);"
FRAME = "const f = document.createElement('iframe');"
REALMS = {
    "contentWindow": f"{FRAME}{IN} return f.contentWindow",
    "contentDocument": f"{FRAME}{IN} return f.contentDocument.defaultView",
    "frames": f"{FRAME}{IN} return frames[0]",
    "window index": f"{FRAME}{IN} return window[0]",
    "window name": f"{FRAME} f.name = 'named';{IN} return window.named",
    "appendChild": f"{FRAME} document.body.appendChild(f); return frames[0]",
    "appendChild called on another": (
        f"{FRAME} Node.prototype.appendChild.call(document.body, f); return frames[0]"
    ),
    "insertBefore": f"{FRAME} document.body.insertBefore(f, null); return frames[0]",
    "replaceChild": (
        f"{FRAME} const d = document.body.appendChild(document.createElement('p'));"
        " document.body.replaceChild(f, d); return frames[0]"
    ),
    "innerHTML": "document.body.innerHTML = '<p><iframe></iframe>'; return frames[0]",
    "outerHTML": (
        "const d = document.createElement('p'); document.body.append(d);"
        " d.outerHTML = '<iframe></iframe>'; return frames[0]"
    ),
    "insertAdjacentHTML": (
        "document.body.insertAdjacentHTML('beforeend', '<iframe></iframe>'); return frames[0]"
    ),
    "insertAdjacentElement": (
        f"{FRAME} document.body.insertAdjacentElement('beforeend', f); return frames[0]"
    ),
    "setHTMLUnsafe": "document.body.setHTMLUnsafe('<iframe></iframe>'); return frames[0]",
    "before a comment": (
        f"{FRAME} const c = document.createComment(''); document.body.append(c);"
        " c.before(f); return frames[0]"
    ),
    "fragment": (
        "const r = document.createRange(); document.body.append("
        "r.createContextualFragment('<iframe></iframe>')); return frames[0]"
    ),
    "range": (
        f"{FRAME} const r = document.createRange(); r.selectNodeContents(document.body);"
        " r.insertNode(f); return frames[0]"
    ),
    "table caption": (
        "document.body.innerHTML = '<table></table>'; const c = document.createElement('caption');"
        f"{FRAME} c.append(f); document.querySelector('table').caption = c; return frames[0]"
    ),
    "new body": (
        f"{FRAME} const b = document.createElement('body'); b.append(f); document.body = b;"
        " return frames[0]"
    ),
    "execCommand": (
        "document.body.contentEditable = 'true'; document.body.focus();"
        " document.execCommand('insertHTML', false, '<iframe></iframe>'); return frames[0]"
    ),
    "document.write": "document.write('<iframe></iframe>'); return frames[0]",
    "document.open and write": (
        "document.open(); document.write('<iframe></iframe>'); return frames[0]"
    ),
    "load handler after document.open": (
        "document.open(); document.write('<body>'); return new Promise((r) => {"
        f" {FRAME} f.onload = () => r(grab(frames[0]));{IN} }})"
    ),
    "load handler": (
        f"return new Promise((r) => {{ {FRAME} f.onload = () => r(grab(frames[0]));{IN} }})"
    ),
    "moved frame": (
        f"{FRAME}{IN} const p = document.createElement('p'); document.body.append(p);"
        " p.append(f); return frames[0]"
    ),
    "nested": (
        f"{FRAME}{IN} const d = frames[0].document; const g = d.createElement('iframe');"
        " d.body.append(g); return frames[0].frames[0]"
    ),
    "nested by the parent's method": (
        f"{FRAME}{IN} const g = document.createElement('iframe');"
        " document.body.appendChild.call(frames[0].document.body, g); return frames[0].frames[0]"
    ),
    "the child's own method on the parent": (
        f"{FRAME}{IN} const g = document.createElement('iframe');"
        " frames[0].Node.prototype.appendChild.call(document.body, g); return frames[1]"
    ),
    "sandboxed, same origin": (
        f"{FRAME} f.sandbox = 'allow-same-origin';{IN} return f.contentWindow"
    ),
    "shadow tree": (
        f"{FRAME} const h = document.createElement('p'); document.body.append(h);"
        " h.attachShadow({ mode: 'closed' }).append(f); return f.contentWindow"
    ),
    "object": (
        "return new Promise((r) => { const o = document.createElement('object'); o.data ="
        " '/plain'; o.onload = () => r(grab(o.contentWindow)); document.body.append(o); })"
    ),
    "frameset": (
        "document.documentElement.innerHTML = '<frameset><frame></frameset>'; return frames[0]"
    ),
    "window.open": "return window.open()",
    "window.open of about:blank": "return open('about:blank', 'x', 'popup')",
    "document.open as window.open": "return document.open('about:blank', 'y', '')",
    "srcdoc": (
        f"return new Promise((r) => {{ {FRAME} f.srcdoc = '<p>';"
        f" f.onload = () => r(grab(frames[0]));{IN} }})"
    ),
    "script in srcdoc": (
        f"return new Promise((r) => {{ window.take = (C) => r({{ RTCPeerConnection: C }});"
        f" {FRAME} f.srcdoc = '<script>parent.take(RTCPeerConnection)<' + '/script>';{IN} }})"
    ),
    "script in a blob": (
        f"return new Promise((r) => {{ window.take = (C) => r({{ RTCPeerConnection: C }}); {FRAME}"
        " f.src = URL.createObjectURL(new Blob(['<script>parent.take(RTCPeerConnection)<' +"
        f" '/script>'], {{ type: 'text/html' }}));{IN} }})"
    ),
    "javascript: URL": (
        f"return new Promise((r) => {{ window.take = (C) => r({{ RTCPeerConnection: C }}); {FRAME}"
        f" f.src = 'javascript:parent.take(RTCPeerConnection)';{IN} }})"
    ),
    "script written into a frame": (
        f"return new Promise((r) => {{ window.take = (C) => r({{ RTCPeerConnection: C }}); {FRAME}"
        f" {IN} f.contentDocument.write('<script>parent.take(RTCPeerConnection)<' + '/script>') }})"
    ),
    "frame of a guarded page": (
        f"return new Promise((r) => {{ {FRAME} f.src = '/plain';"
        f" f.onload = () => r(grab(f.contentWindow));{IN} }})"
    ),
    "frame navigated away from a page": (
        f"return new Promise((r) => {{ {FRAME} f.src = '/plain'; f.onload = () => {{"
        " f.onload = () => r(grab(frames[0])); f.src = URL.createObjectURL("
        f"new Blob(['<p>'], {{ type: 'text/html' }})) }};{IN} }})"
    ),
}
TRY = """async (body) => {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 60000));
    window.grab = (w) => ({ RTCPeerConnection: w.RTCPeerConnection });
    let realm = new Function(body)();
    // Whatever needs no waiting is taken at once, before any microtask.
    realm = realm instanceof Promise ? await Promise.race([realm, late]) : grab(realm);
    const pc = new realm.RTCPeerConnection({ iceServers: [{ urls: 'stun:192.0.2.1' }] });
    const { iceTransportPolicy, iceServers } = pc.getConfiguration();
    pc.close();
    return [iceTransportPolicy, iceServers.length, iceServers[0]?.username];
}"""
PLAIN = "<!doctype html><title>x</title><body>"


@pytest.fixture
def realms(site: Any, page: Page) -> Page:
    site.put("/plain", "<!doctype html><title>plain</title>")
    page.goto(site.put("/", PLAIN))
    return page


@pytest.mark.parametrize("body", REALMS.values(), ids=REALMS.keys())
def test_a_window_that_a_script_gets_is_guarded(realms: Page, body: str) -> None:
    assert realms.evaluate(TRY, body) == ["relay", 1, "ours"]


@pytest.mark.parametrize("body", REALMS.values(), ids=REALMS.keys())
def test_control_the_same_window_is_open_without_the_guard(
    site: Any, page: Page, body: str
) -> None:
    site.put("/plain", "<!doctype html><title>plain</title>", guarded=False)
    page.goto(site.put("/", PLAIN, guarded=False))
    assert page.evaluate(TRY, body)[0] == "all"


def test_a_frame_in_the_markup_is_guarded_before_the_next_script(site: Any, page: Page) -> None:
    page.goto(
        site.put(
            "/",
            "<!doctype html><body><iframe></iframe><script>"
            "window.found = new frames[0].RTCPeerConnection().getConfiguration().iceTransportPolicy"
            "</script>",
        )
    )
    assert page.evaluate("window.found") == "relay"


def test_a_connection_is_reported_once_though_two_guards_hold_its_window(
    site: Any, realms: Page
) -> None:
    realms.evaluate(TRY, REALMS["frame of a guarded page"])
    assert len(site.records("guard", 2)) == 2
    realms.wait_for_timeout(300)
    assert len(site.records("connection")) == 1


def test_a_page_that_wraps_the_constructor_is_left_with_its_own(realms: Page) -> None:
    """As webrtc-adapter does: a second look at the window must not wrap it again."""
    found = realms.evaluate("""() => {
        const f = document.createElement('iframe');
        document.body.append(f);
        const w = f.contentWindow;
        const native = w.RTCPeerConnection;
        w.RTCPeerConnection = function (c) { return new native(c) };
        w.RTCPeerConnection.prototype = native.prototype;
        const mine = w.RTCPeerConnection;
        return f.contentWindow.RTCPeerConnection === mine;
    }""")
    assert found is True


def test_frames_of_another_origin_work_as_before(site: Any, realms: Page) -> None:
    other = site.origin.replace("127.0.0.1", "localhost")
    found = realms.evaluate(
        """(url) => new Promise((r) => {
            const f = document.createElement('iframe');
            f.src = url;
            f.onload = () => r([typeof f.contentWindow.postMessage, f.contentDocument,
                (() => { try { frames[0].document } catch (e) { return e.name } })()]);
            document.body.append(f);
        })""",
        other + "/plain",
    )
    assert found == ["function", None, "SecurityError"]


@pytest.mark.parametrize("name", ["appendChild", "innerHTML"])
def test_methods_return_and_throw_as_before(realms: Page, name: str) -> None:
    found = realms.evaluate("""() => {
        const p = document.createElement('p');
        const error = (f) => { try { f() } catch (e) { return e.name } };
        return [document.body.appendChild(p) === p, (p.innerHTML = '<b>x</b>', p.innerHTML),
            error(() => document.body.appendChild(5)), error(() => p.appendChild(p)),
            error(() => Node.prototype.appendChild.call({}, p)), Node.prototype.appendChild.name,
            Node.prototype.appendChild.length];
    }""")
    assert found == [
        *(True, "<b>x</b>", "TypeError", "HierarchyRequestError", "TypeError", "appendChild", 1)
    ]

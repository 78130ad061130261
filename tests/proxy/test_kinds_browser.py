"""Documents of every kind and wording, through the real proxy in real browsers: whatever a browser
shows as a document that runs scripts has the guard before its first script, or runs none."""

import gzip
import json
from typing import Any, NamedTuple

import brotli
import pytest

from tests.browsers.environment import BrowserError
from tests.browsers.tab import Tab
from tests.process import Running
from tests.raw import RawOrigin, response

FIRST = "window.first = new RTCPeerConnection().getConfiguration().iceTransportPolicy"
SCRIPT = f"<script>{FIRST}</script>"
TITLED = f"<!doctype html><title>ä</title>{SCRIPT}"
XHTML = f'<html xmlns="http://www.w3.org/1999/xhtml"><head><script>{FIRST}</script></head></html>'
FOUND = "() => [window.first ?? null, document.title, document.characterSet, document.compatMode]"
ALL = ("chromium", "firefox")


class Kind(NamedTuple):
    """A response that is a document with scripts to the browsers named in `shown`."""

    body: bytes
    kind: str | None
    headers: dict[str, str] = {}  # noqa: RUF012
    shown: tuple[str, ...] = ALL
    status: str = "200 OK"


UTF16 = TITLED.encode("utf-16-le")
KINDS = {
    "with a comma": Kind(TITLED.encode(), "text/html,charset=utf-8"),
    "with a word behind": Kind(TITLED.encode(), "text/html x"),
    "with a bracket": Kind(TITLED.encode(), "text/html(x)", shown=("chromium",)),
    "the last of two": Kind(TITLED.encode(), "application/json, text/html; charset=utf-8"),
    "before anything": Kind(TITLED.encode(), "text/html, */*"),
    "anything": Kind(TITLED.encode(), "*/*"),
    "unknown": Kind(TITLED.encode(), "application/unknown", shown=("chromium",)),
    "unknown/unknown": Kind(TITLED.encode(), "unknown/unknown", shown=("chromium",)),
    "no type": Kind(TITLED.encode(), None),
    "an empty type": Kind(TITLED.encode(), ""),
    "no type, XML": Kind(b"<?xml version='1.0'?>" + XHTML.encode(), None),
    "no type, <header>": Kind(f"<header>{SCRIPT}".encode(), None, shown=("chromium",)),
    "no type, vertical tab": Kind(f"\v<p>{SCRIPT}".encode(), None, shown=("chromium",)),
    "an open quote": Kind(UTF16, 'text/html; charset="utf-16le'),
    "an escape": Kind(UTF16, 'text/html; charset="utf\\-16le"'),
    "a quoted parameter": Kind(UTF16, 'text/html; x="; charset=utf-8"; charset=utf-16le'),
    "charset of the last": Kind(UTF16, "text/html; charset=utf-8, text/html; charset=utf-16le"),
    "charset of the first": Kind(UTF16, "text/html; charset=utf-16le, text/html"),
    "a late declaration": Kind(
        f"<!doctype html><!--{'x' * 2000}--><meta charset=koi8-r><title>ю</title>{SCRIPT}".encode(
            "koi8-r"
        ),
        "text/html",
    ),
    "stacked encodings": Kind(
        brotli.compress(gzip.compress(TITLED.encode())),
        "text/html; charset=utf-8",
        {"content-encoding": "gzip, br"},
    ),
    "an error page": Kind(TITLED.encode(), "text/html; charset=utf-8", status="404 Not Found"),
    "part of a page": Kind(
        TITLED.encode(),
        "text/html; charset=utf-8",
        {"content-range": f"bytes 0-9/{len(TITLED.encode())}"},
        status="206 Partial Content",
    ),
    "XML": Kind(XHTML.encode(), "text/xml"),
    "RDF": Kind(XHTML.encode(), "application/rdf+xml", shown=("firefox",)),
    "MathML": Kind(XHTML.encode(), "application/mathml+xml", shown=("firefox",)),
}


def opened(tab: Tab, url: str) -> Any:
    """What a page tells of itself; None: it did not open."""
    try:
        tab.goto(url)
        return tab.evaluate(FOUND)
    except BrowserError:
        return None


@pytest.mark.parametrize("name", KINDS)
def test_a_document_is_guarded_and_else_the_same(
    raw: RawOrigin, through: Tab, bare: Tab, name: str
) -> None:
    given = KINDS[name]
    url = raw.put("/", given.body, given.kind, given.headers, given.status)
    plain = opened(bare, url)
    if through.browser in given.shown:
        first, *rest = plain
        assert first == "all"
        guarded = opened(through, url)
        if name == "no type, vertical tab":  # where its charset is guessed from
            rest, guarded = rest[:1] + rest[2:], guarded[:2] + guarded[3:]
        assert guarded == ["relay", *rest]
    else:
        assert plain is None or plain[0] is None
        found = opened(through, url)
        assert found is None or found[0] != "all"


def test_a_response_of_http_1_0_is_guarded(raw: RawOrigin, through: Tab, bare: Tab) -> None:
    raw.answers["/"] = b"HTTP/1.0 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\r\n"
    raw.answers["/"] += TITLED.encode()
    plain = opened(bare, raw.url + "/")
    assert plain[0] == "all"
    assert opened(through, raw.url + "/") == ["relay", *plain[1:]]


TRANSFORM = f"""<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="html"/><xsl:template match="/"><html><head><title>made</title>
<script>{FIRST}</script></head></html></xsl:template></xsl:stylesheet>"""
XML = "<?xml version='1.0'?>{}<r xmlns:h='http://www.w3.org/1999/xhtml'>data</r>"
INSTRUCTION = "<?xml-stylesheet type='text/xsl' href='/t.xsl'?>"
# No guard can go into these: no script runs in them.
CLOSED = {
    "a transform": Kind(XML.format(INSTRUCTION).encode(), "text/xml"),
    "a transform, no type": Kind(XML.format(INSTRUCTION).encode(), None),
    "a transform of XHTML": Kind(XML.format(INSTRUCTION).encode(), "application/xhtml+xml"),
    "a transform by a header": Kind(
        XML.format("").encode(),
        "text/xml",
        {"link": "</t.xsl>; rel=stylesheet; type=text/xsl"},
        ("firefox",),
    ),
    "a transform as a document": Kind(TITLED.encode(), "text/xsl", shown=("chromium",)),
    "parts": Kind(
        b"--b\r\nContent-Type: text/html\r\n\r\n" + TITLED.encode() + b"\r\n--b--\r\n",
        "multipart/x-mixed-replace; boundary=b",
        shown=("firefox",),
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_get_the_guard_runs_no_script(
    raw: RawOrigin, through: Tab, bare: Tab, name: str
) -> None:
    given = CLOSED[name]
    raw.put("/t.xsl", TRANSFORM, "text/xsl")
    url = raw.put("/", given.body, given.kind, given.headers)
    plain = opened(bare, url)
    if through.browser in given.shown:
        assert plain[0] == "all"
    assert opened(through, url)[0] is None
    if name == "a transform":
        policy = "() => new RTCPeerConnection().getConfiguration().iceTransportPolicy"
        assert through.evaluate(policy) == "relay"
        assert through.evaluate("() => document.documentElement.textContent") == "data"


TEXTS = {
    "text": Kind(TITLED.encode(), "text/plain"),
    "text, not to be guessed": Kind(TITLED.encode(), None, {"x-content-type-options": "nosniff"}),
    "the last of two": Kind(TITLED.encode(), "text/html, text/plain"),
    "no type, text": Kind(f"hello {SCRIPT}".encode(), None),
    "no type, a mark": Kind(("﻿" + TITLED).encode(), None),
    "no type, an image": Kind(f"<img>{SCRIPT}".encode(), None),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_stays_text(raw: RawOrigin, through: Tab, bare: Tab, name: str) -> None:
    given = TEXTS[name]
    url = raw.put("/", given.body, given.kind, given.headers)
    shown = "() => [document.body.textContent, document.contentType, document.characterSet]"
    plain = opened(bare, url), bare.evaluate(shown)
    assert "<script>" in plain[1][0]
    assert (opened(through, url), through.evaluate(shown)) == plain


HEADERS = {
    "integrity-policy": "blocked-destinations=(script)",
    "document-policy": "force-load-at-top, document-write=?0",
    "permissions-policy": "camera=(), microphone=(), autoplay=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "refresh": "60",
}


def test_no_other_header_keeps_the_guard_out(
    raw: RawOrigin, through: Tab, bare: Tab, proxy: Running
) -> None:
    """All of them at once; the page's own script runs as without the guard."""
    body = TITLED + "<script>window.own = 1</script>"
    url = raw.put("/", body, headers=HEADERS)
    found = "() => [window.first, window.own, self.crossOriginIsolated]"
    bare.goto(url)
    through.goto(url)
    assert bare.evaluate(found)[:2] == ["all", 1]
    assert through.evaluate(found) == ["relay", *bare.evaluate(found)[1:]]


def test_going_back_shows_a_guarded_page(raw: RawOrigin, through: Tab) -> None:
    """From the browser's memory or anew; no copy that a server calls lasting is kept."""
    lasting = {"cache-control": "public, max-age=86400, immutable", "etag": '"1"'}
    here = raw.put("/", TITLED, headers=lasting)
    there = raw.put("/there", TITLED, headers=lasting)
    for url in (here, there, here):
        through.goto(url)
        assert through.evaluate(FOUND)[0] == "relay"
    assert raw.paths().count("/") == 2
    assert not any("if-none-match" in one.headers for one in raw.asked)


def test_what_a_script_fetches_stays_byte_for_byte(raw: RawOrigin, through: Tab, bare: Tab) -> None:
    fetched = "(path) => fetch(path).then((r) => r.text())"
    pieces = {"/piece": f"<p>{SCRIPT}", "/feed": XML.format(INSTRUCTION)}
    raw.put("/piece", pieces["/piece"])
    raw.put("/feed", pieces["/feed"], "text/xml")
    for tab in (through, bare):
        tab.goto(raw.put("/", TITLED))
        for path, text in pieces.items():
            assert tab.evaluate(fetched, path) == text


SVG = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{FIRST}</script></svg>'
COPY = """async ([path, how, patience]) => {
    if (how === 'fetch') return (await (await fetch(path)).text()).length;
    await new Promise((yes, no) => {
        const element = document.createElement(how === 'image' ? 'img' : 'link');
        Object.assign(element, { onload: yes, onerror: no, rel: 'prefetch' });
        element[how === 'image' ? 'src' : 'href'] = path;
        document.head.append(element);
        setTimeout(yes, patience);
    });
}"""


@pytest.mark.parametrize("how", ["fetch", "prefetch", "image"])
def test_a_copy_that_was_fetched_is_not_shown_as_a_document(
    raw: RawOrigin, through: Tab, bare: Tab, how: str
) -> None:
    """Chromium shows a document out of the cache that a fetch filled, as the control tells."""
    lasting = {"cache-control": "public, max-age=86400, immutable"}
    body, kind = (SVG, "image/svg+xml") if how == "image" else (TITLED, "text/html; charset=utf-8")
    for tab, policy, path in ((bare, "all", "/bare"), (through, "relay", "/through")):
        tab.goto(raw.put("/", "<!doctype html><head></head><body>"))
        url = raw.put(path, body, kind, headers=lasting)
        # Firefox says nothing of what it has fetched in advance.
        patience = 1000 if tab.browser == "firefox" else 30_000
        tab.evaluate(COPY, [path, how, patience])
        tab.goto(url)
        assert tab.evaluate("() => window.first") == policy
    if bare.browser == "chromium":
        assert (raw.paths().count("/bare"), raw.paths().count("/through")) == (1, 2)


OBJECT = """(path) => new Promise((resolve) => {
    window.ran = false;
    const object = document.createElement('object');
    object.onload = () => resolve(window.ran);
    object.type = 'text/html';
    object.data = path;
    document.body.append(object);
})"""


def test_what_cannot_be_told_from_a_fetch_runs_no_script(
    raw: RawOrigin, proxy: Running, bare: Tab
) -> None:
    """Firefox asks for an <object> on a plain HTTP page as fetch() does. Such HTML stays byte for
    byte, and has a header that a document heeds alone."""
    piece = "<p>x<script>parent.ran = true</script>"
    url = raw.put("/piece", piece)
    for accept, dest, closed in (("*/*", "", True), ("*/*", "empty", False)):
        headers = {"accept": accept} | ({"sec-fetch-dest": dest} if dest else {})
        answer, body = proxy.request("GET", url, headers=headers)
        assert body == piece.encode()
        assert (answer.headers["content-security-policy"] == "sandbox") is closed
    raw.put("/closed", piece, headers={"content-security-policy": "sandbox"})
    bare.goto(raw.put("/", "<!doctype html><body>"))
    assert bare.evaluate(OBJECT, "/piece") is True
    assert bare.evaluate(OBJECT, "/closed") is False


def test_the_head_arrives_while_the_server_still_sends(raw: RawOrigin, proxy: Running) -> None:
    """The rest is sent only when the first bytes have come through."""
    import http.client
    import threading

    seen = threading.Event()

    def slowly(_: Any) -> Any:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n"
        yield head.encode() + b"<!doctype html><meta charset=utf-8><title>t</title>"
        assert seen.wait(60)
        yield b"<p>rest"

    raw.answers["/"] = slowly
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    headers = {"accept": "text/html", "sec-fetch-dest": "document"}
    connection.request("GET", raw.url + "/", headers=headers)
    answer = connection.getresponse()
    assert answer.read(15) == b"<!doctype html>"
    seen.set()
    assert answer.read().endswith(b"<p>rest")
    connection.close()


def test_what_is_made_void_is_told(raw: RawOrigin, proxy: Running) -> None:
    raw.answers["/"] = response(XML.format(INSTRUCTION).encode(), "text/xml")
    headers = {"sec-fetch-dest": "document"}
    _, body = proxy.request("GET", raw.url + "/", headers=headers)
    assert b"<?rtcguard-style" in body and b"xml-stylesheet" not in body
    rows = json.dumps(proxy.report("ring"))
    assert "blocked" in rows

"""Ring 1 on real flows: documents with the guard in them, and the guard's reports."""

import contextlib
import json
import re
import sqlite3
import time
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

from rtcguard.page import csp
from tests.origin import DOCUMENT, Origin
from tests.process import Running

REPORT = "/.well-known/rtcguard/report"
NAVIGATION = {"accept": "text/html,*/*", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
RELAY = "candidate:3 1 udp 33562623 192.0.2.10 50001 typ relay raddr 0.0.0.0 rport 0"


def script_in(body: bytes) -> str:
    found = re.search(rb"<script>(.*?)</script>", body, re.DOTALL)
    assert found is not None
    return found[1].decode()


def token_in(body: bytes) -> str:
    found = re.search(r'"token":"([0-9a-z-]+)"', script_in(body))
    assert found is not None
    return found[1]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate", "br", "zstd"])
def test_the_guard_is_first_in_every_document(
    origin: Origin, proxy: Running, encoding: str
) -> None:
    url = f"{origin.url}/document?encoding={encoding}"
    headers = {**NAVIGATION, "accept-encoding": "gzip, deflate, br, zstd, dcb"}
    response, body = proxy.request("GET", url, headers=headers)
    script = f"<script>{script_in(body)}</script>".encode()
    assert body.replace(script, b"") == DOCUMENT
    assert body.startswith(b"<!DOCTYPE html>\n" + script)
    assert response.headers["content-encoding"] is None
    assert response.headers["cache-control"] == "no-store"
    (request,) = origin.seen
    assert request.headers["accept-encoding"] == "gzip, deflate, br, zstd"
    assert b"turn:192.0.2.10:3478?transport=udp" in body


def test_a_document_in_an_unknown_encoding_is_stopped(origin: Origin, proxy: Running) -> None:
    url = f"{origin.url}/document?encoding=dcb"
    with pytest.raises(ConnectionError):
        proxy.request("GET", url, headers=NAVIGATION)


def test_a_document_is_asked_for_whole(origin: Origin, proxy: Running) -> None:
    conditions = {"if-none-match": '"x"', "if-modified-since": "x", "range": "bytes=9-"}
    proxy.request("GET", f"{origin.url}/document", headers={**NAVIGATION, **conditions})
    (request,) = origin.seen
    assert not conditions.keys() & request.headers.keys()


def test_a_strict_page_lets_the_guard_run(origin: Origin, proxy: Running) -> None:
    policy = "default-src 'none'; script-src 'nonce-abc'"
    query = urlencode({"-content-security-policy": policy})
    response, body = proxy.request("GET", f"{origin.url}/document?{query}", headers=NAVIGATION)
    allowed = response.headers["content-security-policy"]
    assert csp.hash_of(script_in(body)) in allowed
    assert f"{origin.url}{REPORT}" in allowed


def test_fragments_and_downloads_stay_as_they_are(origin: Origin, proxy: Running) -> None:
    fragment = b"<p>a piece of a page</p>"
    sent = {"content-type": "text/html", "sec-fetch-dest": "empty", "accept": "*/*"}
    _, body = proxy.request("POST", f"{origin.url}/echo", fragment, sent)
    assert body == fragment
    query = urlencode({"-content-disposition": "attachment; filename=a.html"})
    _, body = proxy.request("GET", f"{origin.url}/document?{query}", headers=NAVIGATION)
    assert body == DOCUMENT


def test_a_document_that_an_old_worker_passes_on_gets_the_guard(
    origin: Origin, proxy: Running
) -> None:
    for accept, guarded in (("text/html,*/*;q=0.8", True), ("*/*", False)):
        headers = {"sec-fetch-dest": "empty", "accept": accept}
        _, body = proxy.request("GET", f"{origin.url}/document", headers=headers)
        assert (b"<script>" in body) is guarded
        assert guarded or body == DOCUMENT


def test_reports_are_answered_by_the_proxy_and_confirm(origin: Origin, own: Running) -> None:
    _, page = own.request("GET", f"{origin.url}/document", headers=NAVIGATION)
    origin.seen.clear()

    def echoed() -> str:
        with connect(
            f"ws://127.0.0.1:{origin.port}/ws",
            proxy=f"http://127.0.0.1:{own.port}",
            origin=origin.url,
        ) as channel:
            channel.send(json.dumps({"candidate": RELAY}))
            return str(channel.recv(timeout=60))

    def report(token: str) -> int:
        body = json.dumps({"token": token, "kind": "guard"})
        headers = {"content-type": "text/plain", "origin": origin.url}
        return own.request("POST", origin.url + REPORT, body, headers)[0].status

    assert "typ host" in echoed()  # the far side is made inert while nobody confirmed
    assert report("0" * 32) == 400
    assert "typ host" in echoed()
    assert report(token_in(page)) == 204
    assert "typ relay" in echoed()
    assert not [seen for seen in origin.seen if seen.path == REPORT]


def test_what_a_page_asked_for_is_in_the_ledger(origin: Origin, proxy: Running) -> None:
    _, page = proxy.request("GET", f"{origin.url}/document", headers=NAVIGATION)
    asked = {
        "token": token_in(page),
        "kind": "connection",
        "policy": "all",
        "urls": ["stun:stun.example.org", "turn:turn.example.org:3478"],
        "via": "constructor",
    }
    response, _ = proxy.request("POST", origin.url + REPORT, json.dumps(asked))
    assert response.status == 204
    wanted = {
        ("connection", "scrubbed", ""),
        ("server", "stripped", "stun.example.org:3478"),
        ("server", "stripped", "turn.example.org:3478"),
    }
    until = time.monotonic() + 60
    while time.monotonic() < until:  # the writer's batch waits a moment for company
        with contextlib.closing(sqlite3.connect(proxy.state / "ledger.sqlite3")) as ledger:
            query = "SELECT kind, action, destination FROM events WHERE ring = 'page'"
            if wanted <= set(ledger.execute(query)):
                return
        time.sleep(0.05)
    pytest.fail("the report did not reach the ledger")


def test_a_download_is_streamed(origin: Origin, proxy: Running) -> None:
    # The origin sends the second half only when the first has arrived: a proxy that holds the body
    # would wait for ever.
    connection = HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    connection.request("GET", f"{origin.url}/slow?type=application/octet-stream")
    response = connection.getresponse()
    assert response.read(5000) == b"first" * 1000
    origin.finish.set()
    assert response.read() == b"second"
    connection.close()


def test_an_image_that_is_opened_as_a_document_gets_the_guard(
    origin: Origin, proxy: Running
) -> None:
    image = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    sent = {"content-type": "image/svg+xml"}
    for destination, guarded in (("document", True), ("iframe", True), ("image", False)):
        headers = {**sent, "sec-fetch-dest": destination}
        _, body = proxy.request("POST", f"{origin.url}/echo", image, headers)
        assert (body != image) is guarded

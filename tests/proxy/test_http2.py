"""The same over HTTPS and HTTP/2, as most of the web is: a real browser, a real HTTP/2 server."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from playwright.sync_api import Page, sync_playwright

from tests.lab.browser import CHROMIUM
from tests.lab.ca import LabCA
from tests.origin import CANDIDATE, DOCUMENT
from tests.process import Running, running

RELAY = 'relay: {servers: [{urls: ["turn:192.0.2.10"], username: u, credential: p}]}\n'
FETCH = """async (body) => {
    const response = await fetch("/echo", {method: "POST", body});
    return [response.status, await response.text()];
}"""
STREAM = """async () => {
    const reader = (await fetch("/stream")).body.getReader();
    const first = await reader.read();
    await fetch("/go", {method: "POST", body: "go"});
    const second = await reader.read();
    return [first.value.length, second.value.length];
}"""


class Origin:
    """An ASGI application that remembers what was posted to it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.versions: set[str] = set()
        self._go = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.versions.add(scope["http_version"])
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        kind = b"text/html" if scope["path"] == "/document" else b"application/octet-stream"
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        match scope["path"]:
            case "/document":
                body = DOCUMENT
            case "/echo":
                self.bodies.append(body)
            case "/go":
                self._go.set()
            case "/stream":
                await send({"type": "http.response.body", "body": b"1" * 20000, "more_body": True})
                await asyncio.wait_for(self._go.wait(), 60)
                body = b"2" * 20
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Origin, int, LabCA]]:
    ca = LabCA(tmp_path_factory.mktemp("ca"))
    certificate, key = ca.issue("localhost", ("127.0.0.1",))
    config, stop = Config(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config.bind = [f"fd://{listening.detach()}"]
    config.certfile, config.keyfile = str(certificate), str(key)
    origin = Origin()

    async def main() -> None:
        await serve(
            origin,
            config,
            mode="asgi",
            shutdown_trigger=lambda: asyncio.to_thread(stop.wait),
        )

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        yield origin, port, ca
    finally:
        stop.set()
        thread.join(60)


@pytest.fixture(scope="module")
def proxy(
    served: tuple[Origin, int, LabCA], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    trusted = f"upstream: {{trusted_ca: {served[2].certificate}}}\n"
    with running(tmp_path_factory.mktemp("http2"), RELAY + trusted) as run:
        yield run


@pytest.fixture
def page(proxy: Running) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
            # Chromium sends nothing for this machine's own names through a proxy, unless told.
            proxy={"server": f"http://127.0.0.1:{proxy.port}", "bypass": "<-loopback>"},
        )
        # That its certificate is really trusted is the lab's to show.
        yield browser.new_context(ignore_https_errors=True).new_page()
        browser.close()


def test_a_page_over_http2(served: tuple[Origin, int, LabCA], proxy: Running, page: Page) -> None:
    origin, port, _ = served
    page.goto(f"https://localhost:{port}/document")
    protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    assert page.evaluate(protocol) == "h2"
    assert page.evaluate("new RTCPeerConnection().getConfiguration().iceTransportPolicy") == "relay"
    body = json.dumps({"candidate": CANDIDATE})
    status, echoed = page.evaluate(FETCH, body)
    assert (status, len(echoed)) == (200, len(body))
    assert origin.bodies and b"192.168.7.5" not in origin.bodies[-1]
    assert page.evaluate(STREAM) == [20000, 20]  # the second half was sent when the first arrived
    assert origin.versions == {"2"}
    page.close()
    rows = {row["key"]: row["actions"] for row in proxy.report("address")}
    assert rows["192.168.7.5"] == {"stripped": 1}

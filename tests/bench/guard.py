"""What the page guard costs a document: its bytes, and the time that its script takes.

A headless Chromium loads a plain page with the guard's text in a function, and calls it in fresh
windows of frames, as documents do; the first calls, which compile it, count like all others.
"""

import statistics
from collections.abc import Iterator
from typing import Final

from playwright.sync_api import Error, sync_playwright

from rtcguard.page.guard import GuardSettings, script
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, single

_CHROMIUM: Final = "/usr/bin/chromium"
_DOCUMENTS: Final = 60
_SETTINGS: Final = GuardSettings(
    mode="relay",
    servers=(
        {
            "urls": ["turn:turn.example.org:3478?transport=udp"],
            "username": "1790000000:10.0.0.7",
            "credential": "a" * 28,
        },
    ),
    site_servers="drop",
    report_path="/.well-known/rtcguard/report",
    token="0" * 32,
)
# Milliseconds of each document's inline script, and whether it left a guarded constructor.
_MEASURE: Final = """async ([text, documents]) => {
    const taken = [];
    for (let i = 0; i < documents; i++) {
        const frame = document.body.appendChild(document.createElement('iframe'));
        const inner = frame.contentDocument;
        const script = inner.createElement('script');
        script.append(text);
        const started = performance.now();
        inner.documentElement.append(script);
        taken.push(performance.now() - started);
        const pc = new frame.contentWindow.RTCPeerConnection();
        if (pc.getConfiguration().iceTransportPolicy !== 'relay') throw new Error('not guarded');
        pc.close();
        frame.remove();
        await new Promise((yes) => setTimeout(yes));
    }
    return taken;
}"""


def run(_: Servers) -> Iterator[Line]:
    text = script(_SETTINGS)
    yield single("the page guard as sent, bytes", len(text), "{:.0f}", None, 10_240)
    yield single("  its script in a document, ms", _milliseconds(text), "{:.2f}", None, 1)


def _milliseconds(text: str) -> float:
    """The median over fresh windows. BenchError where a window was not guarded."""
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=_CHROMIUM, args=["--no-sandbox"], timeout=20_000
            )
            page = browser.new_page()
            taken: list[float] = page.evaluate(_MEASURE, [text, _DOCUMENTS])
            browser.close()
    except Error as error:
        raise BenchError(f"Chromium: {error.message}") from None
    return statistics.median(taken)

"""Makes the samples anew: `python -m tests.recordings.make` (root; see tests/lab/requirements.py).

One page of the lab's site, called without rtcguard in a network namespace that has the addresses
10.77.0.2 and 2001:db8:77::2, and recorded in every way at once: tcpdump on all interfaces, a HAR
by Playwright, chrome://webrtc-internals; then once more through mitmdump, which writes its flows.
"""

from __future__ import annotations

import gzip
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browsers.environment import environment
from tests.lab.browser import QUIET, _launcher, fresh_home
from tests.lab.net import SITE_NAME
from tests.lab.world import World, running_world

SAMPLES = Path(__file__).parent / "samples"
PAGE = f"http://{SITE_NAME}/data.html"
PROXY = "127.0.0.1:8899"


def record(world: World, proxy: str | None, har: Path, dump: Path | None) -> None:
    """One call in Chromium; the HAR, and what its own page about WebRTC saves."""
    lab = world.lab
    home = fresh_home(lab)
    flags = [*QUIET, *([f"--proxy-server=http://{proxy}"] if proxy else [])]
    with world.watch(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_launcher(lab, home),
            headless=True,
            chromium_sandbox=False,
            args=flags,
            env={**environment(home)},
        )
        context = browser.new_context(record_har_path=har, record_har_content="embed")
        about = None
        if dump is not None:
            about = browser.new_context(accept_downloads=True).new_page()
            about.goto("chrome://webrtc-internals")
        page = context.new_page()
        page.goto(PAGE)
        page.wait_for_function("window.__lab && window.__lab.done", timeout=30_000)
        if about is not None and dump is not None:
            save(about, dump)
        context.close()
        browser.close()


def save(about: Any, dump: Path) -> None:
    about.evaluate("() => document.querySelectorAll('details').forEach((one) => one.open = true)")
    about.locator("#dump-checkbox").uncheck()
    with about.expect_download() as download:
        about.locator("#dump-click-target").click()
    download.value.save_as(dump)
    with about.expect_download() as download:
        about.locator("#dump-click-target-rtcstats").click()
    # It is compressed, whatever the box above says.
    packed = Path(download.value.path()).read_bytes()
    dump.with_name("rtcstats.jsonl").write_bytes(gzip.decompress(packed))


def pack(path: Path) -> None:
    (SAMPLES / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


def main() -> None:
    with running_world() as world, tempfile.TemporaryDirectory() as folder:
        lab, kept = world.lab, Path(folder)
        how = ["-U", "--immediate-mode", "-n", "-s", "0", "-Z", "root", "-B", "16384"]
        capture = ["tcpdump", *how, "-i", "any", "-w", str(kept / "call.pcap")]
        process = lab.start(lab.client, "tcpdump", capture)
        process.wait_log("listening on")
        record(world, None, kept / "call.har", kept / "internals.json")
        process.stop(signal.SIGINT)
        mitmdump = str(Path(sys.executable).with_name("mitmdump"))
        where = ["--listen-host", "127.0.0.1", "-p", PROXY.rpartition(":")[2]]
        saves = ["--set", f"confdir={kept}/ca", "-w", str(kept / "call.flows")]
        proxy = lab.start(lab.client, "mitmdump", [mitmdump, "-q", *where, *saves])
        proxy.wait_port("tcp", *_split(PROXY))
        record(world, PROXY, kept / "proxied.har", None)
        proxy.stop()
        for name in ("call.pcap", "call.har", "internals.json", "rtcstats.jsonl", "call.flows"):
            pack(kept / name)


def _split(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    main()

"""Ring 2's work on one message: `rtcguard.signaling.rewrite`, in this process.

The baseline is sdp-transform, which most JavaScript gateways use, on the SDP alone: parsed,
filtered, written, after a warm-up. It is fetched into a temporary folder with npm.
"""

import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rtcguard.policy.model import Config
from rtcguard.signaling import Message, rewrite
from tests.bench.process import MEASURED_CORE, on_core
from tests.bench.servers import Servers
from tests.bench.table import BenchError, Line, alternate, compare

# Made by Chromium 156 (audio, video, data), with candidates as it writes them added, of addresses
# for documentation; lines end with LF here, with CR LF on the way.
_OFFER: Final = Path(__file__).with_name("offer.sdp")
_SCRIPT: Final = Path(__file__).with_name("sdp_transform.cjs")
_PACKAGE: Final = "sdp-transform@3.0.0"
_MESSAGES: Final = 1000  # of a round
_ROUNDS: Final = 5
_MEGABYTE: Final = 1_000_000
_BUDGETS: Final = {"no signaling": "at least 1000"}
_TRICKLED: Final = (
    "candidate:1162875081 1 udp 1686052607 203.0.113.7 53142 typ srflx raddr 192.168.1.20 "
    "rport 53142 generation 0 ufrag ZxLm network-id 1 network-cost 10"
)


def run(servers: Servers) -> Iterator[Line]:
    sdp = _OFFER.read_text().replace("\n", "\r\n")
    offer = json.dumps({"type": "offer", "sdp": sdp}).encode()
    trickled = json.dumps({"candidate": {"candidate": _TRICKLED, "sdpMid": "0"}}).encode()
    with on_core(MEASURED_CORE):
        yield from _offers(servers.folder, sdp, offer)
        ports = range(40000, 40500)
        fresh = _microseconds(*(offer.replace(b" 53142 ", b" %d " % port) for port in ports))
        yield compare("the same, with candidates never seen before, µs", fresh, None, "{:.0f}")
        one = _microseconds(*[trickled] * 2000)
        yield compare("a trickled candidate in JSON, µs", one, None, "{:.0f}", "at most 100")
        for what, body in _bodies():
            rate = len(body) / _microseconds(*[body] * 7, edited=False)
            yield compare(
                f"1 MB of JSON, {what}, MB/s", rate, None, "{:.0f}", _BUDGETS.get(what, "")
            )


def _offers(folder: Path, sdp: str, offer: bytes) -> Iterator[Line]:
    what = f"an offer of {len(offer) / 1000:.1f} KB in JSON, µs (bare: sdp-transform)"
    try:
        package = _install(folder)
    except BenchError as error:
        yield compare(
            what, _microseconds(*[offer] * _MESSAGES), None, "{:.0f}", "ratio at most 0.20"
        )
        yield Line("  baseline not run", "", str(error))
        return
    file = folder / "offer.sdp"
    file.write_text(sdp, newline="")
    ours, theirs = alternate(
        (lambda: _microseconds(*[offer] * _MESSAGES), lambda: _baseline(package, file)), _ROUNDS
    )
    yield compare(what, ours, theirs, "{:.0f}", "at most 0.20", lambda ratio: ratio <= 0.2)


def _microseconds(*contents: bytes, edited: bool = True) -> float:
    """The median time of one message. BenchError where the rewriter did not do its work."""
    config = Config()
    taken: list[int] = []
    for content in contents:
        message = Message(
            content, "outbound", "app.example.org", "192.168.1.20", "signal.example.org:443"
        )
        started = time.perf_counter_ns()
        made = rewrite(message, config)
        taken.append(time.perf_counter_ns() - started)
        if made.blocked or (made.content != content) != edited or b"192.168.1.20" in made.content:
            raise BenchError(
                f"the rewriter did not do its work: {made.blocked or made.content[:200]!r}"
            )
    return statistics.median(taken) / 1000


def _install(folder: Path) -> Path:
    """Puts sdp-transform into a folder, and returns the package's own."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise BenchError("needs node and npm")
    argv = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
    argv += ["--ignore-scripts", "--loglevel=error", "--fetch-retries=0", _PACKAGE]
    try:
        subprocess.run(argv, check=True, capture_output=True, timeout=30)
    except (subprocess.SubprocessError, OSError):
        raise BenchError(f"npm could not fetch {_PACKAGE}") from None
    return folder / "node_modules" / "sdp-transform"


def _baseline(package: Path, offer: Path) -> float:
    argv = ["node", str(_SCRIPT), str(package), str(offer), str(_MESSAGES)]
    try:
        made = subprocess.run(argv, check=True, capture_output=True, timeout=60, text=True)
        return float(made.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise BenchError(f"sdp-transform failed: {error}") from None


def _bodies() -> Iterator[tuple[str, bytes]]:
    """Answers of APIs without signaling: one plain, one with the escapes that Go's encoder writes
    for HTML's characters, one that speaks of candidates all the time."""
    yield "no signaling", _repeated({"id": 70012, "name": "a thing", "tags": ["a", "b"], "n": 4.5})
    html = _repeated({"id": 70012, "body": "<p class=x>Tom & Anna, a <b>line</b> of text</p>"})
    for character in "<>&":
        html = html.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    yield "HTML in it, escaped as by Go", html
    yield "the word `candidate`", _repeated({"candidate": "Anna", "stage": "candidate interview"})


def _repeated(item: dict[str, object]) -> bytes:
    one = json.dumps(item)
    return f"[{', '.join([one] * (_MEGABYTE // len(one)))}]".encode()

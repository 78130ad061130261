"""A headless Chromium in a namespace, driven by its DevTools protocol over a pipe.

https://chromedevtools.github.io/devtools-protocol/: with `--remote-debugging-pipe` the browser
reads JSON messages on descriptor 3 and writes them to 4, each ended by a zero byte.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rtcguard.demo.network import Network
from rtcguard.demo.process import NetworkError, Process

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_COMMAND: Final = 30.0  # seconds for an answer to a command
# `ip netns exec` hands descriptors on as they are; the browser wants them to be 3 and 4.
_MOVE: Final = (
    "import os,sys; a,b,*argv=sys.argv[1:]; os.dup2(int(a),3); os.dup2(int(b),4); "
    "os.execvp(argv[0],argv)"
)

# A browser without WebRTC must send no packet of its own, or captures would say nothing. Two
# requests have no switch, the component updater's and ListAccounts: they get an address on the
# loopback where nobody listens; neither link nor proxy sees them.
_NOWHERE: Final = "https://localhost:9/"
DISABLED_FEATURES: Final = (
    "AimEnabled",
    "DialMediaRouteProvider",
    "HttpsUpgrades",  # one scenario is plain HTTP on purpose
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PreconnectToSearch",
)


def disabled(*features: str) -> str:
    """The switch for all of them: of several such switches Chromium takes the last one alone."""
    return f"--disable-features={','.join((*DISABLED_FEATURES, *features))}"


QUIET: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    f"--component-updater=url-source={_NOWHERE}",
    f"--gaia-url={_NOWHERE}",
    disabled(),
)


def program() -> str | None:
    """The first that this machine has."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One of its own, with one page, and a folder that no browser has seen yet."""

    def __init__(self, network: Network, namespace: str, name: str, argv: Sequence[str]) -> None:
        home = network.directory / name
        home.mkdir()
        theirs, self._write = map(_high, os.pipe())
        self._read, answers = map(_high, os.pipe())
        self._buffer, self._number, self._session = b"", 0, ""
        try:
            self._process: Process = network.start(
                namespace,
                name,
                [
                    sys.executable,
                    "-c",
                    _MOVE,
                    str(theirs),
                    str(answers),
                    *argv,
                    f"--user-data-dir={home}",
                ],
                env=_environment(home),
                pass_fds=(theirs, answers),
            )
        finally:
            os.close(theirs)
            os.close(answers)

    def open(self, url: str) -> None:
        """Makes the page, and lets it load."""
        target = self._command("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._command("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        told = self._command("Page.navigate", {"url": url})
        if "errorText" in told:
            raise NetworkError(f"the browser cannot open {url}: {told['errorText']}")

    def evaluate(self, expression: str) -> Any:
        """What an expression is in the page, as JSON has it."""
        told = self._command("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        if "exceptionDetails" in told:
            raise NetworkError(f"the page fails: {told['exceptionDetails'].get('text')}")
        return told["result"].get("value")

    def close(self) -> None:
        self._process.stop()  # one that just starts would not hear a command
        os.close(self._write)
        os.close(self._read)

    def _command(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Sends it, and reads up to its answer; events are of no interest."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        try:
            os.write(self._write, json.dumps(message).encode() + b"\0")
        except OSError as error:
            raise NetworkError(f"the browser has ended:\n{self._process.tail()}") from error
        until = time.monotonic() + _COMMAND
        while True:
            told = json.loads(self._message(until))
            if told.get("id") == self._number:
                if "error" in told:
                    raise NetworkError(f"the browser refuses {method}: {told['error']['message']}")
                result: dict[str, Any] = told["result"]
                return result

    def _message(self, until: float) -> bytes:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise NetworkError(f"the browser gives no answer:\n{self._process.tail()}")
            data = os.read(self._read, 1 << 16)
            if not data:
                raise NetworkError(f"the browser has ended:\n{self._process.tail()}")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message


@contextlib.contextmanager
def running(
    network: Network, namespace: str, name: str, *flags: str, without: Sequence[str] = ()
) -> Iterator[Browser]:
    """A browser for the time of a `with` block; `without` are further features to turn off."""
    found = program()
    assert found is not None  # whoever comes here has looked for it
    argv = [found, "--headless", "--no-sandbox", "--remote-debugging-pipe", *QUIET]
    browser = Browser(network, namespace, name, [*argv, disabled(*without), *flags])
    try:
        yield browser
    finally:
        browser.close()


def _high(descriptor: int) -> int:
    """The same under a number that is neither 3 nor 4."""
    made = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return made


def _environment(home: Path) -> dict[str, str]:
    """Ours, without what would tell a browser of proxies and folders."""
    variables = {**os.environ, "HOME": str(home)}
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "XDG_DATA_HOME"):
        variables.pop(name, None)
        variables.pop(name.upper(), None)
    return variables

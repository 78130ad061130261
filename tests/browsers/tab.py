"""One small surface for a page in Chromium (by Playwright) and in Firefox (by WebDriver BiDi)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from playwright.sync_api import Browser, Error, Page, ProxySettings

from .bidi import Bidi, session
from .environment import BrowserError, environment
from .firefox import START_SECONDS, VARIABLES, Preferences, command_line, port_in, write_profile

BrowserName = Literal["chromium", "firefox"]
BROWSERS: tuple[BrowserName, ...] = get_args(BrowserName)
EVALUATE_SECONDS = 120.0
CREATE_SECONDS = 20.0
STOP_SECONDS = 30.0


class Tab(Protocol):
    """A tab whose cookies, storage and cache are its own. What fails raises a BrowserError."""

    browser: BrowserName

    def goto(self, url: str) -> None:
        """Open a page and wait until it has loaded."""

    def reload(self) -> None:
        """Load the page anew and wait until it has loaded."""

    def preload(self, function: str) -> None:
        """Have the text of a function called first in every document that the tab shows then, and
        in its frames."""

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call the text of a function with one JSON value, wait for its promise, and return what
        came of it as a JSON value (undefined: None). An exception becomes a BrowserError with its
        name and message. The page counts as activated by a user."""


class Tabs(Protocol):
    """A running browser."""

    browser: BrowserName

    def open(self) -> AbstractContextManager[Tab]:
        """A tab apart from all others, for the time of a `with` block."""


class ChromiumTab:
    browser: BrowserName = "chromium"

    def __init__(self, page: Page) -> None:
        self._page = page

    def goto(self, url: str) -> None:
        with _errors():
            self._page.goto(url)

    def reload(self) -> None:
        with _errors():
            self._page.reload()

    def preload(self, function: str) -> None:
        with _errors():
            self._page.add_init_script(f"({function})()")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        with _errors():
            return self._page.evaluate(function, argument)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise BrowserError(error.message) from error


class ChromiumTabs:
    browser: BrowserName = "chromium"

    def __init__(self, browser: Browser, proxy: ProxySettings | None = None) -> None:
        """`proxy`: one that asks for a name and a password; it is what the browser uses anyway."""
        self._browser = browser
        self._proxy = proxy

    @contextmanager
    def open(self) -> Iterator[Tab]:
        context = self._browser.new_context(proxy=self._proxy)
        try:
            yield ChromiumTab(context.new_page())
        finally:
            context.close()


class FirefoxTab:
    browser: BrowserName = "firefox"

    def __init__(self, bidi: Bidi, context: str) -> None:
        self._bidi = bidi
        self._context = context

    def goto(self, url: str) -> None:
        params = {"context": self._context, "url": url, "wait": "complete"}
        self._bidi.command("browsingContext.navigate", params)

    def reload(self) -> None:
        params = {"context": self._context, "wait": "complete"}
        self._bidi.command("browsingContext.reload", params)

    def preload(self, function: str) -> None:
        params = {"functionDeclaration": function, "contexts": [self._context]}
        self._bidi.command("script.addPreloadScript", params)

    def evaluate(self, function: str, argument: Any = None) -> Any:
        return self._bidi.call(self._context, function, argument, EVALUATE_SECONDS)


class FirefoxTabs:
    browser: BrowserName = "firefox"

    def __init__(self, bidi: Bidi) -> None:
        self._bidi = bidi

    @contextmanager
    def open(self) -> Iterator[Tab]:
        user = self._bidi.command("browser.createUserContext", {})["userContext"]
        try:
            yield FirefoxTab(self._bidi, self._create(user))
        finally:
            self._bidi.command("browser.removeUserContext", {"userContext": user})

    def _create(self, user: str) -> str:
        """A new tab. On a loaded machine Firefox was seen, twice in some hundred times, to give no
        answer for a minute; so it is asked once more. A tab that comes late goes with its user."""
        params = {"type": "tab", "userContext": user}
        try:
            made = self._bidi.command("browsingContext.create", params, CREATE_SECONDS)
        except BrowserError:
            made = self._bidi.command("browsingContext.create", params)
        context: str = made["context"]
        return context


@contextmanager
def running_firefox(
    folder: Path,
    preferences: Preferences,
    *,
    within: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Tabs]:
    """A Firefox of its own, with its home, its profile and its output in this folder; `within` is
    what runs it elsewhere, `variables` are those of its session."""
    write_profile(folder / "profile", preferences)
    log = folder / "firefox.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*within, *command_line(folder / "profile")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(variables or environment(folder)), **VARIABLES},
            start_new_session=True,
        )
    try:
        with session(_wait_port(process, log)) as bidi:
            yield FirefoxTabs(bidi)
    finally:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while (port := port_in(log)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise BrowserError(f"Firefox did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.03)
    return port

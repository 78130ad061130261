"""WebDriver BiDi over a WebSocket (https://www.w3.org/TR/webdriver-bidi/).

No driver stands between: the few commands that the tests need are JSON on one connection.
"""

from __future__ import annotations

import itertools
import json
import math
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .environment import BrowserError

COMMAND_SECONDS = 60.0  # on a loaded machine a new tab takes its time
NUMBERS = {"NaN": math.nan, "-0": -0.0, "Infinity": math.inf, "-Infinity": -math.inf}


class Bidi:
    """A WebDriver BiDi session: commands, each with its answer; of events only those that ask for a
    password, and only by `sign_in`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._credentials: dict[str, str] | None = None
        self.command("session.new", {"capabilities": {}})

    def sign_in(self, name: str, password: str) -> None:
        """Give this name and password to whoever asks for them from now on, a proxy too."""
        self._credentials = {"type": "password", "username": name, "password": password}
        self.command("session.subscribe", {"events": ["network.authRequired"]})
        self.command("network.addIntercept", {"phases": ["authRequired"]})

    def _answer(self, event: Mapping[str, Any]) -> None:
        """Send the answer to an event, and wait for nothing."""
        request = event["params"]["request"]["request"]
        params = {"request": request, "action": "provideCredentials"}
        params["credentials"] = self._credentials
        made = {"method": "network.continueWithAuth", "params": params}
        self._connection.send(json.dumps({"id": next(self._numbers), **made}))

    def command(
        self, method: str, params: Mapping[str, Any], seconds: float = COMMAND_SECONDS
    ) -> dict[str, Any]:
        """Send one command and return its result; what the browser calls an error raises."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        deadline = time.monotonic() + seconds
        while True:
            try:
                text = self._connection.recv(max(0.0, deadline - time.monotonic()))
            except TimeoutError as error:
                raise BrowserError(f"{method}: no answer after {seconds:g} s") from error
            message = json.loads(text)
            if message.get("method") == "network.authRequired":
                self._answer(message)
            if message.get("id") != number:
                continue
            if message["type"] != "success":
                raise BrowserError(f"{method}: {message['error']}: {message['message']}")
            result: dict[str, Any] = message["result"]
            return result

    def call(
        self, context: str, function: str, argument: Any, seconds: float = COMMAND_SECONDS
    ) -> Any:
        """Call the text of a function in a page with one argument, as with a user's activation.

        Argument and result are what JSON can tell; a promise is waited for. The values are taken
        apart by the browser, so a page that replaces JSON does not come in between. What the page
        throws raises a BrowserError with the exception's text.
        """
        params = {
            "functionDeclaration": function,
            "arguments": [local_value(argument)],
            "target": {"context": context},
            "awaitPromise": True,
            "userActivation": True,
        }
        done = self.command("script.callFunction", params, seconds)
        if done["type"] != "success":
            raise BrowserError(done["exceptionDetails"]["text"])
        return plain_value(done["result"], {})


def local_value(value: Any) -> dict[str, Any]:
    """A JSON value of Python as `script.LocalValue`."""
    if value is None:
        return {"type": "null"}
    if isinstance(value, bool):
        return {"type": "boolean", "value": value}
    if isinstance(value, int | float):
        return {"type": "number", "value": value}
    if isinstance(value, str):
        return {"type": "string", "value": value}
    if isinstance(value, dict):
        return {"type": "object", "value": [[k, local_value(v)] for k, v in value.items()]}
    return {"type": "array", "value": [local_value(item) for item in value]}


def plain_value(remote: Mapping[str, Any], seen: dict[str, Any]) -> Any:
    """The JSON value of a `script.RemoteValue`; undefined is None, other kinds raise BrowserError.

    Where one object stands in several places, only the first has its members: `seen` keeps them.
    """
    kind, value = remote["type"], remote.get("value")
    if kind in ("undefined", "null"):
        return None
    if kind in ("string", "boolean"):
        return value
    if kind == "number":
        return NUMBERS[value] if isinstance(value, str) else value
    if kind not in ("array", "object"):
        raise BrowserError(f"the page returned {kind}, which JSON cannot tell")
    number = remote.get("internalId")
    if value is None:
        return seen[str(number)]
    made: Any
    if kind == "array":
        made = [plain_value(item, seen) for item in value]
    else:
        made = {key: plain_value(item, seen) for key, item in value}
    if number is not None:
        seen[number] = made
    return made


@contextmanager
def session(port: int, sock: socket.socket | None = None) -> Iterator[Bidi]:
    """A session with the browser that listens at this port of the loopback, over `sock` if given;
    the browser ends with it."""
    # Statistics make long messages.
    url = f"ws://127.0.0.1:{port}/session"
    with connect(url, sock=sock, max_size=None, compression=None) as connection:
        bidi = Bidi(connection)
        yield bidi
        bidi.command("browser.close", {})

"""What reaches the site, written down before anything answers it: one JSON object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TextIO

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_websocket(request: web.Request) -> bool:
    """Whether the request asks for a WebSocket; it has no body then, and reading would wait."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


class Witness:
    """The record of one call, which the tests search for the client's addresses."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps({"time": time.time(), **entry}) + "\n")
        self._file.flush()

    def record(self, request: web.Request, entry: dict[str, Any]) -> None:
        """An entry with the request that it belongs to, and where that came from."""
        peer = request.transport.get_extra_info("peername")[0] if request.transport else None
        self.write({"peer": peer, "path": request.path_qs, **entry})

    def message(self, request: web.Request, data: str | bytes) -> None:
        """One WebSocket message from the page."""
        text = data if isinstance(data, str) else data.decode(errors="backslashreplace")
        self.record(request, {"event": "message", "body": text})

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write the whole request down before anything answers it."""
        body = b"" if is_websocket(request) else await request.read()
        self.record(
            request,
            {
                "event": "http",
                "request": f"{request.method} {request.scheme}://{request.host}{request.path_qs}",
                "headers": [list(item) for item in request.headers.items()],
                "body": body.decode(errors="backslashreplace"),
            },
        )
        return await handler(request)

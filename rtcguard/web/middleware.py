"""What stands before every page: that the request is there, who visits, what is refused, what each
answer's head says.

Plain ASGI, not Starlette's BaseHTTPMiddleware: that one holds back what streams.
"""

import asyncio
import contextlib
import time
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtcguard.ice.address import canonical
from rtcguard.web.access import Visitor, is_loopback, refusal
from rtcguard.web.hand_over import HEADER, HOST, read
from rtcguard.web.serving import failure
from rtcguard.web.site import Site
from rtcguard.web.token import COOKIE, is_cookie

_LONGEST: Final = 8192  # bytes of a path and its query
_LEFT_OVER: Final = 4 * 1024 * 1024  # bytes of a body that are read for nothing
_PATIENCE: Final = 10.0  # seconds that these may take

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    f"img-src 'self' data: http://{HOST} https://{HOST}; connect-src 'self'; font-src 'none'; "
    "frame-src 'self'; frame-ancestors {ancestors}; form-action 'self'; base-uri 'none'"
)
FRAMED: Final = _POLICY.format(ancestors="'self'")  # of a page that a frame of ours shows
ALONE: Final = _POLICY.format(ancestors="'none'")

_HEADERS: Final = {
    "content-security-policy": ALONE,
    "x-content-type-options": "nosniff",
    # With `no-referrer`, the Origin of a form of ours would be `null` (Fetch, "append a request
    # `Origin` header"), and over http://rtcguard.test no browser says anything else of its sender.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}


def protect(headers: MutableHeaders, visitor: Visitor | None = None) -> None:
    """Says what is to be done with an answer, where it does not say so itself."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    # Elsewhere browsers ignore it, and complain.
    if visitor is not None and (visitor.secure or (visitor.local and not visitor.proxied)):
        headers.setdefault("cross-origin-opener-policy", "same-origin")


class Whole:
    """No answer before the request is there: a connection that ends with its answer would cut the
    body off, and a browser whose body was cut throws the answer away (RFC 9112 section 9.6)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        there = False

        async def received() -> Message:
            nonlocal there
            message = await receive()
            there = not message.get("more_body", False)  # its end, or that of the connection
            return message

        async def rest() -> None:
            size = 0
            while not there and size <= _LEFT_OVER:
                size += len((await received()).get("body", b""))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and not there:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE):
                        await rest()
            await send(message)

        await self._app(scope, received, sent)


class Heads:
    """Every answer's head says how it is to be shown."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = scope.get("state", {}).get("visitor")
                protect(MutableHeaders(scope=message), known)
            await send(message)

        await self._app(scope, receive, protected)


class Access:
    """Knows the visitor, and refuses what access.py refuses."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        request.state.visitor = visitor = self._visitor(request)
        too_long = len(_target(request)) > _LONGEST
        refused = refusal(
            request.method, request.url.path, request.headers, scope["server"], visitor
        )
        if refused is not None:
            answer = failure(request, refused.status, refused.reason)
        elif too_long:
            answer = failure(request, 414, f"More than {_LONGEST} bytes are too many.")
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    def _visitor(self, request: Request) -> Visitor:
        peer = request.client.host if request.client else ""
        said = request.headers.get(HEADER)
        client, secure = canonical(peer), False
        if said is not None:
            handed = read(self._site.key, said, request.method, _target(request), time.time())
            client, secure = (handed.client, handed.secure) if handed else ("", False)
        shown = request.cookies.get(COOKIE, "")
        return Visitor(
            client=client,
            local=is_loopback(client),
            proxied=said is not None,
            secure=secure,
            token_ok=is_cookie(self._site.token, shown),
        )


def _target(request: Request) -> str:
    """Path and query as they were sent."""
    path = request.scope["raw_path"].decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path

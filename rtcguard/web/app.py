"""The site as an ASGI application, and the server that it runs in."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from rtcguard.errors import DamagedError, StartError
from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort
from rtcguard.web.kept import Kept
from rtcguard.web.live import Live
from rtcguard.web.middleware import Access, Heads, Whole
from rtcguard.web.pages import ROUTES
from rtcguard.web.relays import Relays
from rtcguard.web.serving import FOLDER, http_error, ledger_error, server_error
from rtcguard.web.site import Site

_BACKLOG: Final = 128
_HEAD: Final = 32 * 1024  # bytes of a request's head; with more it gets 400
_MOST: Final = 500  # connections and answers under way; with more they get 503
_TO_THE_END: Final = 1  # seconds that answers under way are given; what streams has no end


def make(site: Site) -> Starlette:
    """The application; pages find `site` in `request.app.state`."""
    static = Mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app = Starlette(
        routes=[*ROUTES, static],
        middleware=[Middleware(Whole), Middleware(Heads), Middleware(Access, site=site)],
        exception_handlers={
            HTTPException: http_error,
            StartError: ledger_error,
            DamagedError: ledger_error,
            Exception: server_error,
        },
    )
    app.state.site = site
    app.state.relays = Relays(site.examine)
    app.state.kept = Kept()
    app.state.live = Live(site.ledger, site.rule_link)
    return app


def bound(listen: HostPort) -> socket.socket:
    """A socket that listens there. Raises StartError where that cannot be."""
    host, port = listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By the name of its protocol asyncio knows that it may send at once (TCP_NODELAY): without, an
    # answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        raise StartError(
            f"web.listen: cannot bind {host_port(host, port)}: {error.strerror}; name another "
            "port, or null"
        ) from error


class _Server(uvicorn.Server):
    """The supervisor alone acts on signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Starlette, listener: socket.socket, stopped: asyncio.Event) -> None:
    """Answers until `stopped` is set."""
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=_HEAD,
            limit_concurrency=_MOST,
            timeout_graceful_shutdown=_TO_THE_END,
        )
    )

    async def end() -> None:
        await stopped.wait()
        app.state.live.end()  # what streams would go on until it is cut off
        server.should_exit = True

    ending = asyncio.get_running_loop().create_task(end())
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()

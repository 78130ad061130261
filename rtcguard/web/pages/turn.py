"""`/turn`: the approved TURN servers, and whether each gives a relayed address."""

import math
from typing import Final, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rtcguard.ledger.event import timestamp
from rtcguard.ledger.span import local, zone
from rtcguard.web.relays import Relays
from rtcguard.web.serving import for_machine, render, site_of


async def turn(request: Request) -> Response:
    for_machine(request)
    policy, relays = site_of(request).policy, relays_of(request)
    last = relays.last
    at = timestamp(last.at) if last else ""
    return render(
        request,
        "turn.html",
        servers=[
            {"urls": server.urls, "how": _how(server.shared_secret_file)}
            for server in policy.config.relay.servers
        ],
        managed=policy.config.relay.managed,
        last=last,
        at=at,
        local_at=local(at),
        zone=zone(),
        is_old=last is not None and last.policy.config.relay != policy.config.relay,
    )


async def examine(request: Request) -> Response:
    """Asks the servers, and shows the page again once they have answered."""
    for_machine(request)
    relays = relays_of(request)
    if not await relays.examine(site_of(request).policy):
        seconds = math.ceil(relays.wait())
        told = f"They were asked a moment ago. Ask again in {seconds} s."
        raise HTTPException(429, told, {"retry-after": str(seconds)})
    return RedirectResponse("/turn", 303)


def _how(secret_file: str) -> str:
    """How it is signed in at, without anything that signs in."""
    credentials = "time-limited credentials from a shared secret"
    return f"with {credentials}" if secret_file else "with a user name and a credential"


def relays_of(request: Request) -> Relays:
    return cast(Relays, request.app.state.relays)


routes: Final = (
    Route("/turn", turn, methods=["GET"]),
    Route("/turn", examine, methods=["POST"]),
)

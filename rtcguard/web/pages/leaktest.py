"""`/leaktest`: what this browser tells of its addresses, with rtcguard and without, side by side.

The page shows two frames of its own origin. `AFTER` passes the proxy as every other site's document
and signaling do. `BEFORE` is left alone by the proxy, as the site's other pages are: it has no
page guard, so it finds what any page would find without rtcguard.

That opens nothing to others: its realm is out of reach of every other origin, no other origin can
frame it (`frame-ancestors`), it does nothing but what the page that frames it hands it a port for,
and it sends packets to the responder and the approved relays only.
"""

import json
import time
from contextlib import suppress
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rtcguard.errors import ParseError, StartError
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.query import Filter
from rtcguard.ledger.store import Store
from rtcguard.network.machine import is_own
from rtcguard.policy.rule import within
from rtcguard.web import leaktest as asked_of
from rtcguard.web.hand_over import HOST
from rtcguard.web.leaktest import (
    AFTER,
    BEFORE,
    BEGIN,
    MOST_BODY,
    PAGE,
    SEEN,
    SIGNAL,
    arrived,
    read_asked,
    seen,
)
from rtcguard.web.leaktest_rows import ROWS, WAYS
from rtcguard.web.middleware import FRAMED
from rtcguard.web.responders import responders
from rtcguard.web.serving import asked, body, render, site_of, visitor_of

_MOST: Final = 2_000  # events of a test's time that are looked through


async def page(request: Request) -> Response:
    """The page; its facts are what the script compares with."""
    visitor, config = visitor_of(request), site_of(request).policy.config
    facts = {
        "proxied": visitor.proxied,
        "mode": config.mode,
        "guard": config.page.guard,
        "relays": len(site_of(request).policy.servers),
        "names": bool(config.sinkhole.listen),
        "ways": WAYS,
        "before": BEFORE,
        "after": AFTER,
        "begin": BEGIN,
        "seen": SEEN,
    }
    return render(request, "leaktest.html", rows=ROWS, facts=json.dumps(facts))


async def frame(request: Request) -> Response:
    """One of the two documents; how they differ is the proxy's doing."""
    signal = SIGNAL if request.url.path == AFTER else BEFORE
    made = render(request, "leaktest_frame.html", signal=signal)
    made.headers["content-security-policy"] = FRAMED
    # As most sites have it: with `no-referrer`, Firefox hides whose the guard's reports are.
    made.headers["referrer-policy"] = "strict-origin-when-cross-origin"
    return made


async def begin(request: Request) -> Response:
    """Where the test's STUN servers are: the responder, or one of this test's own on the machine
    itself, where the other can be reached from the loopback alone."""
    site, visitor = site_of(request), visitor_of(request)
    found = responders(site.policy.config, visitor.client)
    if not found and visitor.local and site.policy.config.stun.listen:
        with suppress(StartError):  # the page says what was not tried
            found = site.responder.start(site.policy)
    hosts = [{"host": f"[{host}]" if ":" in host else host, "port": port} for host, port in found]
    return JSONResponse({"servers": hosts})


async def signal(request: Request) -> Response:
    """What came of a page's descriptions and candidates on their way here. They are not kept."""
    try:
        got = arrived(await _content(request))
    except ParseError as error:
        raise HTTPException(400, str(error)) from error
    return JSONResponse({"lines": got.lines, "told": got.told})


async def network_side(request: Request) -> Response:
    """What the responder, the proxy and the sinkhole saw of this client in the test's time."""
    now = time.time()
    try:
        question = read_asked(await _content(request), now)
    except ParseError as error:
        raise HTTPException(400, str(error)) from error
    visitor, mask = visitor_of(request), site_of(request).mask
    of_client = mask(visitor.client)

    def is_client(address: str) -> bool:
        return address == of_client or (visitor.local and is_own(address))

    def look(store: Store) -> dict[str, Any]:
        events = site_of(request).responder.events(question.since) if visitor.local else []
        events += [
            event
            for kind in ("stun", "name")
            for event in store.events(Filter(since=question.since, kind=kind), _MOST)
            # What went on by the proxy came from this machine.
            if visitor.local or not is_own(event.record.client)
        ]
        return {
            "now": timestamp(now),
            "wait": asked_of.wait(events, is_client, now),
            "events": seen(events, question, is_client),
            "complete": len(events) < _MOST,
            "guarded": store.guard_seen(visitor.client, HOST, question.since),
            "held": within(visitor.client, store.held_networks(timestamp(now))),
        }

    return JSONResponse(await asked(request, look))


async def _content(request: Request) -> Any:
    """The body, JSON. Raises HTTPException for what is too long, ParseError for what is not."""
    try:
        return json.loads(await body(request, MOST_BODY))
    except (ValueError, RecursionError) as error:
        raise ParseError("the body is JSON") from error


routes: Final = (
    Route(PAGE, page),
    Route(BEFORE, frame),
    Route(AFTER, frame),
    Route(BEFORE, signal, methods=["POST"]),
    Route(SIGNAL, signal, methods=["POST"]),
    Route(BEGIN, begin, methods=["POST"]),
    Route(SEEN, network_side, methods=["POST"]),
)

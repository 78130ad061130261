"""`/ledger`: events as they come, the newest first; and counted, by site, address and client."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rtcguard.ledger.browsing import Page
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.html import over_time
from rtcguard.ledger.query import Filter, Group
from rtcguard.ledger.report import done
from rtcguard.ledger.schema import COMMON
from rtcguard.ledger.series import Count
from rtcguard.ledger.span import local, zone
from rtcguard.ledger.store import Store
from rtcguard.policy.record import ACTIONS
from rtcguard.web import asking
from rtcguard.web.asking import Asking
from rtcguard.web.live import Full, Live
from rtcguard.web.rows import RuleLink, no_link, row, shown
from rtcguard.web.serving import asked, for_owner, render, site_of, visitor_of

_ROWS: Final = 100  # of a page; the script keeps as many and no more
_TOP: Final = 50
_VALUES: Final = 5  # told of beside a row
# Days of the counts, which are whole days in UTC: those the ledger has sums of.
_DAYS: Final = {"1": "today", "7": "7 days", "30": "30 days", "90": "90 days", "all": "all days"}
_TODAY: Final = "1"
_MONTH: Final = timedelta(days=29)
# Filters that the sums know; by any other, every event would have to be read.
_SUMMED: Final = ("client", *COMMON)


def ask(request: Request, query: Sequence[tuple[str, str]], since: str = asking.DAY) -> Asking:
    """What the address asks; raises HTTPException where it is wrong, or not this visitor's."""
    for_owner(request)
    try:
        return asking.read(query, visitor_of(request), site_of(request).mask, since)
    except asking.NotYours as error:
        raise HTTPException(403, f"{error}.") from error
    except asking.BadQuery as error:
        raise HTTPException(400, f"{error}.") from error


def links_of(request: Request) -> RuleLink:
    """Links to the lines of rules, for those who may see them."""
    return site_of(request).rule_link if visitor_of(request).sees_all else no_link


async def events(request: Request) -> Response:
    wanted = ask(request, request.query_params.multi_items())
    link = links_of(request)

    def question(store: Store) -> Page | None:
        return store.newest(wanted.filter, _ROWS, wanted.before)

    page = await asked(request, question)
    if page is None:
        raise HTTPException(404, "The event that this page goes on from is not in the ledger.")
    return render(
        request,
        "ledger.html",
        asking=wanted,
        rows=[row(event, link) for event in page.events],
        older=wanted.query(before=page.older) if page.older else "",
        looked_to=local(page.looked_to) if page.looked_to else "",
        is_live=not wanted.before and not wanted.filter.until,
        most=_ROWS,
        zone=zone(),
        spans=asking.SPANS,
        filters=asking.FILTERS,
    )


async def stream(request: Request) -> Response:
    """Server-sent events: `events` (rows, as JSON), `missed`, `trouble`."""
    query = request.query_params.multi_items()
    wanted = ask(request, [one for one in query if one[0] != "after"])
    after = request.headers.get("last-event-id") or request.query_params.get("after", "")
    if after and not asking.is_id(after):
        raise HTTPException(400, "The id of the last event is none.")
    live: Live = request.app.state.live
    visitor = visitor_of(request)
    try:
        viewer = live.join(visitor.client, wanted.filter, after, linked=visitor.sees_all)
    except Full as error:
        told = "As many pages look on as can; close one."
        raise HTTPException(503, told, {"retry-after": "30"}) from error
    return StreamingResponse(
        live.frames(viewer), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )


async def counted(request: Request, *, by: str) -> Response:
    query = request.query_params.multi_items()
    days = request.query_params.get("days", _TODAY)
    if days not in _DAYS:
        raise HTTPException(400, f"days is none of {', '.join(_DAYS)}.")
    wanted = ask(request, [one for one in query if one[0] != "days"], asking.ALL)
    for name in wanted.given:
        if name not in _SUMMED:
            raise HTTPException(400, f"What is counted cannot be narrowed by {name}.")
    if by == "client" and not visitor_of(request).sees_all:
        raise HTTPException(403, "From here, only events of your own can be seen.")
    today = datetime.now(UTC).date()
    narrowed = Filter(
        "" if days == "all" else str(today - timedelta(days=int(days) - 1)),
        client=wanted.filter.client,
        **{name: value for name, value in wanted.filter.given().items() if name in COMMON},
    )
    # One bar is no plot; but those of a client are not summed by day for all its days at once.
    plotted = narrowed if days != _TODAY else replace(narrowed, since=str(today - _MONTH))

    async def counts() -> tuple[list[Group], list[Count]]:
        return await asked(request, question)

    def question(store: Store) -> tuple[list[Group], list[Count]]:
        return (
            store.ranked(by, narrowed, "count", _TOP + 1).rows,
            store.over_time("action", plotted, hours=False) if is_plotted else [],
        )

    is_plotted = days != _TODAY or not narrowed.client
    (groups, bars), at = await request.app.state.kept.answer((by, narrowed), counts)
    chart = over_time(bars, "action", "Events by day", ACTIONS, plotted.since, str(today))
    return render(
        request,
        "counted.html",
        asking=wanted,
        by=by,
        days=days,
        spans=_DAYS,
        chart=Markup(chart) if is_plotted else "",
        groups=[_shown(group) for group in groups[:_TOP]],
        more=len(groups) > _TOP,
        at=local(timestamp(at)),
    )


def _shown(group: Group) -> dict[str, object]:
    return {
        "key": group.key,
        "name": shown(group.key),
        "scope": group.scope,
        "count": group.count,
        "done": done(group),
        "last": local(group.last),
        "clients": _some(group.clients),
        "sites": _some(group.sites),
    }


def _some(values: Sequence[str]) -> tuple[list[str], int]:
    """The first ones, and how many more there are."""
    first = [shown(one) for one in values[:_VALUES]]
    return first, len(values) - len(first)


routes: Final = (
    Route("/ledger", events),
    Route("/ledger/stream", stream),
    Route("/ledger/sites", partial(counted, by="site")),
    Route("/ledger/addresses", partial(counted, by="address")),
    Route("/ledger/clients", partial(counted, by="client")),
)

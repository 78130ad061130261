"""`/ledger/calls` and `/ledger/calls/ID`: what became of each call, and what is to be changed."""

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcguard.ledger.asked_calls import Listed, UnknownCall, find, listed, places_of
from rtcguard.ledger.calls import PAUSE, seconds_between
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter
from rtcguard.ledger.span import local, zone
from rtcguard.ledger.store import Store
from rtcguard.ledger.story import Line, Told
from rtcguard.web import asking
from rtcguard.web.pages.ledger import ask, links_of
from rtcguard.web.rows import RuleLink, row, shown
from rtcguard.web.serving import asked, render, site_of, visitor_of

_LOOKED: Final = 1000  # events of one page
_LONGEST: Final = 256  # letters of a fragment (RFC 8839 section 5.4)


async def calls(request: Request) -> Response:
    wanted = ask(request, request.query_params.multi_items())
    places = places_for(request)

    def question(store: Store) -> Listed:
        return listed(store, wanted.filter, places, _LOOKED)

    found = await asked(request, question)
    return render(
        request,
        "calls.html",
        asking=wanted,
        calls=[_row(told, found.cut, wanted.filter.until) for told in found.calls],
        older=_older(wanted, found.cut),
        cut=local(found.cut) if found.cut else "",
        zone=zone(),
        spans=asking.SPANS,
        filters=asking.FILTERS,
    )


def _older(wanted: asking.Asking, cut: str) -> str:
    return wanted.query(until=cut) if cut and cut != wanted.filter.until else ""


def _row(told: Told, cut: str, until: str) -> dict[str, object]:
    """`is_cut`: the call may have events that are not among those that were looked at."""
    call = told.call
    begins = cut != "" and seconds_between(cut, call.events[0].time) <= PAUSE
    ends = until != "" and seconds_between(call.last, until) <= PAUSE
    return {**_head(told), "is_cut": begins or ends}


def _head(told: Told) -> dict[str, object]:
    call = told.call
    return {
        "id": call.id,
        "time": call.began,
        "began": local(call.began),
        "ended": local(call.last),
        "client": shown(call.client),
        "user": shown(call.user),
        "site": shown(call.site),
        "node": shown(call.node),
        "fragments": [shown(one) for one in call.ufrags],
        "events": sum(event.record.count for event in call.events),
        "outcome": told.outcome.name,
        "sentence": shown(told.outcome.sentence),
        "change": shown(told.outcome.change),
    }


async def call(request: Request) -> Response:
    wanted = ask(request, (), asking.ALL)
    name = request.path_params["name"]
    places, link = places_for(request), links_of(request)
    if not name.isascii() or not name.isprintable() or len(name) > _LONGEST:
        raise HTTPException(404, "That is no id of a call, and no ICE user name fragment.")

    def question(store: Store) -> Told:
        return find(store, name, Filter(client=wanted.filter.client), places)

    try:
        told = await asked(request, question)
    except UnknownCall as error:
        raise HTTPException(404, f"{error}.") from error
    by_id = {event.id: event for event in told.call.events}
    return render(
        request,
        "call.html",
        call=_head(told),
        lines=[_line(line, by_id, link) for line in told.lines],
        zone=zone(),
    )


def _line(line: Line, by_id: Mapping[str, Event], link: RuleLink) -> dict[str, object]:
    """A line of the story, and the row of the first event that it tells of."""
    made = row(by_id[line.events[0]], link)
    return {**made, "text": shown(line.text), "times": f"×{line.count}" if line.count > 1 else ""}


def places_for(request: Request) -> Mapping[str, str]:
    """Where rules stand, for those who may see files' names."""
    return places_of(site_of(request).policy.config) if visitor_of(request).sees_all else {}


routes: Final = (
    Route("/ledger/calls", calls),
    Route("/ledger/calls/{name}", call),
)

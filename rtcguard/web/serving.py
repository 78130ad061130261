"""What pages are made with: templates, questions to the ledger, errors as pages."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, cast

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from rtcguard.errors import RtcguardError
from rtcguard.ledger.store import Store
from rtcguard.web.access import Visitor
from rtcguard.web.site import Site

FOLDER: Final = Path(__file__).parent
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def site_of(request: Request) -> Site:
    return cast(Site, request.app.state.site)


def visitor_of(request: Request) -> Visitor:
    return cast(Visitor, request.state.visitor)


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of `templates/`, with `visitor`, `path`, `links` (the navigation), `values`."""
    from rtcguard.web.pages import NAVIGATION  # the pages are made with this module

    made = _TEMPLATES.get_template(template).render(
        visitor=visitor_of(request), path=request.url.path, links=NAVIGATION, **values
    )
    return HTMLResponse(made, status)


async def body(request: Request, most: int) -> bytes:
    """A request's body. Raises HTTPException where it has more than so many bytes."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            raise HTTPException(413, f"More than {most} bytes are too many.")
    return bytes(content)


async def asked[T](request: Request, question: Callable[[Store], T]) -> T:
    """What the ledger answers, which is asked in a thread. Raises StartError or DamagedError."""

    def ask() -> T:
        with closing(site_of(request).store()) as store:
            return question(store)

    return await run_in_threadpool(ask)


def for_owner(request: Request) -> None:
    """Raises HTTPException where the ledger's events of this client are not to be shown."""
    if not visitor_of(request).sees_own:
        raise HTTPException(401, "From another machine this page needs the token.")


def for_machine(request: Request) -> None:
    """Raises HTTPException where what is of all clients is not to be shown."""
    if not visitor_of(request).sees_all:
        raise HTTPException(403, "This page can be opened only on the machine that runs rtcguard.")


_WORDS: Final = {
    400: "This request cannot be understood",
    401: "A token, please",
    403: "Not from here",
    404: "There is no such page",
    405: "This page is not made for that",
    413: "That is too much",
    414: "This address is too long",
    421: "Another name, please",
    429: "Too many attempts",
    503: "The ledger cannot be read",
}


async def http_error(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, HTTPException)
    known = error.detail if error.status_code in _WORDS else ""
    made = failure(request, error.status_code, known)
    made.headers.update(error.headers or {})
    return made


async def ledger_error(request: Request, error: Exception) -> HTMLResponse:
    """The words of such an error name a file; they are for the machine's owner alone."""
    assert isinstance(error, RtcguardError)
    return failure(request, 503, str(error) if visitor_of(request).sees_all else "")


async def server_error(request: Request, error: Exception) -> HTMLResponse:
    """What went wrong is in the log, by uvicorn. No middleware sees this answer."""
    from rtcguard.web.middleware import protect  # it is made with this module

    made = failure(request, 500, "")
    protect(made.headers, visitor_of(request))
    return made


def failure(request: Request, status: int, reason: str) -> HTMLResponse:
    """An error as a page."""
    words = _WORDS.get(status, "Something went wrong here")
    return render(request, "error.html", status=status, code=status, words=words, reason=reason)

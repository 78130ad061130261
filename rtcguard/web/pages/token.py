"""`/token`: where a visitor from elsewhere says the token, which opens one's own events."""

import time
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rtcguard.web.guesses import WITHIN
from rtcguard.web.serving import body, render, site_of, visitor_of
from rtcguard.web.token import COOKIE, cookie_of, is_token

_MOST: Final = 1024  # bytes of the form
_KEPT: Final = 30 * 86400  # seconds
_WRONG: Final = "That is not the token."
_TOO_OFTEN: Final = "Too many wrong tokens. Try again in ten minutes."


async def form(request: Request) -> Response:
    return render(request, "token.html", problem="")


async def said(request: Request) -> Response:
    site, visitor = site_of(request), visitor_of(request)
    content = parse_qs((await body(request, _MOST)).decode("latin-1"))
    now = time.monotonic()
    if not site.guesses.allows(visitor.client, now):
        made: Response = render(request, "token.html", status=429, problem=_TOO_OFTEN)
        made.headers["retry-after"] = str(int(WITHIN))
        return made
    if not is_token(site.token, content.get("token", [""])[0]):
        site.guesses.wrong(visitor.client, now)
        return render(request, "token.html", status=401, problem=_WRONG)
    made = RedirectResponse("/token", 303)
    made.set_cookie(
        COOKIE,
        cookie_of(site.token),
        max_age=_KEPT,
        httponly=True,
        samesite="strict",
        secure=visitor.secure,
    )
    return made


async def forget(request: Request) -> Response:
    await body(request, _MOST)
    made = RedirectResponse("/token", 303)
    made.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return made


routes: Final = (
    Route("/token", form),
    Route("/token", said, methods=["POST"]),
    Route("/token/forget", forget, methods=["POST"]),
)

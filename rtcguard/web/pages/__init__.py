"""The pages, a module for each. Its `routes` go into the table here, and what people are to find
into the navigation."""

from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from rtcguard.web.pages import start


@dataclass(frozen=True, slots=True)
class Link:
    path: str
    text: str


ROUTES: Final[tuple[Route, ...]] = (*start.routes,)
NAVIGATION: Final = (Link("/", "Start"),)

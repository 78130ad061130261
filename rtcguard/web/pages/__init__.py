"""The pages, a module for each. Its `routes` go into the table here, and what people are to find
into the navigation."""

from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from rtcguard.web.pages import help as help_texts
from rtcguard.web.pages import here, leaktest, rules, start, token


@dataclass(frozen=True, slots=True)
class Link:
    """`local`: on the machine alone."""

    path: str
    text: str
    local: bool = False


ROUTES: Final[tuple[Route, ...]] = (
    *start.routes,
    *here.routes,
    *leaktest.routes,
    *rules.routes,
    *help_texts.routes,
    *token.routes,
)
NAVIGATION: Final = (
    Link("/", "Start"),
    Link("/leaktest", "Leak test"),
    Link("/here", "In force here"),
    Link("/rules", "Rules", local=True),
    Link("/help", "Help"),
)

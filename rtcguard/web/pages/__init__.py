"""The pages, a module for each. Its `routes` go into the table here, and what people are to find
into the navigation."""

from dataclasses import dataclass
from typing import Final

from starlette.routing import Route

from rtcguard.web.pages import calls, here, leaktest, ledger, rules, start, token, turn
from rtcguard.web.pages import help as help_texts


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
    *ledger.routes,
    *calls.routes,
    *turn.routes,
    *rules.routes,
    *help_texts.routes,
    *token.routes,
)
NAVIGATION: Final = (
    Link("/", "Start"),
    Link("/leaktest", "Leak test"),
    Link("/here", "In force here"),
    Link("/ledger", "Ledger"),
    Link("/turn", "TURN", local=True),
    Link("/rules", "Rules", local=True),
    Link("/help", "Help"),
)

"""`/here`: what is in force for the client that asks."""

import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtcguard.errors import DamagedError, StartError
from rtcguard.ledger.event import timestamp
from rtcguard.ledger.store import Store
from rtcguard.network import firewall
from rtcguard.policy.model import Config
from rtcguard.policy.rule import within
from rtcguard.web.access import Visitor
from rtcguard.web.in_force import rules_for
from rtcguard.web.serving import asked, render, site_of, visitor_of

_LATELY: Final = 24 * 3600.0  # seconds

INBOUND: Final = {
    "auto": "The far side's addresses reach a page once this side is known to be relay-only: its "
    "guard has reported in, or the firewall holds this client. Else they are taken out.",
    "keep": "The far side's addresses reach every page.",
    "strip": "The far side's addresses are taken out for every page; calls then need the far side "
    "to be told of another way.",
}


@dataclass(frozen=True, slots=True)
class Ring:
    """`state`: good, watch (monitor mode), warn (not confirmed) or off."""

    name: str
    state: str
    text: str

    @property
    def word(self) -> str:
        return {"good": "in force", "watch": "only watches", "warn": "not confirmed", "off": "off"}[
            self.state
        ]


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a client."""

    guarded: str = ""  # the site whose guard reported in last
    held: bool = False  # a firewall says that it holds it
    readable: bool = True


def _look(store: Store, client: str, now: float) -> Known:
    return Known(
        store.last_guarded(client, timestamp(now - _LATELY)),
        within(client, store.held_networks(timestamp(now))),
    )


def rings(config: Config, visitor: Visitor, known: Known) -> list[Ring]:
    """What each ring does for this client."""
    watches = "; in monitor mode it only watches" if config.mode == "monitor" else ""
    acts = "watch" if config.mode == "monitor" else "good"
    page = Ring("1, page", "off", "The page guard is switched off (page.guard: false).")
    if config.page.guard:
        text = "No page's guard has reported in for this client in 24 hours"
        if known.guarded:
            text = f"The guard reported in last on {known.guarded}"
        if not known.readable:
            text = "The ledger cannot be read, so it is not known when a guard reported in last"
        page = Ring("1, page", acts if known.guarded else "warn", f"{text}{watches}.")
    signaling = Ring(
        "2, signaling",
        acts if visitor.proxied else "warn",
        f"What this browser sends and receives is judged{watches}."
        if visitor.proxied
        else "This page did not come through the proxy, so what this browser sends is not judged.",
    )
    if known.held:
        network = Ring("3, network", acts, f"The firewall holds this client{watches}.")
    else:
        network = Ring("3, network", "warn" if firewall.wanted(config) else "off", _network(config))
    return [page, signaling, network]


def _network(config: Config) -> str:
    parts = []
    if firewall.wanted(config):
        parts.append("No firewall says that it holds this client.")
    else:
        parts.append("There is no firewall: what does not come here by itself goes its own way.")
    if config.stun.listen:
        parts.append(f"The STUN responder answers ({config.stun.answer}).")
    if config.sinkhole.listen:
        parts.append("The DNS sinkhole takes names of STUN servers away.")
    return " ".join(parts)


async def here(request: Request) -> Response:
    visitor, policy = visitor_of(request), site_of(request).policy
    config = policy.config
    try:
        known = await asked(request, lambda store: _look(store, visitor.client, time.time()))
    except (StartError, DamagedError):
        known = Known(readable=False)
    return render(
        request,
        "here.html",
        mode=config.mode,
        version=policy.version,
        on_error=config.on_error,
        inbound=config.inbound,
        inbound_means=INBOUND[config.inbound],
        rings=rings(config, visitor, known),
        rules=rules_for(config, visitor.client, whole=visitor.sees_all),
        servers=[url for server in policy.servers for url in server.urls],
        site_servers=config.relay.site_servers,
    )


routes: Final = (Route("/here", here),)

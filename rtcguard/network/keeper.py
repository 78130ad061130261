"""Keeps the firewall's sets fresh, and watches that the firewall is there.

It asks for each name again when its answer ends, and gives its addresses to the kernel with a time.
A name that no longer resolves so ends by itself; what is no longer approved it closes when it is
started. It never puts the firewall up: who took it down
had a reason; but it says so, and no longer that clients are held.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import Final

from rtcguard.errors import StartError
from rtcguard.network import approved, firewall_status, netfilter, ruleset
from rtcguard.network.approved import Target
from rtcguard.network.resolving import Answer, Names
from rtcguard.policy.model import Config

LOOK_EVERY: Final = 5.0  # seconds
_OWN: Final = ("127.0.0.0/8", "::1/128")

logger = logging.getLogger(__name__)


class Keeper:
    """`text` is the ruleset without learned addresses, as `up` marks it. `report` is called with
    the networks whose clients are held, each time that the firewall was seen to be in force."""

    def __init__(
        self,
        config: Config,
        text: str,
        report: Callable[[list[str]], object],
        names: Names | None = None,
    ) -> None:
        self._config = config
        self._text = text
        self._report = report
        self._names = names or Names()
        self._due = dict.fromkeys(approved.targets(config), 0.0)
        self._for_good = {endpoint.key for endpoint in approved.literal(config)}
        self._problems: dict[Target, str] = {}
        self._has_closed = False
        self._problem: str | None = None

    async def run(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self.look()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await stopped.wait()
            except TimeoutError:
                pass

    async def look(self) -> None:
        """One round. What fails is logged, once, and tried again with the next."""
        try:
            loaded = self._loaded()
            if loaded is not None and not self._has_closed:
                loaded = self._close(loaded)
            problem = firewall_status.problem(loaded, self._text)
        except StartError as error:
            loaded, problem = None, str(error)
        if problem != self._problem:
            if problem:
                logger.error("the firewall does not hold: %s", problem)
            elif self._problem:
                logger.error("the firewall holds again")
            if not problem:  # a new table knows nothing yet
                self._due = dict.fromkeys(self._due, 0.0)
            self._problem = problem
        if not problem and self._config.mode == "enforce":
            self._report(self._held())
        if loaded is not None:
            await self._refresh()

    def _loaded(self) -> firewall_status.Loaded | None:
        listing = netfilter.listing()
        if listing is None:
            return None
        return firewall_status.read(listing, approved.names(self._config))

    def _close(self, loaded: firewall_status.Loaded) -> firewall_status.Loaded | None:
        """At first what another configuration approved is closed; it would stay open for hours."""
        still = {endpoint.key for endpoint in approved.kept(loaded.approved, (), self._config)}
        gone = [e for e in loaded.approved if e.key not in still | self._for_good]
        if gone:
            netfilter.apply(ruleset.closed(gone))
            names = ", ".join(sorted({endpoint.name or endpoint.address for endpoint in gone}))
            logger.warning("no longer let through, for relay.servers has it no more: %s", names)
        self._has_closed = True
        return self._loaded() if gone else loaded

    def _held(self) -> list[str]:
        """The networks behind the clients' interfaces, and this machine where its own is held."""
        found = [n for name in self._config.gateway.interfaces for n in netfilter.networks(name)]
        if self._config.gateway.own:
            found += [*_OWN, *netfilter.addresses()]
        networks = (ip_network(network) for network in dict.fromkeys(found))
        # A link-local address does not say on which link.
        return [str(network) for network in networks if not network.is_link_local]

    async def _refresh(self) -> None:
        now = time.monotonic()
        due = [target for target, when in self._due.items() if when <= now]
        answers = await self._names.resolve(due)
        endpoints = [e for a in answers for e in a.endpoints if e.key not in self._for_good]
        try:
            if endpoints:
                netfilter.apply(ruleset.refreshed(endpoints))
        except StartError as error:
            logger.error("addresses of approved servers cannot be let through: %s", error)
            return
        for target in due:
            self._due[target] = float("inf")  # an address needs no asking
        self._next(answers, now)

    def _next(self, answers: Iterable[Answer], now: float) -> None:
        for answer in answers:
            self._due[answer.target] = now + approved.ask_after(answer.ttl)
            if answer.problem != self._problems.get(answer.target, ""):
                self._problems[answer.target] = answer.problem
                host = answer.target.host
                if answer.problem:
                    logger.warning(
                        "%s cannot be resolved (%s); its last addresses pass until their time ends",
                        host,
                        answer.problem,
                    )
                else:
                    logger.warning("%s resolves again", host)

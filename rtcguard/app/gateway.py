"""`rtcguard gateway`: puts the firewall up, takes it down, tells what is missing of it."""

import asyncio
import pwd
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from rtcguard.errors import StartError
from rtcguard.network import approved, firewall, firewall_status, netfilter, ruleset
from rtcguard.network.firewall import Endpoint
from rtcguard.network.resolving import Names
from rtcguard.policy.model import Config

_TRIAL = "rtcguard_trial"


def uids(config: Config) -> list[int]:
    """The numbers of `gateway.users`. Raises StartError for one that this machine has not."""
    found = []
    for user in config.gateway.users if config.gateway.own else ():
        try:
            found.append(int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid)
        except KeyError as error:
            raise StartError(
                f"gateway.users: this machine has no user {user!r}; make it (useradd --system "
                f"{user}), or name the one that rtcguard runs as"
            ) from error
    return found


def text(config: Config, endpoints: list[Endpoint] | None = None) -> str:
    """The ruleset as it would be applied; without `endpoints` the addresses that the configuration
    itself names are in it. Raises StartError where the configuration asks for none."""
    if not firewall.wanted(config):
        raise StartError(
            "the configuration asks for no firewall: name the clients' interfaces in "
            "gateway.interfaces, or set gateway.own"
        )
    known = approved.literal(config) if endpoints is None else endpoints
    return ruleset.ruleset(config, uids(config), known)


def routing_lines(config: Config) -> Iterator[str]:
    """What `up` does besides, as commands."""
    for family in dict.fromkeys(route.family for route in firewall.routes(config)):
        yield f"ip -{family} route add {' '.join(netfilter.LOCAL_ROUTE)}"
    for route in firewall.routes(config):
        yield f"ip -{route.family} rule add {route.rule}"


def notes(config: Config) -> Iterator[str]:
    """What the configuration leaves closed that its author may not expect."""
    diverted = firewall.responder_ports(config)
    for family, host, version in (("ip", "0.0.0.0", 4), ("ip6", "[::]", 6)):
        if family not in diverted:
            yield (
                f"STUN over IPv{version} is dropped without an answer: stun.listen has no "
                f"{host}:PORT, and only such a socket can answer in the name of others"
            )
    yield from _dns_notes(config)
    if config.mode == "monitor":
        yield "mode is monitor: packets are counted, none is stopped"


def _dns_notes(config: Config) -> Iterator[str]:
    sides = [("the clients", False)] if config.gateway.interfaces else []
    sides += [("this machine", True)] if config.gateway.own else []
    for version, family in ((4, "ip"), (6, "ip6")):
        listed = any(network.version == version for network in config.gateway.resolvers)
        for whose, own in sides:
            if config.sinkhole.listen and family not in firewall.sinkhole_rules(config, own=own):
                yield (
                    f"DNS of {whose} to other machines over IPv{version} is dropped: "
                    "sinkhole.listen has no address for it"
                )
            elif not config.sinkhole.listen and not listed:
                yield (
                    f"DNS of {whose} to other machines over IPv{version} is dropped: neither "
                    "sinkhole.listen nor gateway.resolvers names a server for it"
                )


def up(config: Config, names: Names | None = None) -> list[str]:
    """Puts the firewall up, or in the place of the one that is; returns what should be known.

    All or nothing: where a step fails, those before it are taken back. Raises StartError.
    """
    plain = text(config)  # first of all, for its own errors
    told = list(notes(config))
    answers = asyncio.run((names or Names()).resolve(approved.targets(config)))
    # Of two elements for one address the first counts: one that holds for good.
    found = approved.literal(config) + [e for answer in answers for e in answer.endpoints]
    told += [
        f"{answer.target.host} cannot be resolved ({answer.problem}); its addresses are let "
        "through as soon as `rtcguard run` can resolve it"
        for answer in answers
        if answer.problem
    ]
    before = netfilter.listing()
    if before is not None:
        old = firewall_status.read(before, approved.names(config)).approved
        found += approved.kept(old, found, config)
    unique = list({endpoint.key: endpoint for endpoint in reversed(found)}.values())
    mark = _rehearse(config, plain, unique)
    with ExitStack() as undo:
        obsolete = _route(config, undo)
        netfilter.apply(ruleset.ruleset(config, uids(config), unique, head=mark))
        undo.pop_all()
    for take in obsolete:
        take()
    return told


def _rehearse(config: Config, plain: str, endpoints: list[Endpoint]) -> str:
    """Loads the ruleset as a table that is asleep, and reads what the kernel makes of it: the mark
    of the real one. Whatever the kernel would refuse, it refuses here."""
    asleep = ruleset.ruleset(config, uids(config), endpoints, table=_TRIAL, head="flags dormant;")
    netfilter.check(asleep)
    try:
        netfilter.apply(asleep)
        listing = netfilter.listing(_TRIAL)
    finally:
        netfilter.apply(ruleset.removal(_TRIAL))
    return firewall_status.mark(plain, listing or [])


def _route(config: Config, undo: ExitStack) -> list[Callable[[], None]]:
    """Adds what is missing of policy routing; returns what takes away the routes that an earlier
    configuration needed."""
    wanted = [r for r in firewall.routes(config) if r.family in netfilter.families()]
    obsolete: list[Callable[[], None]] = []
    for family in netfilter.families():
        there = netfilter.routed(family)
        needed = [route for route in wanted if route.family == family]
        if netfilter.has_local_route(family):
            if not needed:
                obsolete.append(partial(netfilter.remove_local_route, family))
        elif needed:
            netfilter.add_local_route(family)
            undo.callback(netfilter.remove_local_route, family)
        for route in needed:
            if route not in there:
                netfilter.add_route(route)
                undo.callback(netfilter.remove_route, route)
        for route in there:
            if route not in needed:
                obsolete.append(partial(netfilter.remove_route, route))
    return obsolete


def missing_routes(config: Config) -> Iterator[str]:
    """What of policy routing is not there, as a line each with what would add it."""
    families = netfilter.families()
    there = {route for family in families for route in netfilter.routed(family)}
    for route in firewall.routes(config):
        if route.family in families and route not in there:
            yield f"routing rule: ip -{route.family} rule add {route.rule}"
    for family in {route.family for route in firewall.routes(config)} & set(families):
        if not netfilter.has_local_route(family):
            yield f"route: ip -{family} route add {' '.join(netfilter.LOCAL_ROUTE)}"


def down() -> bool:
    """Takes everything away that `up` put there; whether there was anything. Raises StartError."""
    there = netfilter.listing() is not None
    netfilter.apply(ruleset.removal() + ruleset.removal(_TRIAL))
    for family in netfilter.known_families():
        for route in netfilter.routed(family):
            netfilter.remove_route(route)
            there = True
        if netfilter.has_local_route(family):
            netfilter.remove_local_route(family)
            there = True
    return there

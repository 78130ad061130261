"""`rtcguard explain`: which rule decides, and why."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from rtcguard.app.settings import read_config
from rtcguard.cli.options import HostPortType, config_option
from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.policy import explain
from rtcguard.policy.decide import (
    Decision,
    approved_hosts,
    decide,
    decide_page,
    decide_server,
    decide_tunnel,
)
from rtcguard.policy.explain import Tried
from rtcguard.policy.model import Config, HostPort
from rtcguard.policy.rule import DIRECTIONS, Confirmed, Subject


@click.command()
@config_option
@click.option("--site", default="", metavar="HOST", help="The page that speaks.")
@click.option("--path", default="", metavar="PATH", help="The URL's path that it speaks to.")
@click.option("--client", default="", metavar="IP", help="The client's own address.")
@click.option("--direction", type=click.Choice(DIRECTIONS), default="outbound", show_default=True,
              help="outbound: the client sends it.")  # fmt: skip
@click.option("--confirmed", type=click.Choice(("page", "network")), default=None,
              help="The ring that is known to hold the client, for `inbound: auto`.")  # fmt: skip
@click.option("--candidate", metavar="LINE", help="A candidate: candidate:1 1 udp 2113937151 …")
@click.option("--server", metavar="URI", help="An ICE server: stun:… or turn:…")
@click.option("--stun", type=HostPortType(), help="Where a STUN or TURN request goes, over UDP.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    config: Path | None,
    site: str,
    path: str,
    client: str,
    direction: str,
    confirmed: Confirmed | None,
    candidate: str | None,
    server: str | None,
    stun: HostPort | None,
    as_json: bool,
) -> None:
    """Tell which rule decides, and why.

    Of a candidate, an ICE server or a STUN request; without any of them, of the site's pages.
    """
    if sum(one is not None for one in (candidate, server, stun)) > 1:
        raise click.UsageError("one of --candidate, --server and --stun at a time")
    read = read_config(config)
    subject = Subject(site.lower(), client, direction, path=path, confirmed=confirmed or "")
    if candidate is not None:
        what, decision, tried = _candidate(read, subject, candidate)
    elif server is not None:
        what, decision, tried = _server(read, server)
    elif stun is not None:
        what, decision, tried = _stun(read, client, stun)
    else:
        what, decision, tried = _page(read, subject)
    if as_json:
        click.echo(json.dumps(_as_json(what, decision, tried), indent=2))
        return
    click.echo(what)
    for one in tried:
        lacked = f"no: {', '.join(one.lacked)} does not hold" if one.lacked else "matches"
        click.echo(f"  rule {one.rule!r}: {lacked}")
    click.echo(f"{decision.action}, by {decision.rule}: {decision.reason}")


type _Explained = tuple[str, Decision, list[Tried]]


def _candidate(config: Config, subject: Subject, line: str) -> _Explained:
    try:
        parsed = candidates.parse(line)
    except ParseError as error:
        raise click.BadParameter(f"not a candidate: {error}", param_hint="--candidate") from error
    kind = parsed.type if parsed.type in candidates.TYPES else "unknown"
    asked = replace(subject, candidate=kind, address=parsed.address, transport=parsed.transport)
    decision = decide(config, asked)
    what = f"{subject.direction} {kind} candidate, {parsed.transport} {parsed.address}"
    return what, decision, list(explain.tried(config, asked, decision))


def _page(config: Config, subject: Subject) -> _Explained:
    decision = decide_page(config, subject.site, subject.client)
    asked = replace(subject, ring="page", direction="outbound", path="")
    return (
        f"pages of {subject.site or 'any site'}",
        decision,
        list(explain.tried(config, asked, decision)),
    )


def _server(config: Config, text: str) -> _Explained:
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise click.BadParameter(str(error), param_hint="--server") from error
    return f"ICE server {uri} in a list", decide_server(config, uri), []


def _stun(config: Config, client: str, to: HostPort) -> _Explained:
    approved = (addresses.canonical(to[0]), to[1]) in approved_hosts(config.relay, "udp")
    uri = ServerUri("turn" if approved else "stun", *to, "udp")
    decision = decide_tunnel(config, client, uri, approved=approved)
    asked = Subject("", client, "outbound", ring="network")
    what = f"STUN over UDP to {addresses.host_port(*to)}"
    return what, decision, list(explain.tried(config, asked, decision))


def _as_json(what: str, decision: Decision, tried: list[Tried]) -> dict[str, Any]:
    return {
        "what": what,
        "action": decision.action,
        "rule": decision.rule,
        "reason": decision.reason,
        "tried": [{"rule": one.rule, "lacked": list(one.lacked)} for one in tried],
    }

"""`rtcguard explain`: which rule decides, and why."""

import json
from pathlib import Path
from typing import Any

import click

from rtcguard.app.question import Answer, Given, ask
from rtcguard.app.settings import read_config
from rtcguard.cli.options import HostPortType, config_option
from rtcguard.errors import ParseError
from rtcguard.policy import explain
from rtcguard.policy.explain import Tried
from rtcguard.policy.model import HostPort
from rtcguard.policy.rule import DIRECTIONS, Confirmed


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
@click.option("--name", metavar="HOST", help="A host name that DNS is asked for.")
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
    name: str | None,
    as_json: bool,
) -> None:
    """Tell which rule decides, and why.

    Of a candidate, an ICE server, a STUN request or a name; without any of them, of a site's pages.
    """
    things = {"candidate": candidate, "server": server, "stun": stun, "name": name}
    asked = [key for key, thing in things.items() if thing is not None]
    if len(asked) > 1:
        raise click.UsageError(f"one of {', '.join(f'--{key}' for key in things)} at a time")
    if asked and not things[asked[0]]:
        raise click.BadParameter("it is empty", param_hint=f"--{asked[0]}")
    read = read_config(config)
    given = Given(
        site, path, client, direction, confirmed or "", candidate or "", server or "", stun,
        name or "",
    )  # fmt: skip
    try:
        answer = ask(read, given)
    except ParseError as error:
        raise click.BadParameter(str(error), param_hint=f"--{given.thing}") from error
    # An ICE server in a list is decided without the rules.
    asks_rules = given.thing != "server"
    tried = list(explain.tried(read, answer.subject, answer.decision)) if asks_rules else []
    if as_json:
        click.echo(json.dumps(_as_json(answer, tried), indent=2))
        return
    click.echo(answer.what)
    for one in tried:
        lacked = f"no: {', '.join(one.lacked)} does not hold" if one.lacked else "matches"
        click.echo(f"  rule {one.rule!r}: {lacked}")
    click.echo(f"{answer.decision.action}, by {answer.decision.rule}: {answer.decision.reason}")


def _as_json(answer: Answer, tried: list[Tried]) -> dict[str, Any]:
    return {
        "what": answer.what,
        "action": answer.decision.action,
        "rule": answer.decision.rule,
        "reason": answer.decision.reason,
        "tried": [{"rule": one.rule, "lacked": list(one.lacked)} for one in tried],
    }

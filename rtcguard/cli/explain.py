"""`rtcguard explain`: which rule decides, and why."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from rtcguard.app.question import Answer, Given, ask
from rtcguard.app.settings import read_config
from rtcguard.cli.options import HostPortType, MinuteType, config_option
from rtcguard.errors import ParseError
from rtcguard.network.clock import minute_of_week
from rtcguard.policy import explain
from rtcguard.policy.explain import Tried
from rtcguard.policy.model import Config, HostPort
from rtcguard.policy.questions import Question
from rtcguard.policy.rule import DIRECTIONS, PROTOCOLS, TRANSPORTS, Rule
from rtcguard.policy.version import version_of


@click.command()
@config_option
@click.option("--site", default="", metavar="HOST", help="The page that speaks.")
@click.option("--path", default="", metavar="PATH", help="The URL's path that it speaks to.")
@click.option("--client", default="", metavar="IP", help="The client's own address.")
@click.option("--direction", type=click.Choice(DIRECTIONS), default="outbound", show_default=True,
              help="outbound: the client sends it.")  # fmt: skip
@click.option("--confirmed", type=click.Choice(("page", "network")), default=None,
              help="The ring that is known to hold the client, for `inbound: auto`.")  # fmt: skip
@click.option("--user", default="", metavar="NAME", help="Who has signed in at the proxy.")
@click.option("--destination", default="", metavar="HOST",
              help="Where it goes: a host; beside --stun, the name of its host.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=None,
              help="The port that it goes to.")  # fmt: skip
@click.option("--protocol", type=click.Choice(PROTOCOLS), default=None,
              help="What was found; http and websocket carry candidates.")  # fmt: skip
@click.option("--transport", type=click.Choice(TRANSPORTS), default="udp", show_default=True,
              help="What --stun goes over.")  # fmt: skip
@click.option("--time", "minute", type=MinuteType(), default=None,
              help="The local time, such as `mon 09:30`; without it, now.")  # fmt: skip
@click.option("--candidate", metavar="LINE",
              help="A candidate: candidate:1 1 udp …, or: opaque, one not readable.")  # fmt: skip
@click.option("--server", metavar="URI", help="An ICE server in a list: stun:… or turn:…")
@click.option("--stun", type=HostPortType(), help="Where a STUN or TURN request goes.")
@click.option("--name", metavar="HOST", help="A host name that DNS is asked for.")
@click.option("--tls", type=HostPortType(), help="Where a TLS connection goes.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    config: Path | None,
    candidate: str | None,
    server: str | None,
    stun: HostPort | None,
    name: str | None,
    tls: HostPort | None,
    minute: int | None,
    as_json: bool,
    **about: Any,
) -> None:
    """Tell which rule decides, and why.

    Of a candidate, an ICE server, a STUN request, a name or a TLS connection; without any of them,
    of a site's pages, and of TLS with it.
    """
    things = {"candidate": candidate, "server": server, "stun": stun, "name": name, "tls": tls}
    asked: dict[str, Any] = {key: thing for key, thing in things.items() if thing is not None}
    if len(asked) > 1:
        raise click.UsageError(f"one of {', '.join(f'--{key}' for key in things)} at a time")
    for key, thing in asked.items():
        if not thing:
            raise click.BadParameter("it is empty", param_hint=f"--{key}")
    read = read_config(config)
    words = {key: value for key, value in about.items() if value is not None}
    given = Given(**words, **asked, minute=minute_of_week() if minute is None else minute)
    explained = [_explain(read, given)]
    if not asked and given.site:  # its pages are guarded only where its TLS is opened
        explained.append(_explain(read, replace(given, tls=(given.site, given.port or 443))))
    if as_json:
        made, *of_tls = (_as_json(*one) for one in explained)
        made = {"policy": version_of(read), **made} | ({"tls": of_tls[0]} if of_tls else {})
        click.echo(json.dumps(made, indent=2))
        return
    for answer, tried in explained:
        _say(answer, tried)


def _explain(config: Config, given: Given) -> tuple[Answer, list[Tried]]:
    try:
        answer = ask(config, given)
    except ParseError as error:
        raise click.BadParameter(str(error), param_hint=f"--{given.thing}") from error
    return answer, list(explain.tried(config, answer.question, answer.subject, answer.decision))


def _say(answer: Answer, tried: list[Tried]) -> None:
    decision = answer.decision
    click.echo(answer.what)
    for one in tried:
        click.echo(f"  rule {one.rule.name!r}{_place(one.rule)}: {_found(one, answer)}")
    for would in decision.monitored:
        click.echo(f"  {would.reason}: would be {would.action}")
    deciding = _deciding(answer, tried)
    place = _place(deciding) if deciding else ""
    click.echo(f"{decision.action}, by {decision.rule}{place}: {decision.reason}")


_OF: Final[dict[Question, str]] = {
    "candidate": "candidates",
    "opaque": "what cannot be read",
    "page": "pages as a whole",
    "server": "ICE servers in lists",
    "flow": "flows",
    "name": "names that DNS is asked for",
    "tls": "TLS",
}


def _place(rule: Rule) -> str:
    return f" ({rule.file}:{rule.line})" if rule.file else ""


def _found(one: Tried, answer: Answer) -> str:
    if not one.speaks:
        why = f", of which {' and '.join(one.lacked)} cannot be known" if one.lacked else ""
        return f"says nothing of {_OF[answer.question]}{why}"
    if one.lacked:
        return f"no: {', '.join(one.lacked)} does not hold"
    return "matches, in monitor mode" if one.rule.mode == "monitor" else "matches"


def _deciding(answer: Answer, tried: list[Tried]) -> Rule | None:
    """The rule that decided; None: a default."""
    return next((one.rule for one in tried if one.rule.name == answer.decision.rule), None)


def _as_json(answer: Answer, tried: list[Tried]) -> dict[str, Any]:
    deciding = _deciding(answer, tried)
    return {
        "what": answer.what,
        "action": answer.decision.action,
        "rule": answer.decision.rule,
        "file": deciding.file if deciding else "",
        "line": deciding.line if deciding else 0,
        "reason": answer.decision.reason,
        "tried": [
            {
                "rule": one.rule.name,
                "file": one.rule.file,
                "line": one.rule.line,
                "speaks": one.speaks,
                "lacked": list(one.lacked),
            }
            for one in tried
        ],
        "monitored": [
            {"rule": one.rule, "action": one.action} for one in answer.decision.monitored
        ],
    }

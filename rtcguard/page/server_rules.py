"""Rules on ICE servers as the page guard asks them: regular expressions that Python and JavaScript
read alike, over a server's text `turns:turn.example.org 443 tcp`."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from rtcguard.ice import address as addresses
from rtcguard.policy.model import Config
from rtcguard.policy.rule import Rule, ServerPattern, Subject

# What becomes of a server; what it is of; and of which of them it is not, if of any.
ServerRule = tuple[Literal["keep", "drop", "replace"], str, str]

_KEEP: Final = ("keep", "observe")


def server_rules(config: Config, subject: Subject) -> tuple[ServerRule, ...]:
    """What rules say of the servers that a page brings, in their order; the first that is of a
    server decides it. `subject` is the page."""
    return tuple(
        (_action(rule), _expression(rule.match.server, rule), _expression(excluded, rule, ""))
        for rule, excluded in config.index.of_servers(subject)
    )


def _action(rule: Rule) -> Literal["keep", "drop", "replace"]:
    if rule.action in _KEEP:
        return "keep"
    return "drop" if rule.action == "drop" else "replace"


def _expression(patterns: Sequence[ServerPattern], rule: Rule, none: str = "^") -> str:
    texts = [_one(pattern, loosens=rule.action in _KEEP) for pattern in patterns]
    return f"^(?:{'|'.join(texts)})$" if texts else none


def _one(pattern: ServerPattern, *, loosens: bool) -> str:
    host = pattern.host
    if host == "*":
        text = "[^ ]+"
    elif ":" in host:
        # A page may spell it in many ways, which are not told apart there: then the stricter holds.
        text = rf"\[{re.escape(host)}\]" if loosens else r"\[[^ ]+"
    elif addresses.parse(host) is not None:
        text = re.escape(host)
    else:
        text = re.escape(host.removeprefix("*")).replace("\\-", "-") + r"\.?"
        text = "[^ ]+" + text if host.startswith("*") else text
    port = str(pattern.port) if pattern.port else "[0-9]+"
    return f"{pattern.scheme}:{text} {port} {pattern.transport or '(?:udp|tcp)'}"

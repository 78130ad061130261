"""What the policy in force means for one client. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.policy.model import Config
from rtcguard.policy.rule import Match, Network, Rule, within
from rtcguard.web.rule_lines import rule_links

# What a rule says of other people: not for those who do not run this.
_OF_OTHERS: Final = ("client", "user", "negated")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule for people: `keys` are those of its match, each with what it names."""

    name: str
    action: str
    monitored: bool
    keys: tuple[tuple[str, str], ...]
    link: str = ""


def rules_for(config: Config, client: str, *, whole: bool) -> list[Shown]:
    """The rules that can decide something of this client, in their order. `whole`: with what they
    say of others, and where they stand."""
    links = rule_links(config) if whole else {}
    return [
        Shown(
            rule.name,
            rule.action,
            rule.mode == "monitor" or config.mode == "monitor",
            tuple(_keys(rule.match, whole=whole)),
            links.get(rule.name, ""),
        )
        for rule in config.rules
        if can_match(rule, client)
    ]


def can_match(rule: Rule, client: str) -> bool:
    """Whether a rule can match anything of this client."""
    if rule.match.client and not _names(rule.match.client, client):
        return False
    inner = rule.match.negated
    alone = inner is not None and inner == Match(client=inner.client)
    return not (alone and inner is not None and _names(inner.client, client))


def _names(values: tuple[Network | str, ...], client: str) -> bool:
    networks = tuple(one for one in values if not isinstance(one, str))
    return addresses.scope(client) in values or within(client, networks)


def _keys(match: Match, *, whole: bool) -> Iterator[tuple[str, str]]:
    for key in Match.__dataclass_fields__:
        value = getattr(match, key)
        if not value or (key in _OF_OTHERS and not whole):
            continue
        if key == "negated":
            inner = "; ".join(f"{name}: {said}" for name, said in _keys(value, whole=True))
            yield "not", inner
        else:
            yield key, ", ".join(_said(key, one) for one in value)


def _said(key: str, value: object) -> str:
    if isinstance(value, tuple):
        first, last = (_minute(one) if key == "time" else str(one) for one in value)
        if key == "time" and first[:3] == last[:3]:
            last = last[4:]
        return first if first == last else f"{first}–{last}"
    if hasattr(value, "scheme"):
        port, transport = getattr(value, "port", 0), getattr(value, "transport", "")
        made = f"{value.scheme}:{getattr(value, 'host', '')}" + (f":{port}" if port else "")
        return made + (f"?transport={transport}" if transport else "")
    return str(value)


def _minute(minute: int) -> str:
    """A minute of the week."""
    return f"{_DAYS[minute // 1440 % 7]} {minute // 60 % 24:02}:{minute % 60:02}"

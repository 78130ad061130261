"""The key `rules` of the configuration: what each rule names, and what it does."""

from typing import Any, Final

import yaml

from rtcguard.policy import match_values as values
from rtcguard.policy import rule
from rtcguard.policy.questions import misuse
from rtcguard.policy.suffixes import is_public_suffix
from rtcguard.policy.yaml_reader import (
    Keys,
    Reader,
    Yaml,
    choice,
    list_of,
    mapping_schema,
    takes,
    text,
)
from rtcguard.policy.yaml_values import path_prefix

_LOOSEN: Final = ("keep", "scrub", "observe", "pass")


def _any_of(*words: str) -> Reader[tuple[str | None, ...]]:
    return list_of(choice(*words))


_MATCH_KEYS: Keys = {
    "site": values.sites_of.about("Host names of pages; *.example.org is every name below it."),
    "path": list_of(path_prefix).about("Beginnings of the path that is spoken to."),
    "client": values.addresses_of.about("Addresses, networks or scopes such as private."),
    "user": values.users.about("Who has signed in at the proxy; * is everybody who has."),
    "direction": _any_of(*rule.DIRECTIONS).about("outbound: the client sends it."),
    "ring": _any_of(*rule.RINGS).about(
        "page: what a page may do. signaling: candidates on their way. network: STUN and TURN."
    ),
    "candidate": _any_of(*rule.CANDIDATE_TYPES, rule.OPAQUE).about(
        "Types of candidates; opaque: a description that cannot be read."
    ),
    "transport": _any_of(*rule.TRANSPORTS).about("The candidate's own transport."),
    "address": values.addresses_of.about("Addresses, networks or scopes such as private."),
    "server": values.servers.about("ICE servers: stun:*, turn:turn.example.org:3478."),
    "destination": values.destinations.about("Where it goes: addresses, networks, host names."),
    "port": values.ports_of.about("The port that it goes to: 3478, 3478-3481."),
    "protocol": _any_of(*rule.PROTOCOLS).about(
        "http, websocket: what carries signaling. The others: what flows, by its first bytes."
    ),
    "time": values.times.about("Local time: 08:00-18:00, mon-fri 08:00-18:00, sat,sun."),
}


@takes(mapping_schema(_MATCH_KEYS) | {"type": "object", "minProperties": 1})
def _not(reader: Yaml, node: yaml.Node, path: str) -> rule.Match | None:
    """`not` within `not` would be a riddle, so there is none."""
    before = len(reader.wildcards)
    found = _values(reader, node, path, _MATCH_KEYS)
    for place, at, name in reader.wildcards[before:]:
        if is_public_suffix(name[2:]):
            reader.warn(place, f"{at}: {_wide(name)}")
    del reader.wildcards[before:]
    if not found and not reader.mistakes:
        reader.mistake(node, f"{path} names nothing; what must not hold is written there")
    return None if reader.mistakes else rule.Match(**found)


_MATCH: Keys = {**_MATCH_KEYS, "not": _not.about("What must not hold, as a whole.")}


@takes(mapping_schema(_MATCH))
def _match(reader: Yaml, node: yaml.Node, path: str) -> rule.Match | None:
    found = _values(reader, node, path, _MATCH)
    negated = found.pop("not", None)
    return None if reader.mistakes else rule.Match(**found, negated=negated)


def _values(reader: Yaml, node: yaml.Node, path: str, keys: Keys) -> dict[str, Any]:
    """The keys of a match. An empty list is none of them: it would match everything."""
    before = len(reader.mistakes)
    found = reader.mapping(node, path, keys)
    for key, value in found.items():
        if value == () and len(reader.mistakes) == before:
            reader.mistake(node, f"{path}.{key} is empty; for any, leave the key out")
    return found


def _wide(name: str) -> str:
    return f"below {name[2:]} everybody can have a name (publicsuffix.org), so {name} is anybody's"


@takes(text.schema)
def _name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is not None:
        reader.unique("rules", value, node)
    return value


_RULE: Keys = {
    "name": _name.about("What reports and the ledger call it; no two rules have one name."),
    "match": _match.about("What it speaks of: lists are any of, keys are all of; {} is all."),
    "action": choice(*rule.RULE_ACTIONS).about("What is done; the first rule that matches wins."),
    "mode": choice(*rule.MODES).about("monitor: record what it would do; the next ones decide."),
}
_NEEDED: Final = ("name", "match", "action")


@takes(mapping_schema(_RULE, list(_NEEDED)))
def _rule(reader: Yaml, node: yaml.Node, path: str) -> rule.Rule | None:
    reader.wildcards.clear()
    found = reader.mapping(node, path, _RULE)
    missing = [key for key in _NEEDED if key not in found]
    if missing:
        reader.mistake(node, f"{path} needs {' and '.join(missing)}")
    for place, at, name in reader.wildcards:
        if is_public_suffix(name[2:]):
            tell = reader.mistake if found.get("action") in _LOOSEN else reader.warn
            tell(place, f"{at}: {_wide(name)}")
    if reader.mistakes:
        return None
    mark = node.start_mark
    made = rule.Rule(**found, file=reader.file, line=mark.line + 1, column=mark.column + 1)
    wrong = misuse(made)
    if wrong:
        reader.mistake(node, f"{path}: {wrong}")
    return made


rules = list_of(_rule, single=False)

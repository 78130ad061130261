"""The key `rules` of the configuration: what each rule names, and what it does."""

from typing import Final

import yaml

from rtcguard.policy import rule
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
from rtcguard.policy.yaml_values import network_or_scope, path_prefix


def _any_of(*words: str) -> Reader[tuple[str | None, ...]]:
    return list_of(choice(*words))


_MATCH_KEYS: Keys = {
    "site": list_of(text).about("Host names of pages; *.example.org is every name below it."),
    "path": list_of(path_prefix).about("Beginnings of the path that is spoken to."),
    "client": list_of(network_or_scope).about("Addresses, networks or scopes such as private."),
    "direction": _any_of(*rule.DIRECTIONS).about("outbound: the client sends it."),
    "ring": _any_of(*rule.RINGS).about(
        "page: what a page may do. signaling: candidates on their way. network: STUN and TURN."
    ),
    "candidate": _any_of(*rule.CANDIDATE_TYPES, rule.OPAQUE).about(
        "Types of candidates; opaque: a description that cannot be read."
    ),
    "transport": _any_of(*rule.TRANSPORTS).about("The candidate's own transport."),
    "address": list_of(network_or_scope).about("Addresses, networks or scopes such as private."),
}


@takes(mapping_schema(_MATCH_KEYS) | {"type": "object", "minProperties": 1})
def _not(reader: Yaml, node: yaml.Node, path: str) -> rule.Match | None:
    """`not` within `not` would be a riddle, so there is none."""
    values = reader.mapping(node, path, _MATCH_KEYS)
    if not values and not reader.mistakes:
        reader.mistake(node, f"{path} names nothing; what must not hold is written there")
    return None if reader.mistakes else rule.Match(**values)


_MATCH: Keys = {**_MATCH_KEYS, "not": _not.about("What must not hold, as a whole.")}


@takes(mapping_schema(_MATCH))
def _match(reader: Yaml, node: yaml.Node, path: str) -> rule.Match | None:
    values = reader.mapping(node, path, _MATCH)
    negated = values.pop("not", None)
    return None if reader.mistakes else rule.Match(**values, negated=negated)


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
    values = reader.mapping(node, path, _RULE)
    missing = [key for key in _NEEDED if key not in values]
    if missing:
        reader.mistake(node, f"{path} needs {' and '.join(missing)}")
    if reader.mistakes:
        return None
    return rule.Rule(**values, file=reader.file, line=node.start_mark.line + 1)


rules = list_of(_rule, single=False)

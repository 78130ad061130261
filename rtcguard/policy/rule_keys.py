"""The key `rules` of the configuration: what each rule names, and what it does."""

import yaml

from rtcguard.policy import rule
from rtcguard.policy.yaml_reader import (
    Reader,
    Yaml,
    choice,
    list_of,
    network_or_scope,
    path_prefix,
    text,
)

_MATCH_KEYS: dict[str, Reader] = {
    "site": list_of(text),
    "path": list_of(path_prefix),
    "client": list_of(network_or_scope),
    "direction": list_of(choice(*rule.DIRECTIONS)),
    "ring": list_of(choice(*rule.RINGS)),
    "candidate": list_of(choice(*rule.CANDIDATE_TYPES, rule.OPAQUE)),
    "transport": list_of(choice(*rule.TRANSPORTS)),
    "address": list_of(network_or_scope),
}


def _match(reader: Yaml, node: yaml.Node, path: str) -> rule.Match | None:
    inner: list[rule.Match | None] = []

    def negated(reader: Yaml, node: yaml.Node, path: str) -> None:
        """`not` within `not` would be a riddle, so there is none."""
        values = reader.mapping(node, path, _MATCH_KEYS)
        if not values and not reader.mistakes:
            reader.mistake(node, f"{path} names nothing; what must not hold is written there")
        inner.append(None if reader.mistakes else rule.Match(**values))

    values = reader.mapping(node, path, {**_MATCH_KEYS, "not": negated})
    values.pop("not", None)
    if reader.mistakes:
        return None
    return rule.Match(**values, negated=inner[0] if inner else None)


def rules(reader: Yaml, node: yaml.Node, path: str) -> tuple[rule.Rule | None, ...]:
    names: set[str] = set()

    def name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
        value = text(reader, node, path)
        if value in names:
            reader.mistake(node, f"two rules are named {value!r}")
        elif value is not None:
            names.add(value)
        return value

    keys: dict[str, Reader] = {"name": name, "match": _match, "action": choice(*rule.RULE_ACTIONS)}

    def one(reader: Yaml, node: yaml.Node, path: str) -> rule.Rule | None:
        values = reader.mapping(node, path, keys)
        missing = [key for key in keys if key not in values]
        if missing:
            reader.mistake(node, f"{path} needs {' and '.join(missing)}")
        return None if reader.mistakes else rule.Rule(**values)

    found: tuple[rule.Rule | None, ...] = list_of(one)(reader, node, path)
    return found

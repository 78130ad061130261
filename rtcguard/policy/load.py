"""The configuration file's shape: which keys there are, and how each becomes a value of the model.

To add a key: a field in `model.py`, a row here, a commented line in configs/personal.yaml.
"""

from typing import Any

import yaml

from rtcguard.errors import ConfigError, Mistake
from rtcguard.policy import model, network_keys, relay_keys, rule_keys
from rtcguard.policy.yaml_reader import (
    Reader,
    Yaml,
    boolean,
    choice,
    duration,
    host_port,
    optional,
    section,
    size,
    text,
)


def load(content: str, file: str) -> model.Config:
    """The configuration written in `content`; `file` is its name for messages.

    Raises ConfigError with every mistake that was found, in the order of their lines.
    """
    reader = Yaml(file)
    node = reader.compose(content)
    if node is None:
        raise ConfigError([Mistake(file, 0, 0, "the file is empty; it begins with `version: 1`")])
    values = reader.mapping(node, "", _TOP)
    if isinstance(node, yaml.MappingNode) and "version" not in values:
        reader.mistake(node, "`version: 1` is missing")
    if reader.mistakes:
        raise ConfigError(sorted(reader.mistakes, key=lambda m: (m.line, m.column)))
    return model.Config(**values)


def _version(reader: Yaml, node: yaml.Node, path: str) -> int:
    if not (isinstance(node, yaml.ScalarNode) and node.value == "1"):
        reader.mistake(node, "version is 1: the only shape of this file that there is")
    return 1


def _not_yet(what: str, key: Reader, *allowed: object) -> Reader:
    """A key of the contract whose part is not built: a value that asks for it is refused, since a
    protection that is configured and silently absent would be worse than none."""

    def read(reader: Yaml, node: yaml.Node, path: str) -> Any:
        before = len(reader.mistakes)
        value = key(reader, node, path)
        if value not in allowed and len(reader.mistakes) == before:
            shown = "null" if allowed[0] is None else str(allowed[0]).lower().replace("()", "[]")
            reader.mistake(node, f"{path}: {what} is not part of this version; leave it {shown}")
        return value

    return read


_TOP: dict[str, Reader] = {
    "version": _version,
    "mode": choice("enforce", "monitor"),
    "listen": host_port,
    "on_error": choice("block", "pass"),
    "relay": relay_keys.relay,
    "inbound": choice("auto", "keep", "strip"),
    "page": section(model.Page, {"guard": boolean}),
    "rules": rule_keys.rules,
    "stun": network_keys.stun,
    "sinkhole": network_keys.sinkhole,
    "gateway": network_keys.gateway,
    "upstream": section(model.Upstream, {"proxy": optional(text), "trusted_ca": optional(text)}),
    "ledger": section(
        model.Ledger,
        {
            "store": _not_yet("a store other than SQLite", text, "sqlite"),
            "keep": duration,
            "size": size,
            "addresses": choice("full", "masked"),
        },
    ),
    "web": section(model.Web, {"listen": _not_yet("the local site", optional(host_port), None)}),
}

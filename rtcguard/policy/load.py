"""The configuration file's shape: which keys there are, and how each becomes a value of the model.

To add a key: a field in `model.py`, a row here, a commented line in configs/personal.yaml.
"""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import yaml

from rtcguard.errors import ConfigError, Mistake, ParseError
from rtcguard.policy import (
    export_keys,
    ledger_keys,
    match_values,
    model,
    network_keys,
    relay_keys,
    rule_keys,
)
from rtcguard.policy.include import Part, Parts, Read, Source, include
from rtcguard.policy.rule import Rule
from rtcguard.policy.yaml_reader import (
    Keys,
    Schema,
    Yaml,
    boolean,
    choice,
    mapping_schema,
    optional,
    section,
    takes,
    text,
)
from rtcguard.policy.yaml_values import host_port, proxy


def _nothing_to_include(name: str, file: str) -> list[Source]:
    raise ParseError(f"{name}: files cannot be included here")


def load(content: bytes | str, file: str) -> model.Config:
    """The configuration written in `content` alone; `file` is its name for messages.

    Raises ConfigError, as `load_files`.
    """
    return load_files(Source(file, file, content))


def load_files(
    main: Source,
    read: Read = _nothing_to_include,
    environ: Mapping[str, str] | None = None,
) -> model.Config:
    """The configuration in a file and in those that it includes, which `read` gives.

    `environ` is what `${NAME}` stands for. Raises ConfigError with every mistake that was found in
    all files, in the order of their lines.
    """
    reader = Yaml(main.file, environ, public=main.readable)
    parts = Parts(reader, read, _TOP, {key: _TOP[key] for key in _INCLUDED})
    with _no_collector():
        parts.add(main)
        values = _values(reader, parts.found)
        if reader.mistakes:
            raise ConfigError(_sorted(reader.mistakes, parts))
        config = model.Config(**values, files=tuple(parts.files))
        odd = [*reader.warnings, *(_idle(*found) for found in config.index.idle())]
        if config.users.file is None:
            odd += [_of_nobody(rule) for rule in config.rules if rule.match.user]
        return config.warned(tuple(_sorted(odd, parts)))


@contextmanager
def _no_collector() -> Iterator[None]:
    """Nothing of the many small values is garbage before the end, and none is in a cycle; to look
    for that again and again would take a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _values(reader: Yaml, parts: list[Part]) -> dict[str, Any]:
    """Key by key through all files: what rules name has to be known before the first is read."""
    values: dict[str, Any] = {}
    for key, row in _TOP.items():
        for part in parts:
            if key in part.entries and key != "include":
                reader.file = part.file
                value = reader.value(part.entries[key], key, row)
                if key not in _LISTS:
                    joined = key in _JOINED and key in values
                    values[key] = values[key] + value if joined else value
    for main in parts[:1]:
        if isinstance(main.root, yaml.MappingNode) and "version" not in main.entries:
            reader.file = main.file
            reader.mistake(main.root, "`version: 1` is missing")
    return values


def _sorted(mistakes: list[Mistake], parts: Parts) -> list[Mistake]:
    order = {file: place for place, file in enumerate(parts.files)}
    return sorted(mistakes, key=lambda m: (order[m.file], m.line, m.column))


def _idle(one: Rule, shadow: Rule | None) -> Mistake:
    """The warning of a rule that can never decide."""
    why = "nothing can be all that it names"
    if shadow is not None:
        where = f"{shadow.file}:{shadow.line}"
        why = f"rule {shadow.name!r} ({where}) comes first and matches wherever it does"
    return Mistake(one.file, one.line, one.column, f"rule {one.name!r} never decides: {why}")


def _of_nobody(one: Rule) -> Mistake:
    """The warning of a rule that names users where nobody is asked who they are."""
    why = "users.file is null, so nobody signs in, and it never matches"
    return Mistake(one.file, one.line, one.column, f"rule {one.name!r} names a user: {why}")


def schema() -> Schema:
    """What an editor is told of the file, as JSON Schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of rtcguard",
        "description": "Made by `rtcguard check --schema`, which sees more than this can say.",
        **mapping_schema(_TOP, ["version"]),
    }


@takes({"enum": [1, "1"]})
def _version(reader: Yaml, node: yaml.Node, path: str) -> int:
    if not (isinstance(node, yaml.ScalarNode) and node.value == "1"):
        reader.mistake(node, "version is 1: the only shape of this file that there is")
    return 1


_LISTS: Final = ("networks", "sites")  # what only rules name
_INCLUDED: Final = ("version", "include", *_LISTS, "rules")  # what a file that is included may hold
_JOINED: Final = ("rules",)  # what several files may hold
_TOP: Keys = {
    "version": _version.about("The shape of this file; there is only 1."),
    "include": include.about(
        "Files with further rules, relative to this one; their rules come after its own."
    ),
    "mode": choice("enforce", "monitor").about(
        "enforce: do what the rules say. monitor: change nothing, record everything."
    ),
    "listen": host_port.about("Where the HTTP(S) proxy listens: HOST:PORT."),
    "on_error": choice("block", "pass").about(
        "What happens to a message that could be signaling and cannot be judged."
    ),
    "relay": relay_keys.relay.about("The approved TURN servers, and coturn next to rtcguard."),
    "inbound": choice("auto", "keep", "strip").about(
        "The far side's candidates. auto: kept where the client's side is known to be relay-only."
    ),
    "page": section(
        model.Page,
        {"guard": boolean.about("The script that makes WebRTC in pages relay-only.")},
    ).about("Ring 1: pages."),
    "networks": match_values.networks.about("Lists of networks, by names that rules use: $office."),
    "sites": match_values.sites.about("Lists of host names, by names that rules use: $ours."),
    "rules": rule_keys.rules.about("The first that matches decides; what none names is safe."),
    "stun": network_keys.stun.about("The STUN responder."),
    "sinkhole": network_keys.sinkhole.about("DNS: names of STUN servers lead nowhere."),
    "gateway": network_keys.gateway.about("The firewall of `rtcguard gateway up`."),
    "upstream": section(
        model.Upstream,
        {
            "proxy": optional(proxy).about(
                "An HTTP proxy to go out through; ${NAME} takes it from the environment."
            ),
            "trusted_ca": optional(text).about("A PEM file with a further CA of servers."),
        },
    ).about("The way out."),
    "users": section(
        model.Users,
        {
            "file": optional(text).about(
                "An htpasswd file (bcrypt) of those who may use the proxy; null: everybody may."
            ),
        },
    ).about("Who may use the proxy, so that rules can name a user."),
    "ledger": ledger_keys.ledger.about("The record of what tried to leak."),
    "exports": export_keys.exports.about("Where events go beside the ledger, as they come."),
    "metrics": export_keys.metrics.about("Figures for Prometheus."),
    "web": section(
        model.Web,
        {"listen": optional(host_port).about("Where it listens beside; null: there is none.")},
    ).about("The local site."),
}

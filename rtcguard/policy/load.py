"""The configuration file's shape: which keys there are, and how each becomes a value of the model.

To add a key: a field in `model.py`, a row here, a commented line in configs/personal.yaml.
"""

import re
from typing import Any

import yaml

from rtcguard.errors import ConfigError, Mistake, ParseError
from rtcguard.ice import server
from rtcguard.policy import model, rule
from rtcguard.policy.resolver import parse_resolver
from rtcguard.policy.yaml_reader import (
    Reader,
    Yaml,
    address,
    boolean,
    choice,
    duration,
    host_name,
    host_port,
    list_of,
    network,
    network_or_scope,
    number,
    optional,
    path_prefix,
    port,
    ports,
    text,
)

# What the kernel takes (15 bytes) and what needs no quoting in nftables' text.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?", re.ASCII)


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


def _section(make: type, keys: dict[str, Reader]) -> Reader:
    """A mapping that becomes one value of the model; nothing is made while there are mistakes."""

    def read(reader: Yaml, node: yaml.Node, path: str) -> Any:
        values = reader.mapping(node, path, keys)
        return None if reader.mistakes else make(**values)

    return read


def _version(reader: Yaml, node: yaml.Node, path: str) -> int:
    if not (isinstance(node, yaml.ScalarNode) and node.value == "1"):
        reader.mistake(node, "version is 1: the only shape of this file that there is")
    return 1


def _turn_uri(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is None:
        return None
    try:
        uri = server.parse_uri(value)
    except ParseError as error:
        reader.mistake(node, f"{path}: {error}")
        return None
    if not uri.is_turn:
        reader.mistake(node, f"{path} is a turn: or turns: URI; a STUN server relays nothing")
    return value


_RELAY_SERVER: dict[str, Reader] = {
    "urls": list_of(_turn_uri),
    "username": text,
    "credential": text,
    "shared_secret_file": text,
    "lifetime": duration,
}


def _relay_server(reader: Yaml, node: yaml.Node, path: str) -> model.RelayServer | None:
    values = reader.mapping(node, path, _RELAY_SERVER)
    if not values.get("urls"):
        reader.mistake(node, f"{path} has no urls")
    fixed = {"username", "credential"} & values.keys()
    if "shared_secret_file" in values:
        if fixed:
            reader.mistake(
                node, f"{path} has a shared_secret_file and a {min(fixed)}: only one can be used"
            )
    elif len(fixed) != 2:
        reader.mistake(node, f"{path} needs a shared_secret_file, or a username and a credential")
    return None if reader.mistakes else model.RelayServer(**values)


def _line(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """Text that becomes a line of coturn's configuration, and must not become two."""
    value = text(reader, node, path)
    if value is not None and not value.isprintable():
        reader.mistake(node, f"{path} is one line of text, found {value[:60]!r}")
        return None
    return value


def _coturn(reader: Yaml, node: yaml.Node, path: str) -> model.Coturn | None:
    values = reader.mapping(node, path, _COTURN)
    if (values.get("certificate") is None) != (values.get("private_key") is None):
        reader.mistake(node, f"{path} needs a certificate and its private_key, or neither")
    return None if reader.mistakes else model.Coturn(**values)


_COTURN: dict[str, Reader] = {
    "realm": optional(_line),
    "listen": list_of(address),
    "relay_addresses": list_of(address),
    "external_address": optional(address),
    "certificate": optional(_line),
    "private_key": optional(_line),
    "ports": ports,
    "allowed_peers": list_of(network),
    "user_quota": number,
    "total_quota": number,
    "max_rate": number,
}

_RELAY: dict[str, Reader] = {
    "servers": list_of(_relay_server),
    "site_servers": choice("drop", "keep"),
    "managed": boolean,
    "coturn": _coturn,
}


def _relay(reader: Yaml, node: yaml.Node, path: str) -> model.Relay | None:
    values = reader.mapping(node, path, _RELAY)
    if reader.mistakes:
        return None
    relay = model.Relay(**values)
    if relay.managed and not any(server.shared_secret_file for server in relay.servers):
        reader.mistake(
            node,
            f"{path}.managed runs the server of {path}.servers that is this machine, and none "
            "there has a shared_secret_file",
        )
    return relay


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


def _rules(reader: Yaml, node: yaml.Node, path: str) -> tuple[rule.Rule | None, ...]:
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

    rules: tuple[rule.Rule | None, ...] = list_of(one)(reader, node, path)
    return rules


def _resolver(reader: Yaml, node: yaml.Node, path: str) -> model.Resolver | None:
    value = text(reader, node, path)
    try:
        return None if value is None else parse_resolver(value)
    except ParseError as error:
        reader.mistake(node, f"{path}: {error}")
        return None


_SINKHOLE: dict[str, Reader] = {
    "listen": list_of(host_port),
    "upstream": list_of(_resolver),
    "names": list_of(host_name),
    "keep": list_of(host_name),
    "answer": choice("refuse", "responder"),
    "clients": list_of(network),
}


def _sinkhole(reader: Yaml, node: yaml.Node, path: str) -> model.Sinkhole | None:
    values = reader.mapping(node, path, _SINKHOLE)
    if reader.mistakes:
        return None
    sinkhole = model.Sinkhole(**values)
    if sinkhole.listen and not sinkhole.upstream:
        reader.mistake(
            node,
            f"{path} listens, but has no upstream to ask for all other names: write the address of "
            f"a DNS server there, such as {path}.upstream: [192.0.2.53]",
        )
    for asked in sinkhole.upstream:
        if asked.transport != "tls" and (asked.host, asked.port) in sinkhole.listen:
            reader.mistake(node, f"{path}.upstream names the sinkhole itself; name another server")
    return sinkhole


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


def _interface(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is not None and not _INTERFACE.fullmatch(value):
        reader.mistake(node, f"{path} is the name of a network interface, found {value!r}")
    if value == "lo":
        reader.mistake(node, f"{path}: lo is this machine itself; its own traffic is gateway.own")
    return value


def _user(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is not None and not _USER.fullmatch(value):
        reader.mistake(node, f"{path} is the name or the number of a user, found {value!r}")
    return value


def _some(reader: Yaml, node: yaml.Node, path: str) -> rule.Network | None:
    value = network(reader, node, path)
    if value is not None and not value.prefixlen:
        reader.mistake(node, f"{path}: {value} is everything; the firewall would hold nobody")
    return value


_GATEWAY: dict[str, Reader] = {
    "interfaces": list_of(_interface),
    "own": boolean,
    "users": list_of(_user),
    "transparent": boolean,
    "transparent_port": port,
    "resolvers": list_of(network),
    "direct": list_of(_some),
}


def _gateway(reader: Yaml, node: yaml.Node, path: str) -> model.Gateway | None:
    values = reader.mapping(node, path, _GATEWAY)
    if values.get("own") and not values.get("users"):
        reader.mistake(
            node,
            f"{path}.own needs {path}.users: the user that rtcguard runs as, whose traffic passes",
        )
    return None if reader.mistakes else model.Gateway(**values)


_TOP: dict[str, Reader] = {
    "version": _version,
    "mode": choice("enforce", "monitor"),
    "listen": host_port,
    "on_error": choice("block", "pass"),
    "relay": _relay,
    "inbound": choice("auto", "keep", "strip"),
    "page": _section(model.Page, {"guard": boolean}),
    "rules": _rules,
    "stun": _section(
        model.Stun,
        {
            "listen": list_of(host_port),
            "answer": choice("refuse", "decoy", "silent"),
            "clients": list_of(network),
            "rate": number,
        },
    ),
    "sinkhole": _sinkhole,
    "gateway": _gateway,
    "upstream": _section(model.Upstream, {"proxy": optional(text), "trusted_ca": optional(text)}),
    "ledger": _section(
        model.Ledger,
        {
            "store": _not_yet("a store other than SQLite", text, "sqlite"),
            "keep": duration,
            "addresses": _not_yet("masking of addresses", choice("full", "masked"), "full"),
        },
    ),
    "web": _section(model.Web, {"listen": _not_yet("the local site", optional(host_port), None)}),
}

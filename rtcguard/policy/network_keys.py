"""The keys `stun`, `sinkhole` and `gateway` of the configuration: ring 3."""

import re

import yaml

from rtcguard.errors import ParseError
from rtcguard.policy import model, rule
from rtcguard.policy.resolver import parse_resolver
from rtcguard.policy.yaml_reader import (
    Reader,
    Yaml,
    boolean,
    choice,
    host_name,
    host_port,
    list_of,
    network,
    number,
    port,
    section,
    text,
)

# What the kernel takes (15 bytes) and what needs no quoting in nftables' text.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?", re.ASCII)


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


def sinkhole(reader: Yaml, node: yaml.Node, path: str) -> model.Sinkhole | None:
    values = reader.mapping(node, path, _SINKHOLE)
    if reader.mistakes:
        return None
    made = model.Sinkhole(**values)
    if made.listen and not made.upstream:
        reader.mistake(
            node,
            f"{path} listens, but has no upstream to ask for all other names: write the address of "
            f"a DNS server there, such as {path}.upstream: [192.0.2.53]",
        )
    for asked in made.upstream:
        if asked.transport != "tls" and (asked.host, asked.port) in made.listen:
            reader.mistake(node, f"{path}.upstream names the sinkhole itself; name another server")
    return made


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


def gateway(reader: Yaml, node: yaml.Node, path: str) -> model.Gateway | None:
    values = reader.mapping(node, path, _GATEWAY)
    if values.get("own") and not values.get("users"):
        reader.mistake(
            node,
            f"{path}.own needs {path}.users: the user that rtcguard runs as, whose traffic passes",
        )
    return None if reader.mistakes else model.Gateway(**values)


stun = section(
    model.Stun,
    {
        "listen": list_of(host_port),
        "answer": choice("refuse", "decoy", "silent"),
        "clients": list_of(network),
        "rate": number,
    },
)

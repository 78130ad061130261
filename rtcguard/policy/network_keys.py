"""The keys `stun`, `sinkhole` and `gateway` of the configuration: ring 3."""

import re

import yaml

from rtcguard.errors import ParseError
from rtcguard.policy import model, rule
from rtcguard.policy.resolver import parse_resolver
from rtcguard.policy.yaml_reader import (
    TEXT,
    Keys,
    Yaml,
    boolean,
    choice,
    list_of,
    mapping_schema,
    section,
    shown,
    takes,
    text,
)
from rtcguard.policy.yaml_values import host_name, host_port, network, number, port

# What the kernel takes (15 bytes) and what needs no quoting in nftables' text.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?", re.ASCII)


@takes({"type": "string"})
def _resolver(reader: Yaml, node: yaml.Node, path: str) -> model.Resolver | None:
    value = text(reader, node, path)
    try:
        return None if value is None else parse_resolver(value)
    except ParseError as error:
        reader.mistake(node, f"{path}: {error}")
        return None


_SINKHOLE: Keys = {
    "listen": list_of(host_port).about("Where it listens; null: it is off."),
    "upstream": list_of(_resolver).about(
        "DNS servers for all other names: 192.0.2.53, tls://192.0.2.53#dns.example.org."
    ),
    "names": list_of(host_name).about("Names to sink beside those that rtcguard knows."),
    "keep": list_of(host_name).about("Names never to sink."),
    "answer": choice("refuse", "responder").about(
        "refuse: such a name does not exist. responder: it leads to the STUN responder."
    ),
    "clients": list_of(network).about("Who may ask; others get no answer."),
}


@takes(mapping_schema(_SINKHOLE))
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


@takes({"type": "string", "pattern": f"^{_INTERFACE.pattern}$"})
def _interface(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is not None and not _INTERFACE.fullmatch(value):
        reader.mistake(node, f"{path} is the name of a network interface, found {shown(value)}")
    if value == "lo":
        reader.mistake(node, f"{path}: lo is this machine itself; its own traffic is gateway.own")
    return value


@takes(TEXT | {"pattern": f"^{_USER.pattern}$"})
def _user(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is not None and not _USER.fullmatch(value):
        reader.mistake(node, f"{path} is the name or the number of a user, found {shown(value)}")
    return value


@takes(network.schema)
def _some(reader: Yaml, node: yaml.Node, path: str) -> rule.Network | None:
    value = network(reader, node, path)
    if value is not None and not value.prefixlen:
        reader.mistake(node, f"{path}: {value} is everything; the firewall would hold nobody")
    return value


_GATEWAY: Keys = {
    "interfaces": list_of(_interface).about("Interfaces that the clients are behind: [lan0]."),
    "own": boolean.about("This machine's own traffic too, but for that of `users`."),
    "users": list_of(_user).about("Whose traffic is rtcguard's and the relay's own."),
    "transparent": boolean.about("true: all TCP of the clients is led to the proxy."),
    "transparent_port": port.about("The proxy's port for that."),
    "resolvers": list_of(network).about("DNS servers that may be asked."),
    "direct": list_of(_some).about("Where everything passes to, unjudged."),
}


@takes(mapping_schema(_GATEWAY))
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
        "listen": list_of(host_port).about("Where it listens; []: it is off."),
        "answer": choice("refuse", "decoy", "silent").about(
            "refuse: an error at once. decoy: an address that reaches nobody. silent: none."
        ),
        "clients": list_of(network).about("Who is answered; others are recorded only."),
        "rate": number.about("Answers a second to one source."),
    },
)

"""The key `relay` of the configuration: the approved TURN servers, and coturn next to rtcguard."""

import yaml

from rtcguard.errors import ParseError
from rtcguard.ice import server
from rtcguard.policy import model
from rtcguard.policy.yaml_reader import (
    Reader,
    Yaml,
    address,
    boolean,
    choice,
    duration,
    list_of,
    network,
    number,
    optional,
    ports,
    text,
)


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


def relay(reader: Yaml, node: yaml.Node, path: str) -> model.Relay | None:
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

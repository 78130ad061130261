"""The key `relay` of the configuration: the approved TURN servers, and coturn next to rtcguard."""

import yaml

from rtcguard.errors import ParseError
from rtcguard.ice import server
from rtcguard.policy import model
from rtcguard.policy.yaml_reader import (
    TEXT,
    Keys,
    Reader,
    Yaml,
    boolean,
    choice,
    list_of,
    mapping_schema,
    optional,
    shown,
    takes,
    text,
)
from rtcguard.policy.yaml_values import (
    address,
    duration,
    is_variable,
    network,
    number,
    ports,
    secret,
)


@takes({"type": "string", "pattern": "^[Tt][Uu][Rr][Nn][Ss]?:"})
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


@takes(TEXT)
def _credential(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = secret(reader, node, path)
    if value is not None and reader.public and not is_variable(node):
        reader.warn(
            node,
            f"{path} stands in a file that everybody can read; run: chmod o= {reader.file}, or "
            "write ${NAME} for a variable of the environment",
        )
    return value


_MANY_URLS = {"type": "array", "items": _turn_uri.schema, "minItems": 1}
_urls = Reader(list_of(_turn_uri).read, {"anyOf": [_turn_uri.schema, _MANY_URLS]})

_RELAY_SERVER: Keys = {
    "urls": _urls.about("Its URLs: turn: or turns:, with ?transport=udp or tcp."),
    "username": secret.about("A fixed user; ${NAME} takes it from the environment."),
    "credential": _credential.about("Its password; ${NAME} takes it from the environment."),
    "shared_secret_file": text.about(
        "A file with coturn's static-auth-secret, not readable by others: credentials that end."
    ),
    "lifetime": duration.about("How long credentials made from the shared secret hold: 12h."),
}


_ONE_KIND_OF_CREDENTIALS = {
    "anyOf": [{"required": ["shared_secret_file"]}, {"required": ["username", "credential"]}],
    "dependentSchemas": {
        "shared_secret_file": {
            "not": {"anyOf": [{"required": ["username"]}, {"required": ["credential"]}]}
        }
    },
}


@takes(mapping_schema(_RELAY_SERVER, ["urls"]) | _ONE_KIND_OF_CREDENTIALS)
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


@takes(TEXT)
def _line(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """Text that becomes a line of coturn's configuration, and must not become two."""
    value = text(reader, node, path)
    if value is not None and not value.isprintable():
        reader.mistake(node, f"{path} is one line of text, found {shown(value)}")
        return None
    return value


_COTURN: Keys = {
    "realm": optional(_line).about("null: the host in the server's first URL."),
    "listen": list_of(address).about(
        "Addresses that clients come to; []: those of the hosts in its URLs."
    ),
    "relay_addresses": list_of(address).about(
        "Addresses that packets go out from; []: those towards the internet."
    ),
    "external_address": optional(address).about(
        "The public address, where this machine is behind NAT."
    ),
    "certificate": optional(_line).about("A PEM file for turns: URLs."),
    "private_key": optional(_line).about("The PEM file of the certificate's key."),
    "ports": ports.about("UDP ports of relayed addresses: 49152-65535."),
    "allowed_peers": list_of(network).about(
        "Private networks that calls may reach over the relay."
    ),
    "user_quota": number.about("Allocations for one client on one site."),
    "total_quota": number.about("Allocations in all."),
    "max_rate": number.about("Bytes a second for each allocation."),
}


@takes(mapping_schema(_COTURN))
def _coturn(reader: Yaml, node: yaml.Node, path: str) -> model.Coturn | None:
    values = reader.mapping(node, path, _COTURN)
    if (values.get("certificate") is None) != (values.get("private_key") is None):
        reader.mistake(node, f"{path} needs a certificate and its private_key, or neither")
    return None if reader.mistakes else model.Coturn(**values)


_RELAY: Keys = {
    "servers": list_of(_relay_server, single=False).about(
        "Approved TURN servers, offered to every page in place of those that it brings."
    ),
    "site_servers": choice("drop", "keep").about(
        "TURN servers that a site brings itself; they see the client's address."
    ),
    "managed": boolean.about("true: `rtcguard run` runs coturn for the server on this machine."),
    "coturn": _coturn.about("How the server is set up, by `managed` or `rtcguard turn config`."),
}


@takes(mapping_schema(_RELAY))
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

"""The keys `exports` and `metrics` of the configuration: where events and figures go."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import yaml

from rtcguard.policy import export, model
from rtcguard.policy.yaml_nodes import is_null
from rtcguard.policy.yaml_reader import (
    TEXT,
    Keys,
    Yaml,
    choice,
    mapping_schema,
    optional,
    section,
    shown,
    takes,
    text,
)
from rtcguard.policy.yaml_values import host_port, is_variable, parse_host_port, secret

_ADDRESS: Final = re.compile(r"(udp|tcp|tls)://([^/]+)/?")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token of RFC 9110 section 5.6.2
# Set by what is sent, or by the connection; a value of the file's would contradict them.
_OWN_HEADERS: Final = frozenset(
    (
        "content-type",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "host",
        "connection",
    )
)
_PLACES: Final = "udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:/dev/log"


@takes({"type": "string", "pattern": "^/"})
def _file(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = text(reader, node, path)
    if value is not None and not value.startswith("/"):
        reader.mistake(node, f"{path} is a whole path, such as /var/log/rtcguard.jsonl")
    return value


@takes({"type": "string", "pattern": "^((udp|tcp|tls)://|unix:/)"})
def _address(reader: Yaml, node: yaml.Node, path: str) -> export.Syslog | None:
    value = text(reader, node, path)
    if value is None:
        return None
    if value.startswith("unix:/"):
        return export.Syslog("unix", path="/" + value.removeprefix("unix:").lstrip("/"))
    found = _ADDRESS.fullmatch(value)
    place = parse_host_port(found[2]) if found else None
    if found is None or place is None:
        hint = "; the port is missing" if found and ":" not in found[2] else ""
        reader.mistake(node, f"{path} is {_PLACES}, found {shown(value)}{hint}")
        return None
    match found[1]:
        case "udp":
            return export.Syslog("udp", *place)
        case "tcp":
            return export.Syslog("tcp", *place)
        case _:
            return export.Syslog("tls", *place)


@takes({"type": "string", "pattern": "^https?://"})
def _endpoint(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """The URL that requests go to. Where it has no path, it is the collector's usual one."""
    value = text(reader, node, path)
    if value is None:
        return None
    meant = f"{path} is a URL such as https://collector.example.org:4318, found {shown(value)}"
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        reader.mistake(node, meant)
    elif parts.username is not None or parts.password is not None:
        reader.mistake(node, f"{path} holds no user and password; write them under headers")
    elif parts.fragment or not value.isascii() or not value.isprintable() or " " in value:
        reader.mistake(node, meant)
    elif parts.path in ("", "/") and not parts.query:
        return f"{parts.scheme}://{parts.netloc}/v1/logs"
    return value


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        return parts if parts.port != 0 else None
    except ValueError:  # a port that is none, half a bracket
        return None


@takes({"type": ["object", "null"], "additionalProperties": TEXT})
def _headers(reader: Yaml, node: yaml.Node, path: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    if is_null(node):
        return ()
    if not isinstance(node, yaml.MappingNode):
        reader.mistake(node, f"{path} holds headers such as {{Authorization: Bearer TOKEN}}")
        return ()
    for key, child in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not _NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            reader.mistake(key, f"{path}: {shown(name)} is not a header that may be set")
            continue
        if name.lower() in map(str.lower, found):
            reader.mistake(key, f"{path}.{name} is written twice")
        value = reader.value(child, f"{path}.{name}", secret)
        if value is None:
            continue
        # Not shown: it may be a secret.
        if not (value.isascii() and value.isprintable()):
            reader.mistake(child, f"{path}.{name} has characters that no header may have")
        if reader.public and not is_variable(child):
            reader.warn(
                child,
                f"{path}.{name} stands in a file that everybody can read; run: chmod o= "
                f"{reader.file}, or write ${{NAME}} for a variable of the environment",
            )
        found[name] = value
    return tuple(found.items())


def _syslog(values: dict[str, Any]) -> export.Export:
    at: export.Syslog = values["address"]
    return export.Syslog(at.transport, at.host, at.port, at.path, values.get("format", "rfc5424"))


def _opentelemetry(values: dict[str, Any]) -> export.Export:
    return export.OpenTelemetry(values["endpoint"], values.get("headers", ()))


# What `to` names: how it is made, its keys, and the one that it cannot be without.
_KINDS: Final[dict[str, tuple[Callable[[dict[str, Any]], export.Export], Keys, str]]] = {
    "jsonl": (
        lambda values: export.JsonLines(values["file"]),
        {"file": _file.about("The file that lines are appended to; logrotate may take it away.")},
        "file",
    ),
    "syslog": (
        _syslog,
        {
            "address": _address.about(f"{_PLACES}."),
            "format": choice("rfc5424", "cef").about("How events are written: rfc5424."),
        },
        "address",
    ),
    "opentelemetry": (
        _opentelemetry,
        {
            "endpoint": _endpoint.about("A URL; without a path, its /v1/logs is asked."),
            "headers": _headers.about("Sent with each request; ${NAME} as the whole of a value."),
        },
        "endpoint",
    ),
}
_TO: Final = choice(*_KINDS)


@takes(
    {
        "anyOf": [
            mapping_schema({"to": choice(to).about("What takes them."), **keys}, ["to", needed])
            for to, (_, keys, needed) in _KINDS.items()
        ]
    }
)
def _export(reader: Yaml, node: yaml.Node, path: str) -> export.Export | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    kind = next((value for key, value in pairs if key.value == "to"), None)
    if kind is None:
        reader.mistake(
            node, f"{path} has no key `to`: {', '.join(_KINDS)}, such as {{to: jsonl, file: PATH}}"
        )
        return None
    to = reader.value(kind, f"{path}.to", _TO)
    if to is None:
        return None
    make, keys, needed = _KINDS[to]
    before = len(reader.mistakes)
    values = reader.mapping(node, path, {"to": _TO, **keys})
    if needed not in values and len(reader.mistakes) == before:
        reader.mistake(node, f"{path} needs the key `{needed}`")
    if len(reader.mistakes) > before:
        return None
    return make(values)


@takes({"anyOf": [_export.schema, {"type": ["array", "null"], "items": _export.schema}]})
def exports(reader: Yaml, node: yaml.Node, path: str) -> tuple[export.Export, ...]:
    """A list of exports, each with the keys that its `to` has."""
    if is_null(node):
        return ()
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    made: dict[str, export.Export] = {}
    for index, child in enumerate(nodes):
        one = reader.value(child, f"{path}[{index}]", _export)
        if one is not None and one.name in made:
            reader.mistake(child, f"{path}[{index}]: {one.name} is written twice")
        elif one is not None:
            made[one.name] = one
    return tuple(made.values())


metrics = section(
    model.Metrics,
    {"listen": optional(host_port).about("Where Prometheus asks; null: nothing is measured.")},
)

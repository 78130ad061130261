"""Reading YAML strictly: typed values out of nodes that know their line, every mistake collected.

A reader is a callable `(Yaml, node, path) -> value`; `path` names the value for people
(`relay.servers[0].urls`). A reader that finds a mistake notes it and returns None; after the walk
the mistakes decide, so no half-read value is ever used.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from rtcguard.errors import ConfigError, Mistake
from rtcguard.ice.address import SCOPES
from rtcguard.policy.model import HostPort
from rtcguard.policy.rule import Network

Reader = Callable[["Yaml", yaml.Node, str], Any]

_DURATION = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_SIZE = re.compile(r"([1-9][0-9]{0,5})\s?(MB|GB|TB)")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})", re.ASCII)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+):([0-9]{1,5})")
# Labels of RFC 1035 section 2.3.1; an underscore stands in the names of services (RFC 8552).
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


class Yaml:
    """One file being read: its name, and the mistakes found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []

    def compose(self, text: str) -> yaml.Node | None:
        """The file's only document as nodes; None for an empty file. Raises ConfigError."""
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            message = f"not YAML: {error.problem or error.context}"
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            column = error.position - text.rfind("\n", 0, error.position)
            message = f"not YAML: a character that may not stand here ({error.reason})"
        except RecursionError:
            line, column, message = 0, 0, "nested too deep"
        raise ConfigError([Mistake(self.file, line, column, message)])

    def mistake(self, node: yaml.Node, message: str) -> None:
        mark = node.start_mark
        self.mistakes.append(Mistake(self.file, mark.line + 1, mark.column + 1, message))

    def mapping(self, node: yaml.Node, path: str, keys: dict[str, Reader]) -> dict[str, Any]:
        """The values of a mapping that has no other keys than `keys`; absent keys are absent."""
        values: dict[str, Any] = {}
        if _is_null(node):
            return values
        if not isinstance(node, yaml.MappingNode):
            self.mistake(node, f"{path or 'the file'} holds keys, found {_found(node)}")
            return values
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            inner = f"{path}.{key}" if path else str(key)
            if key not in keys:
                self.mistake(key_node, f"unknown key {key!r}{suggestion(key, keys)}")
            elif key in values:
                self.mistake(key_node, f"{inner} is written twice")
            else:
                values[key] = keys[key](self, value_node, inner)
        return values


def suggestion(word: object, known: Sequence[str] | dict[str, Any]) -> str:
    """`; did you mean 'listen'?`, or the words that are known."""
    return _close(str(word), list(known)) or f"; known are {', '.join(known)}"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _found(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "nothing" if _is_null(node) else repr(node.value[:60])
    return "a list" if isinstance(node, yaml.SequenceNode) else "keys"


def _scalar(reader: Yaml, node: yaml.Node, path: str, meant: str) -> str | None:
    if isinstance(node, yaml.ScalarNode) and not _is_null(node) and node.value.strip():
        return str(node.value)
    reader.mistake(node, f"{path} is {meant}, found {_found(node)}")
    return None


def text(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    return _scalar(reader, node, path, "text")


def boolean(reader: Yaml, node: yaml.Node, path: str) -> bool | None:
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:bool":
        return node.value.lower() in ("true", "yes", "on")
    reader.mistake(node, f"{path} is true or false, found {_found(node)}")
    return None


def choice(*words: str) -> Reader:
    def read(reader: Yaml, node: yaml.Node, path: str) -> str | None:
        value = _scalar(reader, node, path, f"one of {', '.join(words)}")
        if value is None or value in words:
            return value
        reader.mistake(
            node, f"{path} is one of {', '.join(words)}, found {value!r}{_close(value, words)}"
        )
        return None

    return read


def _close(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def list_of(item: Reader) -> Reader:
    """A list, or one value in its place; comes back as a tuple."""

    def read(reader: Yaml, node: yaml.Node, path: str) -> tuple[Any, ...]:
        if _is_null(node):
            return ()
        if isinstance(node, yaml.SequenceNode):
            nodes = enumerate(node.value)
            return tuple(item(reader, child, f"{path}[{index}]") for index, child in nodes)
        return (item(reader, node, path),)

    return read


def optional(item: Reader) -> Reader:
    def read(reader: Yaml, node: yaml.Node, path: str) -> Any:
        return None if _is_null(node) else item(reader, node, path)

    return read


def section(make: type, keys: dict[str, Reader]) -> Reader:
    """A mapping that becomes one value of the model; nothing is made while there are mistakes."""

    def read(reader: Yaml, node: yaml.Node, path: str) -> Any:
        values = reader.mapping(node, path, keys)
        return None if reader.mistakes else make(**values)

    return read


def duration(reader: Yaml, node: yaml.Node, path: str) -> int | None:
    """Seconds, from `45s`, `30m`, `12h`, `90d` or `2w`."""
    value = _scalar(reader, node, path, "a time such as 30m, 12h or 90d")
    if value is None:
        return None
    seconds = parse_duration(value)
    if seconds is None:
        reader.mistake(node, f"{path} is a time such as 30m, 12h or 90d, found {value!r}")
    return seconds


def parse_duration(value: str) -> int | None:
    """`12h` as seconds; None for anything else, and for no time at all."""
    found = _DURATION.fullmatch(value)
    return int(found[1]) * _SECONDS[found[2]] or None if found else None


def size(reader: Yaml, node: yaml.Node, path: str) -> int | None:
    """Bytes, from `500MB` or `4GB`, in powers of ten."""
    value = _scalar(reader, node, path, "a size such as 500MB or 4GB")
    if value is None:
        return None
    found = _SIZE.fullmatch(value)
    if found is None:
        reader.mistake(node, f"{path} is a size such as 500MB or 4GB, found {value[:60]!r}")
        return None
    return int(found[1]) * {"MB": 10**6, "GB": 10**9, "TB": 10**12}[found[2]]


def number(reader: Yaml, node: yaml.Node, path: str) -> int | None:
    """A whole number from 1 on."""
    value = _scalar(reader, node, path, "a whole number from 1 on")
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        reader.mistake(node, f"{path} is a whole number from 1 on, found {value!r}")
        return None
    return int(value)


def host_port(reader: Yaml, node: yaml.Node, path: str) -> HostPort | None:
    value = _scalar(reader, node, path, "HOST:PORT")
    if value is None:
        return None
    parsed = parse_host_port(value)
    if parsed is None:
        reader.mistake(node, f"{path} is HOST:PORT or [IPV6]:PORT, found {value!r}")
    return parsed


def parse_host_port(value: str) -> HostPort | None:
    """`127.0.0.1:8080` or `[::1]:8080` as host and port; None for anything else."""
    found = _HOST_PORT.fullmatch(value)
    if found is None or not 0 < int(found[2]) < 65536:
        return None
    return found[1].strip("[]"), int(found[2])


def port(reader: Yaml, node: yaml.Node, path: str) -> int | None:
    value = _scalar(reader, node, path, "a port")
    if value is not None and value.isascii() and value.isdigit() and 0 < int(value[:6]) < 65536:
        return int(value)
    if value is not None:
        reader.mistake(node, f"{path} is a port from 1 to 65535, found {value!r}")
    return None


def ports(reader: Yaml, node: yaml.Node, path: str) -> tuple[int, int] | None:
    """The first and the last port of `49152-65535`."""
    value = _scalar(reader, node, path, "a range of ports such as 49152-65535")
    if value is None:
        return None
    found = _PORTS.fullmatch(value)
    if found is not None and 0 < int(found[1]) <= int(found[2]) < 65536:
        return int(found[1]), int(found[2])
    reader.mistake(node, f"{path} is a range of ports such as 49152-65535, found {value[:60]!r}")
    return None


def address(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = _scalar(reader, node, path, "an IP address")
    if value is None:
        return None
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        reader.mistake(node, f"{path} is an IP address, found {value[:60]!r}")
        return None


def host_name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """A host name, or `*.` and one, in lower case and without a dot at its end."""
    value = _scalar(reader, node, path, "a host name such as stun.example.org")
    if value is None:
        return None
    name = value.lower().removesuffix(".")
    if _HOST_NAME.fullmatch(name) is None or len(name) > 253:
        reader.mistake(
            node,
            f"{path} is a host name such as stun.example.org or *.example.org, found {value!r}",
        )
    return name


def network(reader: Yaml, node: yaml.Node, path: str) -> Network | None:
    value = network_or_scope(reader, node, path, scopes=())
    assert not isinstance(value, str)
    return value


def network_or_scope(
    reader: Yaml, node: yaml.Node, path: str, scopes: Sequence[str] = SCOPES
) -> Network | str | None:
    """A network (an address is one too), or the name of a scope."""
    meant = "an address or a network such as 10.0.0.0/8"
    if scopes:
        meant = "an address, a network such as 10.0.0.0/8 or a scope such as private"
    value = _scalar(reader, node, path, meant)
    if value is None or value in scopes:
        return value
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        hint = f": host bits are set; did you mean {ipaddress.ip_network(value, strict=False)}?"
    except ValueError:
        hint = _close(value, scopes)
    reader.mistake(node, f"{path} is {meant}, found {value!r}{hint}")
    return None


def path_prefix(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = _scalar(reader, node, path, "a path such as /meet")
    if value is not None and not value.startswith("/"):
        reader.mistake(node, f"{path} begins with a slash, such as /meet, found {value!r}")
    return value

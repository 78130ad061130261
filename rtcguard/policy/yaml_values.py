"""Single values of the configuration: times, numbers, places, addresses, names, secrets.

A value is taken exactly as it is written; what an editor is told of it (the schema) takes all that
the reader takes, and sees most mistakes, not all: ranges and host bits are for the reader.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Final

import yaml

from rtcguard.ice.address import SCOPES
from rtcguard.policy.model import HostPort
from rtcguard.policy.rule import Network
from rtcguard.policy.yaml_reader import TEXT, Reader, Schema, Yaml, close, scalar, shown, takes

_DURATION = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_PORT = "[1-9][0-9]{0,4}"
_SIZE = re.compile(r"([1-9][0-9]{0,5}) ?(MB|GB|TB)")
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PORTS = re.compile(rf"({_PORT})-({_PORT})")
_HOST_PORT = re.compile(rf"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+):({_PORT})")
# Labels of RFC 1035 section 2.3.1; an underscore stands in the names of services (RFC 8552).
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?")
_SCOPES: Final = frozenset(SCOPES)
_ADDRESS: Final = "[0-9A-Fa-f:.]+(%[^/]+)?"
_OCTETS: Final = {str(octet): octet for octet in range(256)}
_LENGTHS: Final = {f"/{length}": length for length in range(33)} | {"": 32}
_NETWORK: Final = {"type": "string", "pattern": f"^{_ADDRESS}(/[0-9.]+)?$"}
_PROXY = re.compile(rf"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+)(?::({_PORT}))?/?")
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def is_variable(node: yaml.Node) -> bool:
    return isinstance(node.value, str) and VARIABLE.fullmatch(node.value) is not None


@takes(TEXT)
def secret(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """Text, or the variable of the environment that `${NAME}` stands for."""
    if not isinstance(node, yaml.ScalarNode) or "${" not in node.value:
        return scalar(reader, node, path, "text")
    found = VARIABLE.fullmatch(node.value)
    if found is None:
        reader.mistake(
            node, f"{path}: a variable of the environment is the whole value, such as ${{NAME}}"
        )
        return None
    value = reader.environ.get(found[1])
    if value is None or not value.strip():
        what = "is empty" if value is not None else "is not set"
        reader.mistake(node, f"{path}: the environment's variable {found[1]} {what}")
        return None
    return value


def _form[T](schema: Schema, meant: str, parse: Callable[[str], T | None]) -> Reader[T | None]:
    """A value of one form: what `parse` gives; None from it is a mistake."""

    @takes(schema)
    def read(reader: Yaml, node: yaml.Node, path: str) -> T | None:
        value = scalar(reader, node, path, meant)
        made = None if value is None else parse(value)
        if value is not None and made is None:
            reader.mistake(node, f"{path} is {meant}, found {shown(value)}")
        return made

    return read


def parse_duration(value: str) -> int | None:
    """`12h` as seconds; None for anything else, and for no time at all."""
    found = _DURATION.fullmatch(value)
    return int(found[1]) * _SECONDS[found[2]] or None if found else None


duration: Final = _form(
    {"type": "string", "pattern": r"^0*[1-9][0-9]{0,5}\s*[smhdw]$"},
    "a time such as 30m, 12h or 90d",
    parse_duration,
)


def _parse_size(value: str) -> int | None:
    """Bytes, in powers of ten."""
    found = _SIZE.fullmatch(value)
    return int(found[1]) * _BYTES[found[2]] if found else None


size: Final = _form(
    {"type": "string", "pattern": f"^{_SIZE.pattern}$"}, "a size such as 500MB or 4GB", _parse_size
)


def _parse_number(value: str) -> int | None:
    return int(value) if _NUMBER.fullmatch(value) else None


number: Final = _form(
    {
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": 999_999_999,
        "pattern": f"^{_NUMBER.pattern}$",
    },
    "a whole number from 1 on",
    _parse_number,
)


@takes({"type": "string", "pattern": f"^(?:{_PROXY.pattern}|{VARIABLE.pattern})$"})
def proxy(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """The URL of an HTTP proxy, as mitmproxy takes it. What a variable holds is not shown."""
    value = secret(reader, node, path)
    found = None if value is None else _PROXY.fullmatch(value)
    if value is None or (found is not None and int(found[1] or 80) < 65536):
        return value
    told = "" if is_variable(node) else f", found {shown(value)}"
    reader.mistake(node, f"{path} is an HTTP proxy such as http://192.0.2.9:3128{told}")
    return None


@takes({"type": "string", "pattern": f"^{_HOST_PORT.pattern}$"})
def host_port(reader: Yaml, node: yaml.Node, path: str) -> HostPort | None:
    value = scalar(reader, node, path, "HOST:PORT")
    if value is None:
        return None
    parsed = parse_host_port(value)
    if parsed is None:
        reader.mistake(node, f"{path} is HOST:PORT or [IPV6]:PORT, found {shown(value)}")
    return parsed


def parse_host_port(value: str) -> HostPort | None:
    """`127.0.0.1:8080` or `[::1]:8080` as host and port; None for anything else."""
    found = _HOST_PORT.fullmatch(value)
    if found is None or not 0 < int(found[2]) < 65536:
        return None
    return found[1].strip("[]"), int(found[2])


@takes({"type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": f"^{_PORT}$"})
def port(reader: Yaml, node: yaml.Node, path: str) -> int | None:
    value = scalar(reader, node, path, "a port")
    if value is not None and _NUMBER.fullmatch(value) and int(value) < 65536:
        return int(value)
    if value is not None:
        reader.mistake(node, f"{path} is a port from 1 to 65535, found {shown(value)}")
    return None


def _parse_ports(value: str) -> tuple[int, int] | None:
    """The first and the last port."""
    found = _PORTS.fullmatch(value)
    if found is None or not 0 < int(found[1]) <= int(found[2]) < 65536:
        return None
    return int(found[1]), int(found[2])


ports: Final = _form(
    {"type": "string", "pattern": f"^{_PORTS.pattern}$"},
    "a range of ports such as 49152-65535",
    _parse_ports,
)


def _parse_address(value: str) -> str | None:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return None


address: Final = _form(
    {"type": "string", "pattern": f"^{_ADDRESS}$"}, "an IP address", _parse_address
)


@takes({"type": "string", "pattern": f"^{_HOST_NAME.pattern}$"})
def host_name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    """A host name, or `*.` and one, in lower case and without a dot at its end."""
    value = scalar(reader, node, path, "a host name such as stun.example.org")
    if value is None:
        return None
    name = value.lower().removesuffix(".")
    if _HOST_NAME.fullmatch(value) is None or len(name) > 253:
        meant = "a host name such as stun.example.org or *.example.org"
        reader.mistake(node, f"{path} is {meant}, found {shown(value)}")
    return name


@takes(_NETWORK)
def network(reader: Yaml, node: yaml.Node, path: str) -> Network | None:
    """A network; an address is one too."""
    value = scalar(reader, node, path, _A_NETWORK)
    return None if value is None else _network(reader, node, path, value, _A_NETWORK, ())


@takes({"anyOf": [{"enum": list(SCOPES)}, _NETWORK]})
def network_or_scope(reader: Yaml, node: yaml.Node, path: str) -> Network | str | None:
    """A network (an address is one too), or the name of a scope."""
    value = scalar(reader, node, path, _A_NETWORK_OR_SCOPE)
    if value is None or value in _SCOPES:
        return value
    return _network(reader, node, path, value, _A_NETWORK_OR_SCOPE, SCOPES)


_A_NETWORK: Final = "an address or a network such as 10.0.0.0/8"
_A_NETWORK_OR_SCOPE: Final = "an address, a network such as 10.0.0.0/8 or a scope such as private"


def parse_network(value: str) -> Network:
    """As ipaddress.ip_network, at half its time for `10.0.0.0/8` and `10.0.0.1`: a file can
    have ten thousand. Raises ValueError."""
    host, slash, length = value.partition("/")
    try:
        a, b, c, d = host.split(".")
        packed = _OCTETS[a] << 24 | _OCTETS[b] << 16 | _OCTETS[c] << 8 | _OCTETS[d]
        prefix = _LENGTHS[slash + length]
    except (ValueError, KeyError):  # another number of parts, or of another form
        return ipaddress.ip_network(value)
    return ipaddress.IPv4Network((packed, prefix))


def _network(
    reader: Yaml, node: yaml.Node, path: str, value: str, meant: str, scopes: Sequence[str]
) -> Network | None:
    try:
        return parse_network(value)
    except ValueError:
        pass
    try:
        hint = f": host bits are set; did you mean {ipaddress.ip_network(value, strict=False)}?"
    except ValueError:
        hint = close(value, scopes)
    reader.mistake(node, f"{path} is {meant}, found {shown(value)}{hint}")
    return None


@takes({"type": "string", "pattern": "^/"})
def path_prefix(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = scalar(reader, node, path, "a path such as /meet")
    if value is not None and not value.startswith("/"):
        reader.mistake(node, f"{path} begins with a slash, such as /meet, found {shown(value)}")
    return value

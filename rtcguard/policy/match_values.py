"""The values of `match`: names, servers, ports and times, and the lists that `$name` stands for.

A host name is taken as people write it (capitals, U-labels, a dot at its end), and kept as it goes
over the wire: A-labels (RFC 5890) in lower case.
"""

import re
from typing import Any, Final

import yaml

from rtcguard.ice import address as addresses
from rtcguard.policy.rule import Network, ServerPattern, Span
from rtcguard.policy.yaml_nodes import is_null
from rtcguard.policy.yaml_reader import (
    TEXT,
    Reader,
    Schema,
    Yaml,
    close,
    list_of,
    scalar,
    shown,
    suggestion,
    takes,
)
from rtcguard.policy.yaml_values import network_or_scope

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AROUND: Final = re.compile(r"^[a-z]+://|/.*$|:[0-9]+(?:/.*)?$", re.IGNORECASE | re.DOTALL)
_LIST_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Of a list's values each use has its own, so that a small file can stand for very many.
_MOST_EXPANDED: Final = 500_000
_LIST_USE: Final[Schema] = {"type": "string", "pattern": r"^\$[A-Za-z0-9_-]{1,64}$"}
_SERVER: Final = re.compile(
    r"(?P<scheme>stuns?|turns?):"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?",
    re.IGNORECASE,
)
_PORTS: Final = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "(?:mon|tue|wed|thu|fri|sat|sun)"
_TIME: Final = re.compile(
    rf"(?P<days>{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*)?"
    r"(?:(?:^|(?<=[a-z])\s+)(?P<from>[0-9]{2}:[0-9]{2})-(?P<to>[0-9]{2}:[0-9]{2}))?"
)
_DAY_LONG: Final = 24 * 60  # minutes
_WEEK_LONG: Final = 7 * _DAY_LONG


# Host names -----------------------------------------------------------------------------------


def _host(text: str) -> str | None:
    """A host name as it is kept; None for what is none."""
    name = text.lower().removesuffix(".")
    if not name.isascii():
        import idna  # its tables take their time, and hardly a name needs them

        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            return None
    return name if len(name) <= 253 and _NAME.fullmatch(name) else None


def _pattern(text: str) -> str | None:
    """The same, or `*.` and one."""
    if text.startswith("*."):
        name = _host(text[2:])
        return None if name is None else f"*.{name}"
    if ":" in text or text[-1:].isdigit():  # as every address; what fails as one takes its time
        address = addresses.parse(text)
        if address is not None:
            return str(address)
    return _host(text)


def _hint(text: str) -> str:
    """What somebody meant who wrote something else in place of a host name."""
    if text == "*":
        return "; for any, leave the key out"
    bare = _AROUND.sub("", text)
    meant = _pattern(bare) if bare != text else None
    if meant is not None:
        return f"; it has no scheme, port or path: did you mean {meant!r}?"
    return "; a * stands for whole names in front, as in *.example.org" if "*" in text else ""


_A_SITE: Final = "a host name such as meet.example.org or *.example.org"


@takes(TEXT)
def _site(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = scalar(reader, node, path, _A_SITE)
    if value is None:
        return None
    made = _pattern(value)
    if made is None:
        reader.mistake(node, f"{path} is {_A_SITE}, found {shown(value)}{_hint(value)}")
    _note_wide(reader, node, path, made)
    return made


_A_DESTINATION: Final = "an address, a network, a scope or a host name such as *.example.org"


@takes(TEXT)
def _destination(reader: Yaml, node: yaml.Node, path: str) -> Network | str | None:
    value = scalar(reader, node, path, _A_DESTINATION)
    if value is None:
        return None
    if value in addresses.SCOPES or "/" in value or addresses.parse(value) is not None:
        return network_or_scope(reader, node, path)
    made = _pattern(value)
    if made is None:
        reader.mistake(node, f"{path} is {_A_DESTINATION}, found {shown(value)}{_hint(value)}")
    _note_wide(reader, node, path, made)
    return made


# Lists ----------------------------------------------------------------------------------------


def _named(kind: str, item: Reader[Any]) -> Reader[None]:
    """The key `networks` or `sites`: lists by their names, for `with_lists`."""
    values = list_of(item)

    def read(reader: Yaml, node: yaml.Node, path: str) -> None:
        if is_null(node):
            return
        if not isinstance(node, yaml.MappingNode):
            reader.mistake(node, f"{path} holds lists by their names, such as {{office: [...]}}")
            return
        for key_node, value_node in node.value:
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            if not isinstance(name, str) or not _LIST_NAME.fullmatch(name):
                found_there = shown(str(name))
                reader.mistake(
                    key_node,
                    f"{path}: a list's name is of letters, digits, - and _, found {found_there}",
                )
            elif reader.unique("lists", name, key_node):
                # An empty list would let a rule that names it match everything.
                found = reader.value(value_node, f"{path}.{name}", values)
                if not found:
                    reader.mistake(value_node, f"{path}.{name} is empty; a list names something")
                reader.lists[name] = (kind, found or ())

    schema: Schema = {
        "type": ["object", "null"],
        "additionalProperties": values.schema,
        "propertyNames": {"pattern": f"^{_LIST_NAME.pattern}$"},
    }
    return Reader(read, schema)


def _with_lists(item: Reader[Any], *kinds: str) -> Reader[tuple[Any, ...]]:
    """A list of values, in which `$name` stands for those of a list of one of these kinds."""
    plain = list_of(item)

    def listed(reader: Yaml, node: yaml.Node, path: str) -> tuple[Any, ...]:
        if not _is_list(node):
            return (item(reader, node, path),)
        name = str(node.value)
        kind, values = reader.lists.get(name[1:], ("", ()))
        if kind in kinds:
            reader.expanded += len(values)
            if reader.expanded > _MOST_EXPANDED:
                reader.mistake(
                    node,
                    f"{path}: the lists that rules use stand for more than {_MOST_EXPANDED:,} "
                    "values in all; use long ones in fewer rules",
                )
                return ()
            for one in values:
                _note_wide(reader, node, path, one)
            return values
        if kind:
            meant = " or ".join(kinds)
            reader.mistake(node, f"{path}: {name} is a list of {kind}; here stand those of {meant}")
            return ()
        known = [f"${name}" for name, (kind, _) in reader.lists.items() if kind in kinds]
        hint = suggestion(name, known) if known else f"; no lists of {' or '.join(kinds)} are named"
        reader.mistake(node, f"{path}: no list is named {shown(name)}{hint}")
        return ()

    entries = list_of(Reader(listed, {"anyOf": [item.schema, _LIST_USE]}))

    def read(reader: Yaml, node: yaml.Node, path: str) -> tuple[Any, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else (node,)
        if not any(map(_is_list, nodes)):  # of ten thousand networks none is a list
            return plain(reader, node, path)
        return tuple([one for found in entries(reader, node, path) for one in found or ()])

    return Reader(read, entries.schema)


def _is_list(node: yaml.Node) -> bool:
    value = node.value
    return isinstance(value, str) and value[:1] == "$" and value[:2] != "${"


def _note_wide(reader: Yaml, node: yaml.Node, path: str, value: object) -> None:
    """Notes a wildcard, for the rule to look at what it would do by it."""
    name = value.host if isinstance(value, ServerPattern) else value
    if isinstance(name, str) and name.startswith("*."):
        reader.wildcards.append((node, path, name))


networks = _named("networks", network_or_scope)
sites = _named("sites", _site)
addresses_of = _with_lists(network_or_scope, "networks")
sites_of = _with_lists(_site, "sites")
destinations = _with_lists(_destination, "networks", "sites")


# Servers, ports, times --------------------------------------------------------------------------


_A_SERVER: Final = (
    "an ICE server such as stun:*, turn:turn.example.org or turns:*.example.org:443?transport=tcp"
)


@takes({"type": "string", "pattern": r"^([Ss][Tt][Uu][Nn]|[Tt][Uu][Rr][Nn])[Ss]?:\S+$"})
def _server(reader: Yaml, node: yaml.Node, path: str) -> ServerPattern | None:
    value = scalar(reader, node, path, _A_SERVER)
    if value is None:
        return None
    found = _SERVER.fullmatch(value)
    host = None
    if found is not None:
        bare = found["host"].strip("[]")
        host = "*" if bare == "*" else _pattern(bare)
    port = int(found["port"] or 0) if found else 0
    if found is None or host is None or port > 65535 or found["port"] == "0":
        begins = "" if re.match(r"(?i)(?:stun|turn)s?:", value) else "; it begins with its scheme"
        reader.mistake(node, f"{path} is {_A_SERVER}, found {shown(value)}{begins}")
        return None
    made = ServerPattern(found["scheme"].lower(), host, port, (found["transport"] or "").lower())
    _note_wide(reader, node, path, made)
    return made


servers = list_of(_server)


@takes({"type": ["integer", "string"], "pattern": r"^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$"})
def _port(reader: Yaml, node: yaml.Node, path: str) -> Span | None:
    """The first and the last of `3478` or `3478-3481`."""
    value = scalar(reader, node, path, "a port or a range such as 3478-3481")
    if value is None:
        return None
    found = _PORTS.fullmatch(value)
    if found is not None:
        first, last = int(found[1]), int(found[2] or found[1])
        if first <= last < 65536:
            return first, last
    reader.mistake(node, f"{path} is a port or a range such as 3478-3481, found {shown(value)}")
    return None


ports_of = list_of(_port)

_A_TIME: Final = "a time such as 08:00-18:00, mon-fri 08:00-18:00 or sat,sun"


@takes({"type": "string", "pattern": r"^[A-Za-z0-9:, -]+$"})
def _time(reader: Yaml, node: yaml.Node, path: str) -> tuple[Span, ...] | None:
    """Minutes of the week. What goes on past midnight belongs to the day on which it begins."""
    value = scalar(reader, node, path, _A_TIME)
    if value is None:
        return None
    found = _TIME.fullmatch(re.sub(r"\s*([-,])\s*", r"\1", value.strip().lower()))
    made = _spans(found) if found else None
    if made is None:
        reader.mistake(node, f"{path} is {_A_TIME}, found {shown(value)}{_time_hint(value)}")
    return made


def _spans(found: re.Match[str]) -> tuple[Span, ...] | None:
    begin, end = 0, _DAY_LONG
    if found["from"]:
        times = [_minute(found["from"]), _minute(found["to"])]
        begin, end = times
        if not 0 <= begin < _DAY_LONG or not 0 <= end <= _DAY_LONG or begin == end:
            return None
        end += _DAY_LONG if end < begin else 0
    elif not found["days"]:
        return None
    made: list[Span] = []
    for day in _days(found["days"] or "mon-sun"):
        first, last = day * _DAY_LONG + begin, day * _DAY_LONG + end - 1
        if last < _WEEK_LONG:
            made.append((first, last))
        else:  # from Sunday into Monday
            made += [(first, _WEEK_LONG - 1), (0, last - _WEEK_LONG)]
    return tuple(made)


def _minute(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    return hour * 60 + minute if minute < 60 else -1


def _days(text: str) -> list[int]:
    days: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin = _DAYS.index(first)
        count = (_DAYS.index(last or first) - begin) % 7 + 1
        days += [(begin + more) % 7 for more in range(count)]
    return sorted(set(days))


def _time_hint(value: str) -> str:
    if re.search(r"(?<![0-9])[0-9]:", value):
        return "; hours have two digits, 08:00"
    found = re.search(r"[A-Za-z]+", value)
    return close(found[0].lower(), _DAYS) if found else ""


_times = list_of(_time)


def _read_times(reader: Yaml, node: yaml.Node, path: str) -> tuple[Span, ...]:
    return tuple(span for spans in _times(reader, node, path) for span in spans or ())


times = Reader(_read_times, _times.schema)


@takes(TEXT)
def _user(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    return scalar(reader, node, path, "a user's name, or * for whoever has signed in")


users = list_of(_user)

"""Reading YAML strictly: typed values out of nodes that know their line, every mistake collected.

A reader is a function `(Yaml, node, path) -> value` with the JSON Schema of what it takes; `path`
names the value for people (`relay.servers[0].urls`). A reader that finds a mistake notes it and
returns None; after the walk the mistakes decide, so no half-read value is ever used.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from rtcguard.errors import ConfigError, Mistake
from rtcguard.policy.yaml_nodes import NULL, REFUSED, as_boolean, compose, is_null

Schema = dict[str, Any]
Keys = Mapping[str, "Reader[Any]"]

_WHERE_VARIABLES_STAND: Final = (
    "variables of the environment stand in username, credential, headers, upstream.proxy and "
    "ledger.store only"
)
_MOST_MISTAKES: Final = 200  # a file that is no configuration of ours makes no endless list


@dataclass(frozen=True, slots=True)
class Reader[T]:
    """How a value is read, and what an editor is told of it: JSON Schema (draft 2020-12)."""

    read: Callable[["Yaml", yaml.Node, str], T]
    schema: Schema
    description: str = ""

    def __call__(self, reader: "Yaml", node: yaml.Node, path: str) -> T:
        return self.read(reader, node, path)

    def about(self, description: str) -> "Reader[T]":
        """The same for one key of the file, with what that key means."""
        return replace(self, description=description)


def takes[T](
    schema: Schema,
) -> Callable[[Callable[["Yaml", yaml.Node, str], T]], Reader[T]]:
    """Makes a reader of the function below it."""

    def make(read: Callable[["Yaml", yaml.Node, str], T]) -> Reader[T]:
        return Reader(read, schema)

    return make


class Yaml:
    """What is being read: the file at hand, and what was found in all files so far.

    `environ` is what `${NAME}` stands for; `public` says that everybody on the machine can read
    the file."""

    def __init__(
        self, file: str, environ: Mapping[str, str] | None = None, *, public: bool = False
    ) -> None:
        self.file = file
        self.environ = environ or {}
        self.public = public
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []
        self.lists: dict[str, tuple[str, tuple[Any, ...]]] = {}  # by name: `networks` or `sites`
        self.expanded = 0  # how many values all uses of lists stand for
        self.wildcards: list[tuple[yaml.Node, str, str]] = []  # those of the rule at hand
        self._names: dict[tuple[str, str], tuple[yaml.Node, str]] = {}

    def compose(self, content: bytes | str) -> yaml.Node | None:
        """The file's only document as nodes; None for an empty or an unreadable one."""
        before = len(self.mistakes)
        root = compose(content, self._note)
        if root is None and len(self.mistakes) == before:
            self._note(0, 0, "the file is empty; it begins with `version: 1`")
        return root

    def mistake(self, node: yaml.Node, message: str) -> None:
        mark = node.start_mark
        self._note(mark.line + 1, mark.column + 1, message)

    def _note(self, line: int, column: int, message: str) -> None:
        self.mistakes.append(Mistake(self.file, line, column, message))
        if len(self.mistakes) == _MOST_MISTAKES:
            message = f"more than {_MOST_MISTAKES} mistakes; reading ends here"
            self.mistakes.append(Mistake(self.file, line, column, message))
            raise ConfigError(self.mistakes)

    def warn(self, node: yaml.Node, message: str) -> None:
        """Something that is allowed, and odd."""
        mark = node.start_mark
        self.warnings.append(Mistake(self.file, mark.line + 1, mark.column + 1, message))

    def unique(self, kind: str, name: str, node: yaml.Node) -> bool:
        """Whether no other of this kind (`rules`) has that name, in any file; else a mistake."""
        first, place = self._names.setdefault((kind, name), (node, self.place(node)))
        if first is not node:
            self.mistake(node, f"two {kind} are named {name!r}; the other one is at {place}")
        return first is node

    def place(self, node: yaml.Node) -> str:
        return f"{self.file}:{node.start_mark.line + 1}"

    def entries(self, node: yaml.Node, path: str, keys: Keys) -> dict[str, yaml.Node]:
        """The nodes of a mapping that has no other keys than `keys`, and none of them twice."""
        found: dict[str, yaml.Node] = {}
        lines: dict[str, int] = {}
        if is_null(node):
            return found
        if not isinstance(node, yaml.MappingNode):
            self.mistake(node, f"{path or 'the file'} holds keys, found {found_in(node)}")
            return found
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or is_null(key_node):
                if key_node.tag != REFUSED:
                    self.mistake(key_node, f"a key is one word, found {found_in(key_node)}")
                continue
            key = key_node.value
            if key in found:
                inner = f"{path}.{key}" if path else key
                self.mistake(
                    key_node, f"{inner} is written twice, first in line {lines[key]}; keep one"
                )
            elif key in keys:
                found[key] = value_node
                lines[key] = key_node.start_mark.line + 1
            elif key == "<<":
                self.mistake(key_node, "a merge key (<<) is not used here; write the keys out")
            else:
                self.mistake(key_node, f"unknown key {key[:60]!r}{suggestion(key, keys)}")
        return found

    def mapping(self, node: yaml.Node, path: str, keys: Keys) -> dict[str, Any]:
        """The values of a mapping that has no other keys than `keys`; absent keys are absent."""
        return {
            key: self.value(inner, f"{path}.{key}" if path else key, keys[key])
            for key, inner in self.entries(node, path, keys).items()
        }

    def value[T](self, node: yaml.Node, path: str, reader: Reader[T]) -> T | None:
        return None if node.tag == REFUSED else reader.read(self, node, path)


def mapping_schema(keys: Keys, required: Sequence[str] = ()) -> Schema:
    """The schema of what `Yaml.mapping` reads."""
    properties = {
        key: reader.schema | ({"description": reader.description} if reader.description else {})
        for key, reader in keys.items()
    }
    schema: Schema = {"type": ["object", "null"], "properties": properties}
    if required:
        schema |= {"type": "object", "required": list(required)}
    return schema | {"additionalProperties": False}


def suggestion(word: object, known: Sequence[str] | Mapping[str, Any]) -> str:
    """`; did you mean 'listen'?`, or the words that are known."""
    return close(str(word), list(known)) or f"; known are {', '.join(known)}"


def found_in(node: yaml.Node) -> str:
    """What stands there, for people."""
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "keys"
    if "${" in node.value:
        return f"{shown(node.value)}; {_WHERE_VARIABLES_STAND}"
    return "nothing" if is_null(node) else shown(node.value)


def shown(value: str) -> str:
    """What was written, in quotes, as one line of a bearable length."""
    return repr(value) if len(value) <= 60 else f"{value[:60]!r}…"


def scalar(reader: Yaml, node: yaml.Node, path: str, meant: str) -> str | None:
    """The text of a value exactly as it is written, whatever else YAML might take it for: `no`,
    `012`, `1:30` and `1e3` are text of two to four letters here."""
    if (
        not isinstance(node, yaml.ScalarNode)
        or node.tag == NULL
        or not node.value.strip()
        or "${" in node.value
    ):
        reader.mistake(node, f"{path} is {meant}, found {found_in(node)}")
        return None
    return str(node.value)


TEXT: Final[Schema] = {"type": ["string", "number", "boolean"], "minLength": 1}


@takes(TEXT)
def text(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    return scalar(reader, node, path, "text")


@takes({"type": "boolean"})
def boolean(reader: Yaml, node: yaml.Node, path: str) -> bool | None:
    value = as_boolean(node)
    if value is None:
        word = node.value.lower() if isinstance(node, yaml.ScalarNode) else ""
        hint = ""
        if word in ("yes", "on", "no", "off"):
            hint = f"; did you mean {'true' if word in ('yes', 'on') else 'false'}?"
        elif word in ("true", "false"):
            hint = "; write it without quotes and in small letters"
        reader.mistake(node, f"{path} is true or false, found {found_in(node)}{hint}")
    return value


def choice(*words: str) -> Reader[str | None]:
    meant = f"one of {', '.join(words)}"

    def read(reader: Yaml, node: yaml.Node, path: str) -> str | None:
        value = scalar(reader, node, path, meant)
        if value is None or value in words:
            return value
        reader.mistake(node, f"{path} is {meant}, found {shown(value)}{close(value, words)}")
        return None

    return Reader(read, {"enum": list(words)})


def close(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'listen'?`, or nothing."""
    found = difflib.get_close_matches(word[:60], known, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def list_of[T](item: Reader[T], *, single: bool = True) -> Reader[tuple[T | None, ...]]:
    """A list; comes back as a tuple. `single`: one value may stand in its place."""

    def read(reader: Yaml, node: yaml.Node, path: str) -> tuple[T | None, ...]:
        if is_null(node):
            return ()
        if isinstance(node, yaml.SequenceNode):
            nodes = enumerate(node.value)
            if not reader.mistakes:  # so nothing is refused, and this is the shorter way
                return tuple([read_item(reader, child, f"{path}[{i}]") for i, child in nodes])
            return tuple([reader.value(child, f"{path}[{i}]", item) for i, child in nodes])
        if single:
            return (item(reader, node, path),)
        found = found_in(node)
        reader.mistake(node, f"{path} is a list, whose items begin with `- `, found {found}")
        return ()

    read_item = item.read
    many = {"type": ["array", "null"], "items": item.schema}
    return Reader(read, {"anyOf": [item.schema, many]} if single else many)


def optional[T](item: Reader[T]) -> Reader[T | None]:
    def read(reader: Yaml, node: yaml.Node, path: str) -> T | None:
        return None if is_null(node) else item(reader, node, path)

    return Reader(read, {"anyOf": [item.schema, {"type": "null"}]})


def section[T](make: Callable[..., T], keys: Keys) -> Reader[T | None]:
    """A mapping that becomes one value of the model; nothing is made while there are mistakes."""

    def read(reader: Yaml, node: yaml.Node, path: str) -> T | None:
        values = reader.mapping(node, path, keys)
        return None if reader.mistakes else make(**values)

    return Reader(read, mapping_schema(keys))

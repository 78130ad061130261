"""`include`: the files that a configuration is made of, each read once, in the order they speak.

A file's own rules come first, then those of the files it includes, in their order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from rtcguard.errors import ParseError
from rtcguard.policy.yaml_nodes import MAX_BYTES, REFUSED
from rtcguard.policy.yaml_reader import Keys, Yaml, list_of, scalar, takes

_MAX_DEPTH: Final = 8
_MAX_FILES: Final = 100


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its name for messages, what makes it the same file under another name,
    and its bytes."""

    file: str
    identity: object
    content: bytes | str
    readable: bool = False  # by everybody on the machine
    writable: bool = False  # likewise


# The files that a name in `include` stands for, relative to the file that it is written in (the
# second argument). Raises ParseError with what is wrong.
Read = Callable[[str, str], Sequence[Source]]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the configuration: the nodes of its keys."""

    file: str
    root: yaml.Node
    entries: dict[str, yaml.Node]


@takes({"type": "string", "minLength": 1})
def _file_name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = scalar(reader, node, path, "the name of a file")
    if value is not None and not value.isprintable():
        reader.mistake(node, f"{path} is the name of a file, found {value[:60]!r}")
        return None
    return value


include = list_of(_file_name)


class Parts:
    """Gathers the files, the main one first. What is wrong with one is told, and hides no other."""

    def __init__(self, reader: Yaml, read: Read, keys: Keys, included: Keys) -> None:
        self.found: list[Part] = []
        self.files: list[str] = []  # those too in which nothing can be read
        self._reader = reader
        self._read = read
        self._keys = keys
        self._included = included
        self._asked: dict[object, str] = {}  # where each file was asked for
        self._size = 0

    def add(self, source: Source, chain: tuple[Source, ...] = ()) -> None:
        """Adds a file and all that it includes; `chain` is how it was come to."""
        reader = self._reader
        reader.file = source.file
        self.files.append(source.file)
        self._size += len(source.content)
        root = reader.compose(source.content)
        if root is None:
            return
        if source.writable:
            reader.warn(
                root,
                f"everybody can write this file, and so the rules; run: chmod o-w {source.file}",
            )
        entries = reader.entries(root, "", self._included if chain else self._keys)
        self.found.append(Part(source.file, root, entries))
        asked = entries.get("include")
        if asked is None:
            return
        nodes = asked.value if isinstance(asked, yaml.SequenceNode) else [asked]
        names = include(reader, asked, "include")
        for node, name in zip(nodes, names, strict=False):  # no names: null
            if name is not None and node.tag != REFUSED:
                reader.file = source.file
                self._include(node, name, (*chain, source))
        reader.file = source.file

    def _include(self, node: yaml.Node, name: str, chain: tuple[Source, ...]) -> None:
        reader = self._reader
        here = reader.file
        try:
            sources = self._read(name, here)
        except ParseError as error:
            reader.mistake(node, f"include: {error}")
            return
        for source in sources:
            reader.file = here
            message = self._objection(source, chain)
            if message:
                reader.mistake(node, f"include: {message}")
                continue
            self._asked[source.identity] = reader.place(node)
            self.add(source, chain)

    def _objection(self, source: Source, chain: tuple[Source, ...]) -> str:
        for place, earlier in enumerate(chain):
            if earlier.identity == source.identity:
                files = [one.file for one in (*chain[place:], source)]
                return f"{source.file} would include itself: {' → '.join(files)}"
        if source.identity in self._asked:
            where = self._asked[source.identity]
            return f"{source.file} is included already, at {where}; a file is included once"
        if len(chain) > _MAX_DEPTH:
            return f"{source.file} is more than {_MAX_DEPTH} files deep"
        if len(self._asked) >= _MAX_FILES:
            return f"{source.file} is one file too many; {_MAX_FILES} can be included"
        if self._size + len(source.content) > MAX_BYTES:
            return f"{source.file}: the files have more than {MAX_BYTES >> 20} MiB together"
        return ""

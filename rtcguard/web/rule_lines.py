"""The configuration's files as they are shown: with the number of each line, and without secrets.
Pure.

What is secret is known by its key, in the file as it is read: so it is hidden whole, however it is
written. In comments, which may hold what was in force once, it is known by the same words; and the
user and password of a URL are hidden wherever they stand.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

import yaml

from rtcguard.policy.model import Config
from rtcguard.policy.yaml_nodes import compose

HIDDEN: Final = "••••••"
_WORDS: Final = r"username|credential|password|secret|token|authorization|api[-_]?key|cookie"
_KEY: Final = re.compile(rf"[\w-]*(?:{_WORDS})", re.IGNORECASE)
_HEADERS: Final = "headers"  # of an export: any of them may be one
_IN_COMMENT: Final = re.compile(rf"((?:{_WORDS}|{_HEADERS})[\"']?\s*[:=]\s*)\S.*", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"([A-Za-z][\w+.-]*://)[^/?#\s@\"']+@")
_VARIABLE: Final = re.compile(r"\$\{\w+\}")
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#")
_TO_THE_END: Final = 1 << 30

# By the number of a line, from 0 on: columns, the last one of each not in it.
type _Spans = dict[int, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str


def masked(text: str) -> list[Line] | None:
    """The lines of a file, without what is secret in them; None where it cannot be read, so that
    nobody knows what is."""
    mistakes: list[str] = []
    root = compose(text, lambda line, column, message: mistakes.append(message))
    if root is None and mistakes:
        return None
    secret: _Spans = defaultdict(list)
    values: _Spans = defaultdict(list)
    for node, is_secret in _scalars(root, False) if root else ():
        _add(values, node)
        if is_secret and not _VARIABLE.fullmatch(node.value):
            _add(secret, node)
    return [
        Line(number + 1, _masked(line, secret.get(number, []), values.get(number, [])))
        for number, line in enumerate(text.splitlines())
    ]


def _scalars(node: yaml.Node, secret: bool) -> Iterator[tuple[yaml.ScalarNode, bool]]:
    """Every scalar below a node, and whether it is secret."""
    if isinstance(node, yaml.ScalarNode):
        yield node, secret
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _scalars(child, secret)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(key, False)
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            yield from _scalars(value, secret or name == _HEADERS or bool(_KEY.fullmatch(name)))


def _add(spans: _Spans, node: yaml.Node) -> None:
    begin, end = node.start_mark, node.end_mark
    for line in range(begin.line, end.line + 1):
        first = begin.column if line == begin.line else 0
        last = end.column if line == end.line else _TO_THE_END
        spans[line].append((first, last))


def _masked(line: str, secret: list[tuple[int, int]], values: list[tuple[int, int]]) -> str:
    comment = next(
        (
            found.start()
            for found in _COMMENT.finditer(line)
            if not any(first <= found.start() < last for first, last in values)
        ),
        len(line),
    )
    rest = _IN_COMMENT.sub(rf"\1{HIDDEN}", line[comment:])
    line = line[:comment]
    for first, last in sorted(secret, reverse=True):
        piece = line[first:last]
        if piece.strip():
            space = piece[: len(piece) - len(piece.lstrip())]
            line = f"{line[:first]}{space}{HIDDEN}{line[last:]}"
    return _USER_INFO.sub(rf"\1{HIDDEN}@", line + rest)


def labels(files: Iterable[str]) -> dict[str, str]:
    """What each file is called: its name, with as many of its folders as tell it from others."""
    paths = {file: PurePath(file).parts for file in files}
    made = {}
    for file, parts in paths.items():
        length = 1
        while length < len(parts) and any(
            other[-length:] == parts[-length:] for name, other in paths.items() if name != file
        ):
            length += 1
        made[file] = "/".join(parts[-length:])
    return made


def rule_links(config: Config) -> dict[str, str]:
    """Where each rule stands, `/rules#FILE:LINE`, by its name."""
    called = labels(config.files)
    return {
        rule.name: f"/rules#{quote(f'{called[rule.file]}:{rule.line}')}"
        for rule in config.rules
        if rule.file
    }

"""The configuration's files as they are shown: with the number of each line, and without secrets.
Pure.

A value is hidden whole: what stands behind a key that holds one, in comments and in flow style too,
and user and password of a URL.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

from rtcguard.policy.model import Config

HIDDEN: Final = "••••••"
# `relay.servers`, and what `exports.headers` may hold under any name.
_KEYS: Final = r"username|credential|password|secret|token|authorization|api[-_]?key|cookie"
_KEY: Final = re.compile(
    rf"""(?P<key>["']?[\w-]*(?:{_KEYS})["']?\s*:\s*)(?![>|][-+0-9]*\s*$)"""
    r"""(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,}\]#][^,}\]#\n]*)""",
    re.IGNORECASE,
)
_USER_INFO: Final = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)[^/?#\s@\"']+@")
_BLOCK: Final = re.compile(r"[>|][-+0-9]*\s*(?:#.*)?$")
_HEADERS: Final = re.compile(r"\s*[\"']?headers[\"']?\s*:")
_NOT_SECRET: Final = re.compile(r"[\w-]*_file\s*:|\$\{\w+\}")


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str


def masked(text: str) -> list[Line]:
    """The lines of a file, without what is secret in them."""
    made, deeper = [], -1
    for number, line in enumerate(text.splitlines(), 1):
        indent = len(line) - len(line.lstrip())
        if deeper >= 0 and line.strip() and indent > deeper:
            made.append(Line(number, " " * indent + HIDDEN))
            continue
        deeper = -1
        made.append(Line(number, _masked_line(line)))
        # What a secret's key has below it: a block scalar, a value on the next line; and every
        # header of an export.
        found = _own_key(line)
        if _HEADERS.match(line) or (found and (not found[1] or _BLOCK.fullmatch(found[1]))):
            deeper = indent
    return made


def _own_key(line: str) -> re.Match[str] | None:
    return re.match(rf"[\s#-]*[\"']?[\w-]*(?:{_KEYS})[\"']?\s*:\s*(.*)$", line, re.IGNORECASE)


def _masked_line(line: str) -> str:
    if found := _HEADERS.match(line):
        rest = line[found.end() :]
        return line[: found.end()] + (f" {HIDDEN}" if rest.strip() else "")
    line = re.sub(r"(\bheaders\s*:\s*)\{[^}]*\}?", rf"\1{{{HIDDEN}}}", line)
    line = _KEY.sub(_hide, line)
    return _USER_INFO.sub(rf"\g<scheme>{HIDDEN}@", line)


def _hide(found: re.Match[str]) -> str:
    if _NOT_SECRET.fullmatch(found["value"].strip("\"' ")) or _NOT_SECRET.match(found["key"]):
        return found[0]
    return found["key"] + HIDDEN


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


def rule_link(config: Config, name: str) -> str:
    """Where the rule of an event stands, `/rules#FILE:LINE`; "" for a default, and for a rule that
    the policy in force has not."""
    for rule in config.rules:
        if rule.name == name and rule.file:
            return f"/rules#{quote(f'{labels(config.files)[rule.file]}:{rule.line}')}"
    return ""

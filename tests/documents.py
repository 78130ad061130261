"""What the documents hold that can be tried: blocks of code, command lines, links."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from rtcguard.cli.main import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
HELP = sorted((ROOT / "rtcguard" / "web" / "help").glob("*.md"))
DOCUMENTS = [README, *HELP]
# What stands for something of the reader's own in a command line.
STANDS_FOR = {
    "HOST": "site.example.org",
    "IP": "192.0.2.1",
    "ID": "4zqg",
    "URI": "stun:stun.example.org",
    "candidate:…": "candidate:1 1 udp 1 192.168.7.5 54400 typ host",
}

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.M | re.S)
_INDENTED = re.compile(r"(?:(?<=\n\n)|^)((?: {4,}\S.*\n)+)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.M)


@dataclass(frozen=True)
class Block:
    """A block of code, without its indentation; `language` is that of a fence, or empty."""

    language: str
    text: str


def blocks(document: str) -> Iterator[Block]:
    """Every block, fenced or indented; of an indented one each part up to an empty line."""
    for _, language, text in _FENCE.findall(document):
        yield Block(language, textwrap.dedent(text))
    for text in _INDENTED.findall(_FENCE.sub("", document)):
        yield Block("", textwrap.dedent(text))


def command_lines(document: str) -> list[str]:
    """Every call of rtcguard that is written out, in blocks and within the text; not what shows how
    a command is used (`[--config FILE]`, `on|off`)."""
    lines = [line for block in blocks(document) for line in _joined(block.text)]
    prose = _INDENTED.sub("\n\n", _FENCE.sub("", document))
    lines += [" ".join(one.split()) for one in re.findall("`([^`]+)`", prose)]
    found = []
    for line in lines:
        line = re.sub(r" {2,}.*| # .*", "", line.strip())
        call = re.match(r"(?:sudo )?(rtcguard(?: .*)?)", line)
        if call is None or re.search(r"\[-|\w\||…$|\.\.\.", call[1].replace("candidate:…", "")):
            continue
        found.append(call[1])
    return found


def _joined(text: str) -> list[str]:
    return re.sub(r"\\\n\s*", "", text).splitlines()


def arguments(line: str) -> list[str]:
    """A command line's words behind `rtcguard`, up to where a shell takes over."""
    words = shlex.split(line)[1:]
    ends = [at for at, word in enumerate(words) if re.match(r"[0-9]?[<>|&;]", word)]
    return [STANDS_FOR.get(word, word) for word in words[: ends[0] if ends else None]]


def parse(words: list[str]) -> None:
    """Parses a command line, and runs nothing. Raises click.ClickException for a wrong one."""
    context = cli.make_context("rtcguard", list(words))
    command: click.Command = cli
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        assert name is not None and found is not None
        context = found.make_context(name, rest, parent=context)
        command = found


def links(document: str) -> list[str]:
    """The targets of all links but those to the web."""
    found = _LINK.findall(_FENCE.sub("", document))
    return [target for target in found if not re.match(r"\w+:", target)]


def anchors(document: str) -> set[str]:
    """The names of the headings, as pages that show Markdown make them."""
    made = set()
    for heading in _HEADING.findall(_FENCE.sub("", document)):
        text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        made.add(text.replace(" ", "-"))
    return made

"""From bytes to YAML nodes that know their line: what a file of ours may be made of at all.

Only the plain part of YAML: one document of mappings, lists and scalars. Anchors, aliases, merge
keys and tags are refused. An alias can multiply a small file without end, and hides from a reader
of the file what stands at its place; named lists (`networks`, `sites`) do what it is for.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import yaml

MAX_BYTES: Final = 4 * 1024 * 1024  # of all files together; 10,000 networks take 300 KB
_MAX_DEPTH: Final = 32  # the deepest key of ours is six deep
# libyaml where PyYAML was built with it, as its wheels are: more than ten times as fast.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STRING: Final = "tag:yaml.org,2002:str"
NULL: Final = "tag:yaml.org,2002:null"
_BOOL: Final = "tag:yaml.org,2002:bool"
REFUSED: Final = "!refused"  # stands where something was told to be a mistake already
# How YAML 1.2's core schema writes them (section 10.3.2); all other plain words are text.
_PLAIN: Final = dict.fromkeys(("", "~", "null", "Null", "NULL"), NULL) | dict.fromkeys(
    ("true", "True", "TRUE", "false", "False", "FALSE"), _BOOL
)

# What YAML takes for characters (1.2.2 section 5.1), but for marks that turn the direction of text:
# by these a file can look other than it is read.
_BAD: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]"
)
_LINE: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml takes for a line's end
_MARKS: Final = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}

Note = Callable[[int, int, str], None]

_DEEP: Final = f"nested more than {_MAX_DEPTH} deep"
_TAB: Final = "a tab; YAML indents with spaces"
# libyaml's words, and what they mean for who wrote the file.
_PROBLEMS: Final = {
    "mapping values are not allowed in this context": "a second `key:` in one line, or one that "
    "does not stand below the key before it; text with `: ` in it stands in quotes",
    "found a tab character that violates indentation": _TAB,
    "did not find expected key": "this does not fit the keys above it: the indentation differs, or "
    "text goes on after a quote",
    "did not find expected '-' indicator": "this does not fit the list above it; its items begin "
    "with `- ` below one another",
    "block sequence entries are not allowed in this context": "a list that begins in the line of "
    "its key; write it on the next line, or in [ ]",
    "did not find expected ',' or ']'": "a `,` or `]` is missing before this",
    "did not find expected ',' or '}'": "a `,` or `}` is missing before this",
    "could not find expected ':'": "the line before this is a key without `:`, or text that "
    "belongs in quotes",
    "did not find expected node content": "a bracket or a comma where a value is meant",
    "found unknown escape character": "a backslash with a letter that means nothing in double "
    "quotes; write \\\\, or use single quotes",
    "exceeded maximum nesting depth": _DEEP,  # libyaml looks ahead, so that it can be first
    "did not find expected <document start>": "text after the end of the document",
}


def compose(content: bytes | str, note: Note) -> yaml.Node | None:
    """The only document of a file as nodes; None where there is none, or nothing that can be read.

    `note` is told every mistake: line and column from 1 on, and the message."""
    try:
        text = content if isinstance(content, str) else _decoded(content, note)
        _look_for_bad_characters(text, note)
        return _composed(text, note)
    except _Unreadable:
        return None


def _decoded(content: bytes, note: Note) -> str:
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            note(1, 1, f"not UTF-8 but {name}; save the file as UTF-8")
            raise _Unreadable
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        read = error.object  # without the byte order mark
        before = read[: error.start].decode("utf-8", "replace")
        byte = read[error.start]
        latin = f" ({chr(byte)!r} in Latin-1)" if byte >= 0xA1 else ""
        line, column = _place(before, len(before))
        note(line, column, f"not UTF-8: the byte 0x{byte:02X}{latin}; save the file as UTF-8")
        raise _Unreadable from None


def _look_for_bad_characters(text: str, note: Note) -> None:
    found = _BAD.search(text)
    if found is None:
        return
    what = f"U+{ord(found[0]):04X}"
    if found[0] == "\0":
        what = "a NUL byte"
        if "\0\0" in (text[0:4:2], text[1:5:2]):
            what += ", as in UTF-16; save the file as UTF-8"
    line, column = _place(text, found.start())
    note(line, column, f"a character that may not stand here: {what}")
    raise _Unreadable


def _composed(text: str, note: Note) -> yaml.Node | None:
    documents: list[Any] = []
    children = documents  # of the collection that is open
    outer: list[tuple[list[Any], Any]] = []  # what it stands in, and the mark where it begins
    loader = _LOADER(text)
    next_event = loader.get_event
    try:
        while True:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                if event.anchor or event.tag:
                    _note_properties(event, note)
                value, style = event.value, event.style
                tag = _STRING if style else _PLAIN.get(value, _STRING)
                node = yaml.ScalarNode(tag, value, event.start_mark, event.end_mark, style)
                children.append(node)
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                if event.anchor or event.tag:
                    _note_properties(event, note)
                if len(outer) == _MAX_DEPTH:
                    _note_at(event.start_mark, note, f"not YAML: {_DEEP}")
                    raise _Unreadable
                outer.append((children, event.start_mark))
                children = []
            elif kind is yaml.SequenceEndEvent:
                inner = children
                children, begin = outer.pop()
                children.append(yaml.SequenceNode("", inner, begin, event.end_mark))
            elif kind is yaml.MappingEndEvent:
                pairs = list(zip(children[::2], children[1::2], strict=True))
                children, begin = outer.pop()
                children.append(yaml.MappingNode("", pairs, begin, event.end_mark))
            elif kind is yaml.AliasEvent:
                _note_at(
                    event.start_mark,
                    note,
                    f"an alias (*{event.anchor[:60]}) is not used here; write the value out, or "
                    "name a list under `networks` or `sites` and write $NAME",
                )
                mark = event.start_mark
                children.append(yaml.ScalarNode(REFUSED, "", mark, event.end_mark))
            elif kind is yaml.DocumentStartEvent and documents:
                _note_at(event.start_mark, note, "a second document begins; a file holds one")
                break
            elif kind is yaml.StreamEndEvent:
                break
    except yaml.MarkedYAMLError as error:
        _note_problem(error, text, note)
        raise _Unreadable from None
    finally:
        loader.dispose()
    root = documents[0] if documents else None
    return None if root is None or root.tag == NULL else root


def _note_at(mark: Any, note: Note, message: str) -> None:
    note(mark.line + 1, mark.column + 1, message)


def _note_properties(event: Any, note: Note) -> None:
    if event.anchor:
        name = event.anchor[:60]
        _note_at(event.start_mark, note, f"an anchor (&{name}) is not used here; take it out")
    if event.tag:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")[:60]
        _note_at(event.start_mark, note, f"a tag ({tag}) is not used here; take it out")


def _note_problem(error: yaml.MarkedYAMLError, text: str, note: Note) -> None:
    problem = str(error.problem or error.context)
    mark, begin = error.problem_mark or error.context_mark, error.context_mark
    if mark is None:
        note(0, 0, f"not YAML: {problem}")
        return
    line = _LINE.split(text)[mark.line] if mark.index < len(text) else ""
    told = _PROBLEMS.get(problem, problem)
    if problem == "found unexpected end of stream" and begin is not None:
        mark, told = begin, "a quote opens here and is never closed"
    elif problem == "found character that cannot start any token":
        first = line[mark.column : mark.column + 1]
        told = _TAB if first == "\t" else f"{first!r} cannot begin a value; write it in quotes"
    elif problem.startswith(("did not find expected ','", "did not find expected node")):
        if mark.index >= len(text):
            told = "the file ends here, and a bracket is still open"
        elif "${" in line:
            told = "within brackets, ${NAME} stands in quotes"
        elif begin is not None and begin.line != mark.line:
            told += f" (the bracket opens in line {begin.line + 1})"
    note(mark.line + 1, mark.column + 1, f"not YAML: {told}")


class _Unreadable(Exception):
    """There is nothing to read any more; why is noted."""


def _place(text: str, position: int) -> tuple[int, int]:
    """Line and column, both from 1 on."""
    ends = [found.end() for found in _LINE.finditer(text, 0, position)]
    return len(ends) + 1, position - (ends[-1] if ends else 0) + 1


def is_null(node: yaml.Node) -> bool:
    return node.tag == NULL


def as_boolean(node: yaml.Node) -> bool | None:
    return node.value.lower() == "true" if node.tag == _BOOL else None

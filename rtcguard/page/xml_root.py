"""Where an XML document's root element starts, so that a script can be made its first child.

A `<?xml-stylesheet?>` there may name a transform (XSLT), whose result is shown instead of the
document, by a window that no script of ours has seen: such an instruction is told of, to be made
void. After the root's start neither Chromium nor Firefox heeds one.

XML's prolog (XML 1.0, section 2.8) is strict enough for a pattern: quotes cannot be left out, and
a browser stops at the first mistake instead of guessing. What the pattern does not know is not
found, and then the document is not shown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_QUOTED = rb"\"[^\"]*\"|'[^']*'"
_COMMENT = rb"<!--(?s:.*?)-->"
_INSTRUCTION = rb"<\?(?s:.*?)\?>"
_DOCTYPE = (
    rb"<!DOCTYPE(?:[^\[<>\"']|" + _QUOTED + rb")*+"
    rb"(?:\[(?:[^\]\"'<]|" + _QUOTED + rb"|" + _COMMENT + rb"|" + _INSTRUCTION + rb"|<!(?!--))*+\]"
    rb"[\t\n\r ]*)?>"
)
_ROOT = re.compile(
    rb"(?:[\t\n\r ]|" + _COMMENT + rb"|" + _INSTRUCTION + rb"|" + _DOCTYPE + rb")*+"
    rb"<(?P<name>[^\t\n\r !?/<>=\"']+)"
    rb"(?:[^<>/\"']|/(?!>)|" + _QUOTED + rb")*+"
    rb"(?P<end>/?>)"
)
_STYLESHEET = re.compile(rb"<\?(xml-stylesheet)[\t\n\r ]((?s:.*?))\?>")
# With a type written plainly, or with none at all, it is CSS (xml-stylesheet, section 3.1).
_TYPE = re.compile(rb"type[\t\n\r ]*=[\t\n\r ]*(?:\"text/css\"|'text/css')")
VOID = b"rtcguard-style"  # as long as `xml-stylesheet`


@dataclass(frozen=True, slots=True)
class Place:
    """Where a first child goes. `name`: the span of the root's name if it is written `<root/>`, in
    which case `at` is before the `/>`. `transforms`: where the target (xml-stylesheet) of each
    instruction stands that may name a transform."""

    at: int
    name: tuple[int, int] | None
    transforms: tuple[int, ...] = ()


def find(view: bytes) -> Place | None:
    """The place in a document without its byte order mark; None: not found in these bytes.

    An escape character, which XML does not allow anyhow, is refused for the sake of ISO-2022-JP,
    where what follows it only looks like ASCII.
    """
    found = _ROOT.match(view)
    if found is None or b"\x1b" in found[0]:
        return None
    transforms = tuple(_transforms(found[0]))
    if found["end"] == b">":
        return Place(found.end(), None, transforms)
    return Place(found.start("end"), found.span("name"), transforms)


def _transforms(prolog: bytes) -> Iterator[int]:
    for found in _STYLESHEET.finditer(prolog):
        rest = _TYPE.sub(b"", found[2], count=1)
        if b"type" in rest or b"&" in rest:
            yield found.start(1)

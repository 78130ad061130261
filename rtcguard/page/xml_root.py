"""Where an XML document's root element starts, so that a script can be made its first child.

XML's prolog (XML 1.0, section 2.8) is strict enough for a pattern: quotes cannot be left out, and
a browser stops at the first mistake instead of guessing. What the pattern does not know is not
found, and then the document is not shown.
"""

import re
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a first child goes. `name`: the span of the root's name if it is written `<root/>`, in
    which case `at` is before the `/>`."""

    at: int
    name: tuple[int, int] | None


def find(view: bytes) -> Place | None:
    """The place in a document without its byte order mark; None: not found in these bytes.

    An escape character, which XML does not allow anyhow, is refused for the sake of ISO-2022-JP,
    where what follows it only looks like ASCII.
    """
    found = _ROOT.match(view)
    if found is None or b"\x1b" in found[0]:
        return None
    if found["end"] == b">":
        return Place(found.end(), None)
    return Place(found.start("end"), found.span("name"))

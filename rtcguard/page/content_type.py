"""What browsers take a response for, from its Content-Type: not always what its grammar says.

As Chromium and Firefox were seen to read it (they agree but where it is said): of several values,
parted by commas, the last that has a slash counts; a type ends at white space, `;` or `(`; only the
first charset parameter counts, and a quote need not end. What is read here is then written in the
clear form that nobody can read in another way (`header`).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from rtcguard.page.charset import known_charset

_CLEAR: Final = re.compile(
    r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?: *; *charset=(?:\"[\w.:-]+\"|[\w.:-]+))?;?",
    re.ASCII | re.IGNORECASE,
)
_VALUE: Final = re.compile(r"(?:[^,\"]|\"(?:[^\"\\]|\\.)*(?:\"|$))+")
_TYPE: Final = re.compile(r"[ \t]*([^ \t;(]*/[^ \t;(]*)")  # Firefox keeps a `(` as part of it
_PARAMETER: Final = re.compile(r";[ \t]*([^;=\"]*)(?:=(\"(?:[^\"\\]|\\.)*(?:\"|$)|[^;]*))?")
_ESCAPE: Final = re.compile(r"\\(.)")

_XML: Final = ("text/xml", "application/xml")
# Chromium reads the last two as if nothing were said; Firefox saves such a body as a file.
_UNKNOWN: Final = ("", "unknown/unknown", "application/unknown")


@dataclass(frozen=True, slots=True)
class ContentType:
    """`essence` in lower case, empty where there is none; `charset` as far as browsers know it."""

    essence: str
    charset: str | None
    header: str

    @property
    def is_html(self) -> bool:
        """Whether it is surely shown as a document of HTML or XHTML."""
        return self.essence in ("text/html", "application/xhtml+xml")

    @property
    def is_xml(self) -> bool:
        """Whether browsers read it with their XML parser."""
        return self.essence in _XML or self.essence.endswith("+xml")

    @property
    def is_plain(self) -> bool:
        """Whether no script runs in it, whoever shows it."""
        return not (self.is_html or self.is_xml or self.is_sniffed)

    @property
    def is_sniffed(self) -> bool:
        """Whether browsers look at the body to find out what it is."""
        return self.essence in _UNKNOWN


@lru_cache(maxsize=256)
def read(value: str | None) -> ContentType:
    """Reads a field's value; several fields are one value, parted by commas (RFC 9110, 5.3)."""
    value = value or ""
    essence, charset, has_charset = "", "", False
    for part in _VALUE.findall(value):
        found = _TYPE.match(part)
        if found is None or found[1] == "*/*":
            continue
        if found[1].lower() != essence:
            essence, charset, has_charset = found[1].lower(), "", False
        label = _charset(part, found.end())
        if label is not None:
            charset, has_charset = label, True
    known = known_charset(charset) if has_charset else None
    made = ContentType(essence, known, value)
    if _CLEAR.fullmatch(value) or ("," not in value and not made.is_html and not made.is_xml):
        return made
    return replace(made, header=f"{essence}; charset={known}" if known else essence)


def _charset(part: str, at: int) -> str | None:
    for name, value in _PARAMETER.findall(part, at):
        if name.lower() == "charset":
            if value.startswith('"'):
                return _ESCAPE.sub(r"\1", value[1:].removesuffix('"'))
            return str(value)
    return None

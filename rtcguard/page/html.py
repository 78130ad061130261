"""Putting the guard into a document: the first thing that its parser executes. Sans-I/O, streaming.

In HTML the place is behind what makes no element: a byte order mark, white space, comments, `<?…>`
and the doctype, which must stay first for the page to stay in standards mode. Everything else comes
after: the parser makes <html> and <head> for the script, and gives the <html> tag's attributes to
the element when it comes. (A <head> tag's attributes are lost; nobody was found who uses them.)
The script pushes a <meta charset> out of the bytes in which browsers look for one, and a stream's
headers have gone by then; so a declaration of our own goes in front of the script.

In XHTML and other XML the place is inside the root element's start, which xml_root.py finds.
"""

import re
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.page import xml_root
from rtcguard.page.charset import PRESCAN, Width, is_settled, sniff_charset, width_of

_WHITE = re.compile(rb"[\t\n\f\r ]*")
_ABRUPT = re.compile(rb"<!---?>")  # comments all the same: HTML, section 13.2.5.43
_BOGUS = re.compile(rb"<(?:[!?]|/(?![A-Za-z]))")  # a doctype ends where a bogus comment does
_COMMENT_END = re.compile(rb"--!?>")
_BOGUS_END = re.compile(rb">")
# What may become a comment or a doctype with the bytes to come.
_UNDECIDED: Final = (b"", b"<", b"<!", b"<!-", b"<!--", b"<!---", b"</")
# Without a type that it can read, a browser looks at the first bytes. The MIME Sniffing standard
# (section 7.1) has a tag's name end there, which Chromium does not ask for; so `<header>` counts.
_LOOKS_LIKE_HTML = re.compile(
    rb"[\t\n\v\f\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|p"
    rb"|!--)",
    re.IGNORECASE,
)
_LOOKS_LIKE_XML = re.compile(rb"[\t\n\v\f\r ]*<\?xml", re.IGNORECASE)
_WHOLE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|<!--.*?-->|<\?[^>]*>)*+<(?:!doctype|html|head)\b",
    re.IGNORECASE | re.DOTALL,
)
_MARK: Final = 3  # bytes that tell whether there is a byte order mark
_XML_MARK: Final = 6  # bytes that tell whether `<?xml` is in UTF-16
_XML_LIMIT: Final = 65536  # bytes before an XML document's root element that are held


def looks_like_html(head: bytes) -> bool:
    """Whether a browser that is told no type takes these first bytes for HTML."""
    return _LOOKS_LIKE_HTML.match(head) is not None


def looks_like_xml(head: bytes) -> bool:
    """Whether it takes them for XML; XHTML without `<?xml` is HTML to it."""
    return _LOOKS_LIKE_XML.match(head) is not None


def is_whole_document(head: bytes) -> bool:
    """Whether HTML begins a document, and is no fragment."""
    return _WHOLE.match(head) is not None


class Inserter:
    """Inserts one inline script into one document.

    `script` is ASCII without `</script` and `]]>` (guard.py makes it so). `charset` is the one of
    the Content-Type header (content_type.py). Bytes go in by `feed` and come out as soon as the
    place is known; what comes out is what went in, plus the script. Where no charset is given, at
    most 1024 bytes are waited for, to see what the document says itself, which is said again then.

    Raises ParseError for a document whose place cannot be told for certain; it must not be shown.
    """

    def __init__(self, script: str, charset: str | None = None, *, xml: bool = False) -> None:
        self._script = script
        self._charset = charset
        self._xml = xml
        self._held = b""
        self._width: Width | None = None
        self._end: re.Pattern[bytes] | None = None  # of the comment that we are in
        self._done = False
        self.transforms = 0  # how many of an XML document's were made void
        self._declared: str | None = None  # by a <meta>, which the script pushes out of sight

    def feed(self, data: bytes) -> bytes:
        """The bytes that can go out now."""
        if self._done:
            return data
        self._held += data
        if self._width is None and not self._may_decide():
            return b""
        return self._advance(last=False)

    def finish(self) -> bytes:
        """The rest, once the document has ended."""
        return b"" if self._done else self._advance(last=True)

    def _advance(self, last: bool) -> bytes:
        out = b""
        if self._width is None:
            out = self._decide()
        view = _ascii_view(self._held, self._width or "bytes")
        unit = 1 if self._width == "bytes" else 2
        if self._xml:
            return out + self._into_xml(view, unit, last)
        at, found = self._skip(view, last)
        out += self._held[: at * unit]
        self._held = self._held[at * unit :]
        if found:
            out += self._element() + self._held
        if found or last:
            self._done = True
            out += b"" if found else self._held
            self._held = b""
        return out

    def _may_decide(self) -> bool:
        if self._charset is not None:
            return len(self._held) >= _MARK
        if self._xml:
            return len(self._held) >= _XML_MARK
        return len(self._held) >= PRESCAN or is_settled(self._held)

    def _decide(self) -> bytes:
        """Settles the encoding; returns the byte order mark, which goes out first."""
        sniffed = sniff_charset(self._held)
        if self._charset is None:
            self._charset = sniffed
            self._declared = sniffed
        self._width = width_of(self._held, self._charset)
        marks = {"bytes": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
        mark = marks[self._width]
        if not self._held.startswith(mark):
            return b""
        self._declared = None  # the mark stays where it is, and speaks louder
        self._held = self._held[len(mark) :]
        return mark

    def _skip(self, view: bytes, last: bool) -> tuple[int, bool]:
        """How many characters are certainly before the place, and whether that is the place."""
        at = 0
        while True:
            if self._end is not None:
                found = self._end.search(view, at)
                # In ISO-2022-JP what follows an escape only looks like ASCII: `-->` may be kanji.
                if b"\x1b" in view[at : found.end() if found else len(view)]:
                    raise ParseError("an escape character in a comment before the document's start")
                if found is None:
                    return max(at, len(view) - 3), False  # `--!` may be the end's beginning
                at, self._end = found.end(), None
            if white := _WHITE.match(view, at):
                at = white.end()
            if not last and view[at : at + 6] in _UNDECIDED:
                return at, False
            if abrupt := _ABRUPT.match(view, at):
                at = abrupt.end()
            elif view.startswith(b"<!--", at):
                at, self._end = at + 4, _COMMENT_END
            elif _BOGUS.match(view, at):
                at, self._end = at + 2, _BOGUS_END
            else:
                return at, True

    def _into_xml(self, view: bytes, unit: int, last: bool) -> bytes:
        place = xml_root.find(view)
        if place is None and not last and len(view) <= _XML_LIMIT:
            return b""
        if place is None:
            raise ParseError("no root element at the start of an XML document")
        self.transforms = len(place.transforms)
        for at in place.transforms:
            void = self._encode(xml_root.VOID.decode())
            self._held = self._held[: at * unit] + void + self._held[at * unit + len(void) :]
        start = self._held[: place.at * unit]
        rest = self._held[place.at * unit :]
        if place.name is not None:  # `<root/>`: opened, and closed behind the script
            name = self._held[place.name[0] * unit : place.name[1] * unit]
            start += self._encode(">")
            rest = self._encode("</") + name + self._encode(">") + rest[2 * unit :]
        self._done = True
        self._held = b""
        return start + self._element() + rest

    def _element(self) -> bytes:
        if not self._xml:
            declared = f'<meta charset="{self._declared}">' if self._declared else ""
            return self._encode(f"{declared}<script>{self._script}</script>")
        namespace = "http://www.w3.org/1999/xhtml"
        text = f'<script xmlns="{namespace}"><![CDATA[{self._script}]]></script>'
        return self._encode(text)

    def _encode(self, text: str) -> bytes:
        return text.encode("ascii" if self._width == "bytes" else self._width or "ascii")


def _ascii_view(data: bytes, width: Width) -> bytes:
    """One byte for each unit of the text; what is not ASCII in UTF-16 becomes 0xFF."""
    if width == "bytes":
        return data
    low, high = (data[::2], data[1::2]) if width == "utf-16-le" else (data[1::2], data[::2])
    return bytes(
        0xFF if more or character > 0x7F else character
        for character, more in zip(low, high, strict=False)
    )

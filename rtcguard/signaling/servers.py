"""ICE servers that a site tells its clients of: where their URIs and host names stand.

    {"iceServers":[{"urls":"stun:stun.example.org"},{"urls":["turn:…"],"username":…}]}   and its kin
    <service type='turn' host='turn.example.org' port='3478'/>                           XEP-0215
    {"services":[{"type":"turn","host":"turn.example.org","port":3478}]}                 the same

A URI counts where it is a whole string, so a sentence that names a server stays as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice.server import ServerUri, parse_uri
from rtcguard.signaling.scan import Kind, Points

_SCHEME: Final = re.compile(rb"(?:stun|turn)s?:$", re.IGNORECASE)
_URI: Final = re.compile(rb"[\w.\-\[\]:%]+(?:\?transport=[a-z]+)?", re.IGNORECASE | re.ASCII)
_BEFORE: Final = b"\"'<=([,>"  # what stands before a value that is nothing but the URI
_AFTER: Final = b"\"'>)],\\&<"
_SERVICE: Final = re.compile(rb"<service\s[^<>]{0,1000}>", re.IGNORECASE)
_JSON_SERVICE: Final = re.compile(rb"\{[^{}]{0,1000}\}")
_SCHEMES: Final = (b"stun", b"stuns", b"turn", b"turns")
_FIELD: Final = re.compile(
    rb"\b(type|host|port|transport)[\"']?\s{0,4}[:=]\s{0,4}[\"']?([\w.\-:\[\]]+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ServerAt:
    """A server, and the span of its host: its name, or its address with the brackets."""

    uri: ServerUri
    start: int
    end: int


def servers(text: bytes, points: Points) -> Iterator[ServerAt]:
    """Every server in a clear text; what is no URI of RFC 7064 or RFC 7065 is none."""
    looked = 0
    for point, kind in points:
        if kind == Kind.SERVER:
            found = _uri(text, point)
            if found is not None:
                yield found
        elif kind == Kind.SERVICE and point > looked:
            looked, at = _services(text, point)
            yield from at


def _uri(text: bytes, point: int) -> ServerAt | None:
    scheme = _SCHEME.search(text, max(0, point - 7), point - 1)
    rest = _URI.match(text, point - 1)
    if scheme is None or rest is None:
        return None
    start, end = scheme.start(), rest.end()
    uri = None
    if _is_end(text, start - 1, _BEFORE) and _is_end(text, end, _AFTER):
        uri = _parsed(text[start:end])
    if uri is None:
        end = start + _length(text, start, end)
        uri = _parsed(text[start:end])
    if uri is None or not any(sign in text[point - 1 : end] for sign in b".:"):
        return None  # no URI, or a word with a colon in it
    host = point - 1
    return ServerAt(uri, host, host + len(uri.host) + 2 * (text[host] == 0x5B))


def _parsed(text: bytes) -> ServerUri | None:
    try:
        return parse_uri(text.decode("latin-1"))
    except ParseError:
        return None


def _is_end(text: bytes, at: int, signs: bytes) -> bool:
    """Whether a value may begin or end beside that byte: a sign, a byte of no text, or nothing."""
    return not 0 <= at < len(text) or text[at] in signs or not 0x20 <= text[at] < 0x7F


def _length(text: bytes, start: int, end: int) -> int:
    """The length that stands in front of a string in a binary message, if it ends a URI; else 0."""
    before = text[start - 1] if start else 0
    for length in (before - 0x60, before - 0xA0, before):  # CBOR, MessagePack, all others
        if len("stun:a.b") <= length <= end - start and _parsed(text[start : start + length]):
            return length
    return 0


def _services(text: bytes, point: int) -> tuple[int, list[ServerAt]]:
    """The service whose name ends at `point`, in XML; or those of the list that it names."""
    element = _SERVICE.match(text, max(0, point - len(b"<service")))
    if element is not None:
        found = _service(text, element.start(), element.end())
        return element.end(), [found] if found else []
    end = text.find(b"]", point)
    end = len(text) if end < 0 else end
    objects = [_service(text, *one.span()) for one in _JSON_SERVICE.finditer(text, point, end)]
    return end, [one for one in objects if one is not None]


def _service(text: bytes, start: int, end: int) -> ServerAt | None:
    fields = {found[1].lower(): found for found in _FIELD.finditer(text, start, end)}
    kind, host = fields.get(b"type"), fields.get(b"host")
    if (
        kind is None
        or host is None
        or kind[2].lower() not in (b"stun", b"stuns", b"turn", b"turns")
    ):
        return None
    name, port = host[2].decode(), fields.get(b"port")
    told = f"{kind[2].decode()}:{name}" + (f":{port[2].decode()}" if port else "")
    try:
        return ServerAt(parse_uri(told), *host.span(2))
    except ParseError:
        return None

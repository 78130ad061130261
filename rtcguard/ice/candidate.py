"""ICE candidates as text: RFC 8839 section 5.1, read strictly and without losing anything.

    candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 192.168.1.5 rport 50123
              foundation | transport     address     port      type  related address
                         component       priority             (extensions: more pairs of words)

A `Candidate` keeps its text and says where in it each address stands, so that an edit can overwrite
an address and leave every other character, unknown extensions too, as it was.
"""

import re
from dataclasses import dataclass
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses

TYPES: Final = ("host", "srflx", "prflx", "relay")

_PREFIX = re.compile(r"\s*(?:a=)?candidate:", re.IGNORECASE)
_TOKEN = re.compile(r"\S+")
_HAS_TYPE = re.compile(r"\styp\s", re.IGNORECASE)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate. Spans are offsets into `text`; `others` are those of every further address
    that could name somebody: the related one, and any that an extension carries."""

    text: str
    foundation: str
    component: int
    transport: str  # lower case: udp, tcp, or a vendor's own
    priority: int
    address: str
    port: int
    type: str  # lower case: one of TYPES, or a vendor's own
    address_span: Span
    others: tuple[Span, ...]
    related_port_span: Span | None
    extensions: tuple[tuple[str, str], ...]


def parse(text: str) -> Candidate:
    """Reads `candidate:…`, `a=candidate:…` or the bare value; any white space parts the tokens.

    Raises ParseError for anything that does not follow the grammar of RFC 8839 section 5.1.
    """
    prefix = _PREFIX.match(text)
    tokens = list(_TOKEN.finditer(text, prefix.end() if prefix else 0))
    words = [token.group() for token in tokens]
    if len(words) < 8 or words[6].lower() != "typ":
        raise ParseError("a candidate has at least eight fields, the seventh being 'typ'")
    component, priority, port = (_number(words[index]) for index in (1, 3, 5))
    if port > 65535:
        raise ParseError(f"port {port} is out of range")
    if len(words) % 2:
        raise ParseError("the fields after the type come in pairs of name and value")
    extensions = tuple(zip(words[8::2], words[9::2], strict=True))
    names = [name.lower() for name, _ in extensions]
    related_port = tokens[9 + 2 * names.index("rport")].span() if "rport" in names else None
    return Candidate(
        text=text,
        foundation=words[0],
        component=component,
        transport=words[2].lower(),
        priority=priority,
        address=words[4],
        port=port,
        type=words[7].lower(),
        address_span=tokens[4].span(),
        others=_others(text, tokens[8].start()) if extensions else (),
        related_port_span=related_port,
        extensions=extensions,
    )


def has_type(text: str) -> bool:
    """Whether a text that cannot be read as a candidate has the word that each candidate has."""
    return _HAS_TYPE.search(text) is not None


def loose_address(text: str) -> str:
    """The first word of a candidate that need not be readable that is an address, or empty."""
    for word in text.split():
        if _tells(word):
            return word
    return ""


def inert_of_length(length: int) -> str | None:
    """A candidate of exactly `length` characters that every stack accepts and that reaches nobody.

    It is a UDP host candidate at 0.0.0.0 port 9 (discard), padded by its foundation or by an
    extension. None where `length` is too short for one.
    """
    shortest = "candidate:0 1 udp 0 0.0.0.0 9 typ host"
    spare = length - len(shortest)
    if spare < -5:
        return None
    if spare < 0:  # `::` is five characters shorter than 0.0.0.0
        return f"candidate:{'0' * (spare + 6)} 1 udp 0 :: 9 typ host"
    if spare < 4:
        return f"candidate:{'0' * (spare + 1)} 1 udp 0 0.0.0.0 9 typ host"
    return f"{shortest} x {'0' * (spare - 3)}"


def is_inert(candidate: Candidate) -> bool:
    """Whether a candidate reaches nobody and tells of nobody, as one that rtcguard wrote."""
    return addresses.is_unroutable(candidate.address) and not candidate.others


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 10):
        raise ParseError(f"{word[:20]!r} is not a number of at most ten digits")
    return int(word)


def _others(text: str, start: int) -> tuple[Span, ...]:
    """The spans of what could name somebody in the part of `text` from `start` on."""
    found = sorted((start + a, start + b) for a, b in addresses.spans(text[start:]))
    return tuple((a, b) for a, b in found if not addresses.is_unroutable(text[a:b]))


def _tells(word: str) -> bool:
    """Whether a word is an address that could name somebody."""
    if "." not in word and ":" not in word:
        return False
    if addresses.parse(word) is None:
        return word.lower().rstrip(".").endswith(".local")
    return not addresses.is_unroutable(word)

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
_NUMBER = re.compile(r"[0-9]{1,10}")
_CANDIDATE = re.compile(
    r"\s*(?:a=)?(?:candidate:)?\s*(\S+)\s+([0-9]{1,10})\s+(\S+)\s+([0-9]{1,10})\s+(\S+)\s+"
    r"([0-9]{1,10})\s+typ\s+(\S+)((?:\s.*)?)",
    re.IGNORECASE | re.DOTALL,
)
_RELATED_PORT = re.compile(r"\srport\s+(\S+)", re.IGNORECASE)
_HAS_TYPE = re.compile(r"\styp\s", re.IGNORECASE)

_LONGEST_FOUNDATION: Final = 32  # characters, RFC 8839 section 5.1

Span = tuple[int, int]

_OF_IPV6: Final = "0123456789abcdefABCDEF:."


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate. Spans are offsets into `text`; most candidates are never asked for theirs."""

    text: str
    words: tuple[str, ...]  # those behind the type: names and values in turn
    foundation: str
    component: int
    priority: int
    transport: str  # lower case: udp, tcp, or a vendor's own
    address: str
    port: int
    type: str  # lower case: one of TYPES, or a vendor's own
    address_span: Span

    @property
    def extensions(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.words[::2], self.words[1::2], strict=True))

    @property
    def others(self) -> tuple[Span, ...]:
        """Those of every further address that could name somebody: the related one, and any that
        an extension carries."""
        found: list[Span] = []
        position = self.address_span[1]
        for word in self.words:
            if "." in word or ":" in word:
                start = self.text.index(word, position)
                position = start + len(word)
                for a, b in addresses.spans(word):
                    if ":" in word[a:b]:  # with what is left of one that is written wrongly
                        b += len(word[b:]) - len(word[b:].lstrip(_OF_IPV6))
                    if not addresses.is_unroutable(word[a:b]):
                        found.append((start + a, start + b))
        return tuple(sorted(found))

    @property
    def related_port_span(self) -> Span | None:
        found = _RELATED_PORT.search(self.text, self.address_span[1])
        return None if found is None else found.span(1)


def parse(text: str) -> Candidate:
    """Reads `candidate:…`, `a=candidate:…` or the bare value; any white space parts the tokens.

    Raises ParseError for anything that does not follow the grammar of RFC 8839 section 5.1.
    """
    found = _CANDIDATE.fullmatch(text)
    if found is None:
        raise ParseError(_mistake(text))
    foundation, component, transport, priority, address, port, kind, rest = found.groups()
    words = tuple(rest.split())
    if int(port) > 65535:
        raise ParseError(f"port {port} is out of range")
    if len(words) % 2:
        raise ParseError("the fields after the type come in pairs of name and value")
    return Candidate(
        text=text,
        words=words,
        foundation=foundation,
        component=int(component),
        priority=int(priority),
        transport=transport.lower(),
        address=address,
        port=int(port),
        type=kind.lower(),
        address_span=found.span(5),
    )


def _mistake(text: str) -> str:
    """What is wrong with a text that is no candidate."""
    prefix = _PREFIX.match(text)
    words = text[prefix.end() if prefix else 0 :].split()
    if len(words) < 8 or words[6].lower() != "typ":
        return "a candidate has at least eight fields, the seventh being 'typ'"
    wrong = next(
        (word for word in (words[1], words[3], words[5]) if not _NUMBER.fullmatch(word)), ""
    )
    return f"{wrong[:20]!r} is not a number of at most ten digits"


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
    if spare < _LONGEST_FOUNDATION:
        return f"candidate:{'0' * (spare + 1)} 1 udp 0 0.0.0.0 9 typ host"
    return f"{shortest} x {'0' * (spare - 3)}"


def is_inert(candidate: Candidate) -> bool:
    """Whether a candidate reaches nobody and tells of nobody, as one that rtcguard wrote."""
    return addresses.is_unroutable(candidate.address) and not candidate.others


def _tells(word: str) -> bool:
    """Whether a word is an address that could name somebody."""
    if "." not in word and ":" not in word:
        return False
    if addresses.parse(word) is None:
        return word.lower().rstrip(".").endswith(".local")
    return not addresses.is_unroutable(word)

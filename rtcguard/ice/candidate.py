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
_HAS_TYPE = re.compile(r"\styp\s", re.IGNORECASE)

_LONGEST_FOUNDATION: Final = 32  # characters, RFC 8839 section 5.1

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate. Spans are offsets into `text`; most candidates are never asked for theirs."""

    text: str
    words: tuple[str, ...]  # all that white space parts
    foundation: str
    component: int
    priority: int
    transport: str  # lower case: udp, tcp, or a vendor's own
    address: str
    port: int
    type: str  # lower case: one of TYPES, or a vendor's own

    @property
    def extensions(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.words[8::2], self.words[9::2], strict=True))

    @property
    def address_span(self) -> Span:
        return self._span(4)

    @property
    def others(self) -> tuple[Span, ...]:
        """Those of every further address that could name somebody: the related one, and any that
        an extension carries."""
        if not any("." in word or ":" in word for word in self.words[8:]):
            return ()
        found: list[Span] = []
        position = _value(self.text)
        for index, word in enumerate(self.words):
            start = self.text.index(word, position)
            position = start + len(word)
            if index >= 8 and ("." in word or ":" in word):
                for a, b in sorted(addresses.spans(word)):
                    if not addresses.is_unroutable(word[a:b]):
                        found.append((start + a, start + b))
        return tuple(found)

    @property
    def related_port_span(self) -> Span | None:
        names = [name.lower() for name in self.words[8::2]]
        return self._span(9 + 2 * names.index("rport")) if "rport" in names else None

    def _span(self, index: int) -> Span:
        """Where the word of that index stands."""
        start = _value(self.text)
        for word in self.words[:index]:
            start = self.text.index(word, start) + len(word)
        start = self.text.index(self.words[index], start)
        return start, start + len(self.words[index])


def parse(text: str) -> Candidate:
    """Reads `candidate:…`, `a=candidate:…` or the bare value; any white space parts the tokens.

    Raises ParseError for anything that does not follow the grammar of RFC 8839 section 5.1.
    """
    words = text[_value(text) :].split()
    if len(words) < 8 or words[6].lower() != "typ":
        raise ParseError("a candidate has at least eight fields, the seventh being 'typ'")
    component, priority, port = _number(words[1]), _number(words[3]), _number(words[5])
    if port > 65535:
        raise ParseError(f"port {port} is out of range")
    if len(words) % 2:
        raise ParseError("the fields after the type come in pairs of name and value")
    return Candidate(
        text=text,
        words=tuple(words),
        foundation=words[0],
        component=component,
        priority=priority,
        transport=words[2].lower(),
        address=words[4],
        port=port,
        type=words[7].lower(),
    )


def _value(text: str) -> int:
    """Where the value begins, behind the prefix."""
    prefix = _PREFIX.match(text)
    return prefix.end() if prefix else 0


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


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 10):
        raise ParseError(f"{word[:20]!r} is not a number of at most ten digits")
    return int(word)


def _tells(word: str) -> bool:
    """Whether a word is an address that could name somebody."""
    if "." not in word and ":" not in word:
        return False
    if addresses.parse(word) is None:
        return word.lower().rstrip(".").endswith(".local")
    return not addresses.is_unroutable(word)

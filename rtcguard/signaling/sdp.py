"""Where candidates and addresses stand in clear text: SDP (RFC 8866, RFC 8839), single candidates.

No object model: lines are found by their beginnings, and every finding is a span. Lines end with
CR, LF or both; fragments without `v=0` (RFC 8840) are read the same way.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# `(?<![^\r\n])`: the text's beginning, or behind a line end of either kind.
_CANDIDATE_LINE: Final = re.compile(rb"(?<![^\r\n])[ \t]*(?:a=)?candidate:[^\r\n]*", re.IGNORECASE)
_IS_SDP: Final = re.compile(
    rb"\A\s*v=0|(?<![^\r\n])(?:a=(?:ice-ufrag|remote-candidates):|[ \t]*(?:a=)?candidate:"
    rb"|[co]=[^\r\n]*\bIN[ \t]+IP[46])",
    re.IGNORECASE,
)
_ADDRESS_LINE: Final = re.compile(
    rb"(?<![^\r\n])(?:[co]=[^\r\n]*|a=(?:rtcp|remote-candidates):[^\r\n]*)",
    re.IGNORECASE,
)
_CONNECTION: Final = re.compile(rb"\bIN[ \t]+IP[46][ \t]+([^\s/]+)", re.IGNORECASE)
_WORD: Final = re.compile(rb"\S+")
_UFRAG: Final = re.compile(rb"(?<![^\r\n])a=ice-ufrag:([^\s]*)", re.IGNORECASE)
# A candidate that is a whole text: with the prefixes that clients use, or with none at all.
_SINGLE: Final = re.compile(
    rb"\s*((?:a=)?(?:candidate:[^\r\n]*\S|[^\s\"{]{1,40}[ \t]+[0-9]{1,5}[ \t]+[^\s]+[ \t]+[0-9]+"
    rb"[ \t]+[^\s]+[ \t]+[0-9]+[ \t]+typ[ \t][^\r\n]*\S))\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CandidateAt:
    """A candidate at `text[start:end]`. `line`: it is an SDP line, not a text of its own."""

    start: int
    end: int
    line: bool
    ufrag: str = ""


@dataclass(frozen=True, slots=True)
class AddressAt:
    """An address (or host name) in `c=`, `o=`, `a=rtcp:` or `a=remote-candidates:`."""

    start: int
    end: int
    line: str  # which kind of line, for people


def single_candidate(text: bytes) -> CandidateAt | None:
    """The one candidate that `text` is, as trickled candidates are; else None."""
    found = _SINGLE.fullmatch(text)
    return None if found is None else CandidateAt(found.start(1), found.end(1), line=False)


def is_sdp(text: bytes) -> bool:
    return _IS_SDP.search(text) is not None


def candidates(text: bytes) -> Iterator[CandidateAt]:
    """Every candidate line, each with the ufrag of its section (RFC 8839 section 5.4)."""
    ufrags = [(match.start(), match[1].decode("latin-1")) for match in _UFRAG.finditer(text)]
    for match in _CANDIDATE_LINE.finditer(text):
        # The last one above the line, or the first one below where all stand below.
        above = [ufrag for start, ufrag in ufrags if start < match.start()]
        ufrag = above[-1] if above else ufrags[0][1] if ufrags else ""
        yield CandidateAt(match.start(), match.end(), line=True, ufrag=ufrag)


def addresses(text: bytes) -> Iterator[AddressAt]:
    """Every address in the lines that carry one outside candidates."""
    for match in _ADDRESS_LINE.finditer(text):
        line = match.group()
        if line[:9].lower() == b"a=remote-":
            # a=remote-candidates:1 203.0.113.7 4000 2 203.0.113.7 4001 (RFC 8839 section 5.2)
            spans = [word.span() for word in _WORD.finditer(line, line.index(b":") + 1)][1::3]
            label = "a=remote-candidates"
        else:
            spans = [found.span(1) for found in _CONNECTION.finditer(line)]
            label = "a=rtcp" if line[:1] in b"aA" else line[:2].decode().lower()
        for start, end in spans:
            yield AddressAt(match.start() + start, match.start() + end, label)


def occurrences(text: bytes, address: bytes) -> Iterator[tuple[int, int]]:
    """The spans where `address` stands and is no part of a longer word, whatever the line."""
    start = text.find(address)
    while start >= 0:
        end = start + len(address)
        if not (text[end : end + 1].isalnum() or (start and text[start - 1 : start].isalnum())):
            yield start, end
        start = text.find(address, end)

"""Where candidates and addresses stand in clear text: SDP (RFC 8866, RFC 8839), single candidates.

No object model: lines are found by their beginnings, and every finding is a span. Lines end with
CR, LF or both; fragments without `v=0` (RFC 8840) are read the same way. Every function takes time
linear in the text: it may come from a hostile page.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Searched in lower-case text: a flag would make each search several times as slow.
_CANDIDATE: Final = re.compile(rb"candidate:[^\r\n]*")
_SECTION: Final = re.compile(rb"m=")
_CONNECTION: Final = re.compile(rb"in[ \t]++ip[46][ \t]++([^\s/]+)")
_UFRAG: Final = re.compile(rb"a=ice-ufrag:([^\s]*)")
_REMOTE: Final = re.compile(rb"a=remote-candidates:[^\r\n]*")
_WORD: Final = re.compile(rb"\S+")
# A candidate that is a whole text: with the prefixes that clients use, or with none at all.
_SINGLE: Final = re.compile(
    rb"\s*((?:a=)?(?:candidate:[^\r\n]*\S|[^\s\"{]{1,40}[ \t]++[0-9]{1,5}[ \t]++[^\s]++[ \t]++"
    rb"[0-9]++[ \t]++[^\s]++[ \t]++[0-9]++[ \t]++typ[ \t][^\r\n]*\S))\s*",
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


def candidates(text: bytes) -> Iterator[CandidateAt]:
    """Every candidate line, each with the ufrag of its section (RFC 8839 section 5.4)."""
    lower = text.lower()
    sections = [match.start() for match in _SECTION.finditer(lower) if _begins_line(text, match)]
    ufrags: dict[int, str] = {}  # by section, the session's part being 0
    for match in _UFRAG.finditer(lower):
        if _begins_line(text, match):
            ufrag = text[slice(*match.span(1))].decode("latin-1")
            ufrags.setdefault(bisect_right(sections, match.start()), ufrag)
    end = 0
    for match in _CANDIDATE.finditer(lower):
        start, _ = _line_around(text, end, match.start())
        end = match.end()
        if lower[start : match.start()].strip(b" \t") in (b"", b"a="):
            section = bisect_right(sections, start)
            ufrag = ufrags.get(section, ufrags.get(0, ""))
            yield CandidateAt(start, end, line=True, ufrag=ufrag)


def addresses(text: bytes) -> Iterator[AddressAt]:
    """Every address in the lines that carry one outside candidates."""
    lower = text.lower()
    line, end = b"", 0
    for match in _CONNECTION.finditer(lower):
        if match.start() >= end:  # several may stand in one line
            start, end = _line_around(lower, end, match.start())
            line = lower[start:end]
        if line[:2] in (b"c=", b"o="):
            yield AddressAt(*match.span(1), line[:2].decode())
        elif line.startswith(b"a=rtcp:"):
            yield AddressAt(*match.span(1), "a=rtcp")
    for match in _REMOTE.finditer(lower):
        # a=remote-candidates:1 203.0.113.7 4000 2 203.0.113.7 4001 (RFC 8839 section 5.2)
        if _begins_line(text, match):
            words = _WORD.finditer(lower, match.start() + len(b"a=remote-candidates:"), match.end())
            for word in list(words)[1::3]:
                yield AddressAt(*word.span(), "a=remote-candidates")


def _begins_line(text: bytes, match: re.Match[bytes]) -> bool:
    return match.start() == 0 or text[match.start() - 1] in b"\r\n"


def _line_around(text: bytes, floor: int, at: int) -> tuple[int, int]:
    """The span of the line around `at`, which does not begin before `floor`."""
    start = max(floor, text.rfind(b"\n", floor, at) + 1, text.rfind(b"\r", floor, at) + 1)
    ends = (text.find(b"\n", at), text.find(b"\r", at))
    return start, min((end for end in ends if end >= 0), default=len(text))

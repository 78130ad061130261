"""Where candidates and addresses stand in clear text: SDP (RFC 8866, RFC 8839), single candidates.

No object model: every finding is a span, found from the points of `scan`. Lines end with CR, LF or
both; fragments without `v=0` (RFC 8840) are read the same way, and so is SDP in the `data:` lines
of server-sent events. Every function takes time linear in the text: a hostile page may send it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from rtcguard.ice.address import scope
from rtcguard.ice.candidate import TYPES
from rtcguard.signaling.scan import Kind, Points

# The rest of a line: text in ASCII or UTF-8. In a binary message a line may end with its field.
_REST: Final = re.compile(rb"(?:[\t -~]|[\xc2-\xf4][\x80-\xbf]{1,3})*+")
# A line as nearly all candidates in SDP are.
_PLAIN: Final = re.compile(rb"\na=candidate:[\t -~]*+(?=[\r\n])", re.IGNORECASE)
_WORD: Final = re.compile(rb"[ \t]*+([\w.:%\[\]-]+)")
_TOKEN: Final = re.compile(rb"\S+")
# What may stand before a line's own beginning: the field name of server-sent events.
_BEFORE: Final = re.compile(rb"(?:[ \t]*+data:)*+[ \t]*+(a=)?", re.IGNORECASE)
_NAMES: Final = re.compile(rb"(?:[ \t]*+data:)*+[ \t]*+(c=|o=|a=rtcp:)", re.IGNORECASE)
# As plain numbers: every point of a message is compared with these.
_CANDIDATE, _SECTION, _UFRAG = int(Kind.CANDIDATE), int(Kind.SECTION), int(Kind.UFRAG)
_CONNECTION, _REMOTE = int(Kind.CONNECTION), int(Kind.REMOTE)
_BEGIN: Final = (_CANDIDATE, int(Kind.TYPE))
_LINE_ENDS: Final = (b"\r", b"\n", b"\0", b"")
# A candidate that is a whole text: with the prefixes that clients use, or with none at all.
_SINGLE: Final = re.compile(
    rb"\s*((?:a=)?(?:candidate:|(?![!-~]*candidate:)[^\x00-\x20\"{\x7f-\xff]{1,40}[ \t]++[0-9]{1,5}"
    rb"[ \t]++[!-~]++[ \t]++[0-9]++[ \t]++[!-~]++[ \t]++[0-9]++[ \t]++typ[ \t])"
    rb"(?:[\t -~]|[\xc2-\xf4][\x80-\xbf]{1,3})*+)\s*",
    re.IGNORECASE,
)
# A candidate within a longer text, by its whole grammar: the address and what follows the type.
_WITHIN: Final = re.compile(
    rb"[!-~]{1,64}[ \t]++([!-~]++)[ \t]++[!-~]++[ \t]++([!-~]++)[ \t]++([!-~]++)[ \t]++([!-~]++)"
    rb"[ \t]++typ[ \t]++(host|srflx|prflx|relay|[!-~]{1,20})",
    re.IGNORECASE,
)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
_LONGEST_BEFORE_TYPE: Final = 400
_LONGEST_AFTER_TYPE: Final = 2000


class CandidateAt(NamedTuple):
    """A candidate at `text[start:end]`. `line`: it is an SDP line, not a text of its own."""

    start: int
    end: int
    line: bool
    ufrag: str = ""


@dataclass(frozen=True, slots=True)
class Within:
    """A candidate in the midst of another text, of which only the addresses are its own.

    `glued`: bytes of a binary message stand around it, or a letter in front, which may be one: so
    it is a field whose ends are not known. `told` is where it ends if what stands in front is its
    length, and else `end`, where the text does.
    """

    start: int
    end: int
    told: int
    glued: bool
    address: tuple[int, int]
    port: int
    type: str


class AddressAt(NamedTuple):
    """An address (or host name) in `c=`, `o=`, `a=rtcp:` or `a=remote-candidates:`."""

    start: int
    end: int
    line: str  # which kind of line, for people


def single_candidate(text: bytes) -> CandidateAt | None:
    """The one candidate that `text` is, as trickled candidates are; else None."""
    found = _SINGLE.fullmatch(text)
    if found is None:
        return None
    value = found[1].rstrip()
    return CandidateAt(found.start(1), found.start(1) + len(value), line=False)


def candidates(text: bytes, points: Points) -> Iterator[CandidateAt | Within]:
    """Every candidate, those on lines with the ufrag of their section (RFC 8839 section 5.4)."""
    begins: list[tuple[int, int, int]] = []
    ufrags = _Ufrags(text)
    section = 0  # the session's part
    for point, kind in points:
        if kind in _BEGIN:
            begins.append((point, kind, section))
        elif kind == _SECTION:
            section += 1
        elif kind == _UFRAG:
            ufrags.add(section, point)
    done, line = 0, _Line(text)
    for index, (point, kind, section) in enumerate(begins):
        if point <= done:
            continue
        word = point - len(b"candidate:")
        plain = _PLAIN.match(text, word - 3) if kind == _CANDIDATE and word > 2 else None
        if plain is not None:
            done = plain.end()
            yield CandidateAt(word - 2, done, True, ufrags.of(section))
            continue
        before = line.begins(word) if kind == _CANDIDATE else None
        if before is not None:
            end = _rest(text, point)
            # In a binary message another field may go on where a last line without an end ends.
            if text[end : end + 1] in _LINE_ENDS:
                done = end
                yield CandidateAt(word - before, done, True, ufrags.of(section))
                continue
        start = point if kind == _CANDIDATE else _bare(text, done, point)
        found = _WITHIN.match(text, start) if start >= 0 else None
        if found is None:
            if before is not None:
                done = _rest(text, point)
                yield CandidateAt(word - before, done, True)
            continue
        limit = found.end() + _LONGEST_AFTER_TYPE
        for following, what, _ in begins[index + 1 : index + 3]:
            if what == _CANDIDATE and following > found.end():
                limit = min(limit, following - len(b"candidate:"))  # nothing there is its own
        end = _rest(text, found.end(), limit)
        if not (_is_number(found[1]) and _is_number(found[2]) and _is_number(found[4])):
            named = kind == _CANDIDATE and (
                found[5].decode().lower() in TYPES or b"raddr" in text[found.end() : end].lower()
            )
            if not named and scope(found[3].decode()) in ("name", "unknown"):
                continue  # no candidate, and no address where it would have one
        done = end
        yield _within(text, start, done, found, word if kind == _CANDIDATE else start)


class _Ufrags:
    """The user name fragments of a text's sections, read when they are asked for."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._points: dict[int, int] = {}
        self._read: dict[int, str] = {}

    def add(self, section: int, point: int) -> None:
        self._points.setdefault(section, point)

    def of(self, section: int) -> str:
        """That of a section, or else of the session's part; empty where neither has one."""
        point = self._points.get(section) or self._points.get(0)
        if point is None:
            return ""
        if point not in self._read:
            rest = self._text[point : _rest(self._text, point)]
            self._read[point] = rest.decode("latin-1").strip()
        return self._read[point]


def _within(text: bytes, start: int, end: int, found: re.Match[bytes], word: int) -> Within:
    around = text[max(0, start - 16) : start], text[end : end + 2]
    glued = text[word - 1 : word].isalnum() or any(map(_BINARY.search, around))
    kind = found[5].decode().lower()
    following = text[found.end() : found.end() + 1]
    if following.isalpha() or (following.isdigit() and not glued):
        kind = "unknown"  # `relayed` is not `relay`
    port = int(found[4]) if _is_number(found[4]) else 0
    told = _told_end(text, word, found.end(), end) if glued else end
    return Within(start, end, told, glued, found.span(3), port, kind)


def _told_end(text: bytes, word: int, least: int, most: int) -> int:
    """Where a string that begins with a candidate ends by the length in front of it: a byte, two
    with the high one first (CBOR, MessagePack), two of a varint (protobuf)."""
    begin = word - 2 if text[word - 2 : word].lower() == b"a=" else word
    if begin < 1:
        return most
    high, low = text[begin - 2] if begin > 1 else 0, text[begin - 1]
    for length in (low, high << 8 | low, low << 7 | high & 0x7F):
        if least <= begin + length <= most:
            return begin + length
    return most


def addresses(text: bytes, points: Points) -> Iterator[AddressAt]:
    """Every address in the lines that carry one outside candidates."""
    line, done = _Line(text), 0
    for point, kind in points:
        if kind == _CONNECTION:
            name = line.name(point)
            word = _WORD.match(text, point) if name else None
            if word is not None:
                yield AddressAt(*word.span(1), name)
        elif kind == _REMOTE and point > done:
            # a=remote-candidates:1 203.0.113.7 4000 2 203.0.113.7 4001 (RFC 8839 section 5.2)
            done = _rest(text, point)
            words = list(_TOKEN.finditer(text, point, done))
            for found in words[1::3]:
                if _WORD.fullmatch(found.group()) is None:
                    break
                yield AddressAt(*found.span(), "a=remote-candidates")


def _is_number(word: bytes) -> bool:
    return word.isdigit() and len(word) <= 10


class _Line:
    """The line that a point stands in. Asked for points in order, it looks at no byte twice."""

    def __init__(self, text: bytes) -> None:
        self._text, self._start, self._looked = text, 0, 0

    def begins(self, word: int) -> int | None:
        """How much of `a=` is in front of a word that begins its line; None where it does not."""
        start = self._start_of(word)
        if word - start > 32:
            return None
        found = _BEFORE.fullmatch(self._text, start, word)
        return None if found is None else len(found[1] or b"")

    def name(self, at: int) -> str:
        """Which of the lines it is that hold an address as `IN IP4 …`; empty: none."""
        if self._text[at - 10 : at] == b"\nc=IN IP4 ":
            return "c="
        if self._text[at - 17 : at] == b"\na=rtcp:9 IN IP4 ":
            return "a=rtcp"
        start = self._start_of(at)
        found = _NAMES.match(self._text, start, at)
        return "" if found is None else found[1].decode().lower().rstrip(":")

    def _start_of(self, at: int) -> int:
        text, looked = self._text, self._looked
        end = max(text.rfind(b"\n", looked, at), text.rfind(b"\r", looked, at)) + 1
        self._start, self._looked = (end or self._start), at
        return self._start


def _bare(text: bytes, floor: int, point: int) -> int:
    """Where a candidate without its name begins whose `typ ` ends at `point`; -1: nowhere."""
    first = max(floor, point - _LONGEST_BEFORE_TYPE)
    window = text[first : point - len(b"typ ")]
    words = window.rsplit(None, 6)  # foundation, component, transport, priority, address, port
    if len(words) < 6:
        return -1
    start = len(words[0]) if len(words) == 7 else 0
    return first + window.find(words[-6], start)


def _rest(text: bytes, at: int, limit: int = 1 << 62) -> int:
    """Where the line's text ends that goes on at `at`."""
    found = _REST.match(text, at, limit)
    return found.end() if found else at

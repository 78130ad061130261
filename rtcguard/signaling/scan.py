"""One search over a text for everything that the rest of ring 2 begins from.

Hyperscan looks for all patterns at once, at more than a gigabyte a second; a message that holds
none of them costs nothing more. What it finds are *points*: nothing is decided by them. Patterns
ignore case, since the grammar of SDP and candidates does (RFC 5234 section 2.3).
"""

from enum import IntEnum
from typing import Final

import hyperscan


class Kind(IntEnum):
    """What a point is. The first few are words of SDP; the others say what may hide some."""

    CANDIDATE = 0  # ends behind `candidate:`
    TYPE = 1  # ends behind `typ `
    CONNECTION = 2  # ends behind `IN IP4 `
    UFRAG = 3  # ends behind `ice-ufrag:`
    SECTION = 4  # ends behind `m=audio 9`
    REMOTE = 5  # ends behind `remote-candidates:`
    FIELD = 6  # ends behind a name that only the fields of candidates have
    SERVER = 7  # ends behind the first letter of the host in `stun:…`, `turn:…`
    SERVICE = 8  # ends behind `<service`, `"services"` or `"iceServers"`
    OPAQUE = 9  # ends behind the first letter of a description that does not begin as SDP does
    JSON_ESCAPE = 10
    PERCENT = 11
    RUN = 12
    WIDE = 13
    GZIP = 14
    ZLIB = 15
    REFERENCE = 16
    SLASHED = 17  # a run in which an encoder of JSON wrote an escape for its slashes


WORDS: Final = frozenset(
    (Kind.CANDIDATE, Kind.TYPE, Kind.CONNECTION, Kind.UFRAG, Kind.REMOTE, Kind.FIELD, Kind.SERVER)
)
# The shortest candidate has 28 characters, and as many bytes are this many letters of base64.
SHORTEST_RUN: Final = 38

# Names that structured candidates have and few others: RFC 8839's words in JSON (ORTC, mediasoup,
# Agora), in the statistics of W3C's webrtc-stats and older ones, in Jingle (XEP-0176), in Parsec.
_FIELDS: Final = (
    rb"(?:foundation|candidate[-_]?type|related[-_]?(?:address|ip)|rel-addr|from_stun|"
    rb"goog(?:Local|Remote)(?:Candidate|Address)|local-candidate|<candidate[\s/]|"
    rb"candidates?[\"']?\s{0,4}:\s{0,4}\[|[\"'\x60-\xff](?:srflx|prflx))"
)
# Each: the pattern, and whether to know that it is there is enough. No word has to begin behind
# something that is none: behind an escape, `\n`, stands a letter.
_PATTERNS: Final[dict[Kind, tuple[bytes, bool]]] = {
    Kind.CANDIDATE: (rb"candidate:", False),
    Kind.TYPE: (rb"typ[ \t]", False),
    Kind.CONNECTION: (rb"in[ \t]{1,8}ip[46][ \t]", False),
    Kind.UFRAG: (rb"ice-ufrag:", False),
    Kind.SECTION: (rb"m=[a-z]{1,20}[ \t][0-9]", False),
    Kind.REMOTE: (rb"remote-candidates:", False),
    Kind.FIELD: (_FIELDS, False),
    Kind.SERVER: (rb"(?:stun|turn)s?:[\[\w]", False),
    Kind.SERVICE: (rb"<service\b|\"services\"|ice_?servers?(?:list)?\"", False),
    Kind.OPAQUE: (
        rb"sdp\\*[\"']\s{0,2}:\s{0,2}\\*[\"'](?:[^\"'vamcos{\s\\]|[amos][^=]|c[^=a])",
        True,
    ),
    # Of an ASCII letter or digit. Many encoders escape `<`, `>`, `&` and quotes for HTML's sake:
    # those hide nothing.
    Kind.JSON_ESCAPE: (rb"\\u00(?:3[0-9]|[46][1-9a-f]|[57][0-9a])", False),
    # A form writes spaces as `+`, and may have nothing else to escape.
    Kind.PERCENT: (rb"%(?:[2-7][0-9a-f]|0[9ad])|\+typ\+|\+ip[46]\+", True),
    # Of base64, base64url or hex; one class of letters is searched twenty times as fast as two.
    Kind.RUN: (rb"[A-Za-z0-9+/_-]{%d}" % SHORTEST_RUN, True),
    Kind.SLASHED: (rb"[A-Za-z0-9+/]\\/[A-Za-z0-9+/\\]{28}", True),
    Kind.WIDE: (rb"(?:[\x09-\x7e]\x00){8}|(?:\x00[\x09-\x7e]){8}", True),
    Kind.GZIP: (rb"\x1f\x8b\x08", False),
    Kind.ZLIB: (rb"\x78[\x01\x5e\x9c\xda]", False),  # by far the most headers of RFC 1950
    Kind.REFERENCE: (rb"&(?:#x[0-9a-f]{1,4}|#[0-9]{2,5}|quot);", False),
}
# An IPv4 address, what an IPv6 address cannot be without, a `.local` name: each with one byte more,
# if there is one.
_ADDRESSES: Final = (
    rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[^0-9]|\z)",
    rb"(?:\b[0-9a-f]{3,4}:[0-9a-f]{0,4}:|::)[0-9a-f:.]{1,40}(?:[^0-9a-f:.]|\z)",
    rb"[0-9a-z-]\.local[\x00-\xff]?",
)
# Kinds of which mostly the first point of a text is told, and no other.
FIRST_ONLY: Final = frozenset(kind for kind, (_, is_enough) in _PATTERNS.items() if is_enough)
# Dots match line ends, letters either case; bytes are bytes, not UTF-8.
_FLAGS: Final = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL

# The families of `address_ends`, by number.
IPV4, IPV6, LOCAL_NAME = range(len(_ADDRESSES))

Points = list[tuple[int, int]]  # where each ends, and its kind; in order


def _database(expressions: list[bytes], flags: list[int]) -> hyperscan.Database:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=expressions,
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=flags,
    )
    return database


_POINTS: Final = _database(
    [_PATTERNS[kind][0] for kind in Kind],
    [_FLAGS | (hyperscan.HS_FLAG_SINGLEMATCH if kind in FIRST_ONLY else 0) for kind in Kind],
)
_ADDRESS_ENDS: Final = _database(list(_ADDRESSES), [_FLAGS] * len(_ADDRESSES))


def points(text: bytes) -> Points:
    """Every point in `text`; of the kinds that hide, mostly one."""
    return _matches(_POINTS, text)


def address_ends(text: bytes) -> Points:
    """Where addresses may end, in order, with their family; long ones may be told several times."""
    return _matches(_ADDRESS_ENDS, text)


def _matches(database: hyperscan.Database, text: bytes) -> Points:
    found: Points = []
    add = found.append

    def at(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        add((end, number))

    database.scan(text, match_event_handler=at)
    return found

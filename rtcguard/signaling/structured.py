"""Candidates that are not written as a line but field by field, found by the names of their fields.

    {"foundation":"0","ip":"192.0.2.5","port":9,"type":"host","protocol":"udp"}    ORTC, mediasoup
    {"type":"local-candidate","candidateType":"host","address":"192.0.2.5",…}      getStats
    <candidate ip='192.0.2.5' port='9' type='host' rel-addr='…' …/>                XEP-0176
    the same maps in MessagePack and CBOR, whose strings stand in the clear

An address counts if a name of an address is in front of it and its object has a field that only
candidates have. So an inventory's `{"type":"host","address":"10.0.0.1"}` is none.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.signaling.scan import IPV6, LOCAL_NAME, address_ends
from rtcguard.signaling.views import View

Span = tuple[int, int]

# The name, and what is between it and the value: of JSON and its kin, of XML, or the header that
# MessagePack and CBOR give a string.
_NAME: Final = re.compile(
    rb"(?:\b|[_\-\x60-\xff])((?:goog)?(?:local|remote|base|host|connection|candidate)?[_-]?"
    rb"(?:ip(?:v[46])?|addr|address|ip[_-]?address|host(?:name)?)|rel(?:ated)?[_-]?(?:ip|addr(?:ess)?)|raddr)"
    rb"(?:[\"']?\s{0,4}(:)\s{0,4}[\"']?\[?|\s?(=)\s?[\"']|[\x60-\xff][\x00-\xff]{0,4})$",
    re.IGNORECASE,
)
_LONGEST_NAME: Final = 40
_STRONG: Final = re.compile(
    rb"foundation|candidate[-_]?type|rel(?:ated)?[-_]?(?:address|addr|ip)\b|tcp[-_]?type|from_stun|"
    rb"goog(?:Local|Remote)(?:Candidate|Address)|local-candidate|<candidate\s|srflx|prflx|priority",
    re.IGNORECASE,
)
_FAR: Final = re.compile(rb"remote-candidate|googRemote", re.IGNORECASE)
_LIST: Final = re.compile(rb"candidates?[\"']?\s{0,4}[:=]\s{0,4}\[\s{0,4}$", re.IGNORECASE)
_TYPE: Final = re.compile(
    rb"(candidate[-_]?type|type)(?:[\"']?\s{0,4}[:=]\s{0,4}[\"']?|[\x60-\xff][\x00-\xff]{0,2})"
    rb"(host|srflx|prflx|relayed|relay|serverreflexive|peerreflexive|local\b)",
    re.IGNORECASE,
)
_PORT: Final = re.compile(rb"\bport(?:number)?[\"']?\s{0,4}[:=]\s{0,4}[\"']?([0-9]{1,5})\b", re.I)
_TYPES: Final = {
    "local": "host",
    "serverreflexive": "srflx",
    "peerreflexive": "prflx",
    "relayed": "relay",
}
_HEX_DIGITS: Final = b"0123456789abcdefABCDEF"
_NAME_LETTERS: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-."
_LETTERS: Final = (b"0123456789.", _HEX_DIGITS + b":.", _NAME_LETTERS)
_FARTHEST: Final = 2000  # bytes from an address to the ends of its object
_NEAR: Final = 300  # in a binary map, whose ends are not looked for


@dataclass(frozen=True, slots=True)
class Fields:
    """One candidate: where its own address stands, and every further one of its object."""

    address: Span
    others: tuple[Span, ...]
    type: str  # as RFC 8839 names it, or `unknown`
    port: int  # 0: not told


def structured(view: View) -> Iterator[Fields]:
    """Every such candidate in a view's own text."""
    text, found = view.text, list(_named(view.text))
    spans = [span for span, _, _ in found]
    for span, name, sign in found:
        if name.startswith((b"rel", b"raddr", b"base")):
            continue
        start, end = _object_around(text, span, sign)
        fields = text[start:end]
        listed = text[max(0, start - 40) : start]
        if not (_STRONG.search(fields) or _STRONG.search(name) or _LIST.search(listed)):
            continue
        if b"local" not in name and _FAR.search(fields):
            continue  # what the far side told: none of the client's
        port = _PORT.search(fields)
        yield Fields(
            address=span,
            others=tuple(
                one
                for one in spans[bisect_left(spans, (start, 0)) : bisect_left(spans, (end, 0))]
                if one != span
            ),
            type=_type_of(fields, alone=bool(sign)),
            port=int(port[1]) if port else 0,
        )


def _named(text: bytes) -> Iterator[tuple[Span, bytes, bytes]]:
    """Each address that has the name of one in front: where, the name, and the sign between."""
    done = 0
    for end, family in address_ends(text):
        if end <= done:
            continue
        for start, stop in _spans(text, done, end, family):
            name = _NAME.search(text, max(0, start - _LONGEST_NAME), start)
            if name is not None:
                done = stop
                yield (start, stop), name[1].lower(), name[2] or name[3] or b""
                break


def _spans(text: bytes, floor: int, end: int, family: int) -> Iterator[Span]:
    """Where the address may stand of which `end` is told: most likely first.

    What stands around it in a binary map may look like a part of it. Nearly all formats write a
    string's length in front of it, CBOR and MessagePack in one byte with what it is.
    """
    letters = _LETTERS[family]
    stop = end if text[end - 1] in letters else end - 1
    if family == LOCAL_NAME and text[stop - 6 : stop].lower() != b".local":
        return  # told once more, with the letter behind it
    first = stop
    while first > max(floor, stop - 256) and text[first - 1] in letters:
        first -= 1
    for start in range(first, stop if family == LOCAL_NAME else first + 1):
        before = text[start - 1] if start else 0
        for length in (before - 0x60, before - 0xA0, before if before < 0x20 else 0):
            # A name ends where it does; what follows an IP address may be a digit of it.
            is_told = start + length == stop or (family != LOCAL_NAME and length < stop - start)
            if length > 1 and is_told and _is_address(text[start : start + length], letters):
                yield start, start + length
    for cut in range(5 if family == IPV6 else 1):
        for start in (first, text.find(b":", first, stop) + 1 or first):
            if _is_address(text[start : stop - cut], letters):
                yield start, stop - cut


def _is_address(text: bytes, letters: bytes) -> bool:
    known = addresses.scope(text.decode("latin-1")) not in ("name", "unknown")
    return known and not text.translate(None, letters)


def _object_around(text: bytes, span: Span, sign: bytes) -> Span:
    """The object, element or stretch of a binary map that holds the address at `span`."""
    start, end = span
    first, last = max(0, start - _FARTHEST), min(len(text), end + _FARTHEST)
    if sign == b"=":
        opened, closed = text.rfind(b"<", first, start), text.find(b">", end, last)
        return max(first, opened), closed + 1 if closed >= 0 else last
    if sign == b":":
        return left_brace(text, first, start), _right_brace(text, end, last)
    return max(0, start - _NEAR), min(len(text), end + _NEAR)


def left_brace(text: bytes, first: int, at: int) -> int:
    """Where the object begins that `at` is in, but not before `first`."""
    depth = 0
    while at > first:
        at = max(text.rfind(b"{", first, at), text.rfind(b"}", first, at))
        if at < 0:
            return first
        depth += 1 if text[at] == 0x7D else -1
        if depth < 0:
            return at
    return first


def _right_brace(text: bytes, at: int, last: int) -> int:
    depth = 0
    while at < last:
        ends = [end for end in (text.find(b"{", at, last), text.find(b"}", at, last)) if end >= 0]
        if not ends:
            return last
        at = min(ends) + 1
        depth += 1 if text[at - 1] == 0x7B else -1
        if depth < 0:
            return at
    return last


def _type_of(fields: bytes, *, alone: bool) -> str:
    """The candidate's type; where several are told, as near other ones in a binary map, the one
    that is no relay's."""
    told = [(found[1].lower(), found[2].decode().lower()) for found in _TYPE.finditer(fields)]
    told = [one for one in told if one != (b"type", "local")]  # of `"type":"local-candidate"`
    by_name = [kind for name, kind in told if name != b"type"] if alone else []
    by_name = by_name or [kind for _, kind in told]
    kinds = [_TYPES.get(kind, kind) for kind in by_name]
    return next((kind for kind in kinds if kind != "relay"), kinds[0] if kinds else "unknown")

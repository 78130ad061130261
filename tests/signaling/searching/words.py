"""The addresses and `.local` names that stand in a node's bytes as they are."""

import ipaddress
import re
from collections.abc import Iterator

_RUN = re.compile(rb"[0-9A-Fa-f:.]{3,}")
_QUAD = re.compile(rb"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[0-9])")
_LOCAL_NAME = re.compile(rb"(?<![0-9A-Za-z-])[0-9A-Za-z-]+\.local\b", re.IGNORECASE)
_SOME_NAME = re.compile(rb"[0-9A-Za-z-]+\.local", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
_LONGEST = 60  # an address has 45 characters at most; the rest is what may be glued to it
_LONGEST_NAME = 260
_LETTER = re.compile(rb"[0-9A-Za-z_]")


def canonical(word: str) -> str | None:
    """One spelling for an address; None for a word that is none. A sentence's full stop is not
    part of it, nor is a colon that ends or begins a key. IPv4 in IPv6 is that IPv4 address."""
    word = word.split("%")[0]
    for trimmed in (word, word.rstrip(".:"), word.lstrip(".:"), word.strip(".:")):
        if not 2 <= len(trimmed) <= _LONGEST:
            continue
        try:
            address = ipaddress.ip_address(trimmed)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return str(mapped or address)
    return None


def standing_in(node: bytes) -> Iterator[str]:
    """Every address and name that is written in `node` in the clear."""
    binary = _BINARY.search(node) is not None
    if b"." in node:
        for quad in _QUAD.finditer(node):
            parts = [int(part) for part in quad[0].split(b".")]
            if max(parts) < 256:  # zeros before a digit are decimal to those who read them at all
                yield ".".join(map(str, parts))
        for name in _LOCAL_NAME.finditer(node):
            yield name[0][-_LONGEST_NAME:].decode().lower()
    for run in _RUN.finditer(node):
        word = run[0]
        if word.count(b":") < 2 and word.count(b".") < 3:
            continue
        yield from _in_run(node, run, binary)
    if binary and b".local" in node.lower():
        for name in _SOME_NAME.finditer(node):
            yield from _counted_names(node, *name.span())


def _in_run(node: bytes, run: re.Match[bytes], binary: bool) -> Iterator[str]:
    begin, end = run.span()
    whole = _read(run[0])
    if whole:
        yield whole
    if begin and run[0][:1] in b"abcdefABCDEF" and _LETTER.match(node[begin - 1 : begin]):
        # The end of a word and its colon, as in `candidate:2001:db8::5`.
        word = run[0].lstrip(b"abcdefABCDEF")
        yield from filter(None, [_read(word)])
    if not binary:
        return
    if not whole and end - begin <= _LONGEST + 2:
        # A tag or a length of a binary format may look like a digit, a dot or a colon.
        trimmed = (run[0][1:], run[0][:-1], run[0][1:-1])
        yield from filter(None, map(_read, trimmed))
    # An address whose length stands right before it is read by that length.
    for first in range(max(begin, 1), min(end, begin + 3)):
        for length in lengths(node[first - 1]):
            if first + length <= end:
                yield from filter(None, [_read(node[first : first + length])])


def _counted_names(node: bytes, begin: int, end: int) -> Iterator[str]:
    for first in range(max(begin, 1), min(end, begin + 3)):
        for length in lengths(node[first - 1]):
            word = node[first : first + length]
            if first + length <= end and word.lower().endswith(b".local"):
                yield word.decode().lower()


def lengths(byte: int) -> Iterator[int]:
    """What a byte before a string may say of its length: as it is (protobuf, str8, u16 and u32 of
    high byte first), in msgpack's fixstr, in CBOR's short text."""
    if byte >= 2:
        yield byte
    if 0xA2 <= byte <= 0xBF:
        yield byte & 0x1F
    if 0x62 <= byte <= 0x77:
        yield byte & 0x1F


def _read(word: bytes) -> str | None:
    if word.count(b":") < 2 and word.count(b".") < 3:
        return None
    return canonical(word.decode("ascii", "replace"))

"""The encodings of text within text: JSON, percent, character references, base64, hex, UTF-16.

Nodes are bytes. JSON is read from them as Latin-1: its grammar is ASCII, so every byte outside
ASCII comes through as it was, and a string that holds bytes as characters gives these bytes.
"""

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

_VALUE_BEGINS = re.compile(r'[\[{"]')
# Duplicate keys stay: the last one is not the only one that a reader may take.
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=list, parse_int=str, parse_float=str)
_WIDE = re.compile(r"[^\x00-\xff]+")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.S)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{4,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]+)*")
_HEX = re.compile(rb"[0-9A-Fa-f]{6,}(?:\r?\n[0-9A-Fa-f]+)*")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64 = b"\r\n \t"
_LE = re.compile(rb"(?:[^\x00]\x00){3,}")
_BE = re.compile(rb"(?:\x00[^\x00]){3,}")
_DATA_LINES = re.compile(rb"^data:[ ]?(.*?)\r?$", re.MULTILINE)
_FAILED_SHARE = 4  # how often each character may be read in vain, together


def inner(node: bytes) -> Iterator[bytes]:
    """All that text may hide, one level down."""
    yield from _json(node)
    if b"%" in node and _PERCENT.search(node):
        clear = unquote_to_bytes(node)
        yield clear
        if b"+" in node:
            yield unquote_to_bytes(node.replace(b"+", b" "))
    if b"&" in node:
        text = html.unescape(node.decode("latin-1"))
        yield _as_bytes(text)
    yield from _base64(node)
    yield from _hex(node)
    yield from _wide(node)
    if node.count(b"data:") > 1:
        yield b"\n".join(_DATA_LINES.findall(node))


def _json(node: bytes) -> Iterator[bytes]:
    """Every string of every JSON value that begins anywhere, whole or cut off."""
    text = node.decode("latin-1")
    position, in_vain, gaps = 0, 0, []
    while (begin := _VALUE_BEGINS.search(text, position)) is not None:
        gap_from = position
        try:
            value, position = _DECODER.raw_decode(text, begin.start())
        except (ValueError, RecursionError) as error:
            in_vain += getattr(error, "pos", begin.end() + 2000) - begin.start() + 16
            if in_vain > _FAILED_SHARE * len(text) + 65536:
                gaps.append(text[gap_from:])
                break
            position = begin.end()
            gaps.append(text[gap_from:position])
            continue
        gaps.append(text[gap_from : begin.start()])
        yield from map(_as_bytes, _strings(value))
    else:
        gaps.append(text[position:])
    if "\\" in (outside := "".join(gaps)):
        # A string cut off at its begin or end, or one in other quotes: the escapes still say it.
        yield _as_bytes(_ESCAPE.sub(_unescaped, text))
        if outside is not text:
            yield _as_bytes(_ESCAPE.sub(_unescaped, outside))
        if text.startswith("\\"):
            yield _as_bytes(_ESCAPE.sub(_unescaped, text[1:]))


def _unescaped(escape: re.Match[str]) -> str:
    braced, code, byte, plain = escape.groups()
    if plain is not None:
        return _SHORT.get(plain, plain)
    value = int(braced or code or byte, 16)
    return chr(value) if value < 0x110000 else "\ufffd"


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def _as_bytes(text: str) -> bytes:
    if _WIDE.search(text):
        text = _WIDE.sub(
            lambda wide: wide[0].encode("utf-8", "surrogatepass").decode("latin-1"), text
        )
    return text.encode("latin-1")


def _base64(node: bytes) -> Iterator[bytes]:
    """At every alignment: a run may begin before what was encoded, or be joined of several."""
    for found in _BASE64.finditer(node):
        run = found[0]
        if len(run) < 8:
            continue
        run = run.translate(_URL_SAFE, _NOT_BASE64)
        for first in range(4):
            rest = run[first:]
            rest = rest[:-1] if len(rest) % 4 == 1 else rest
            if len(rest) >= 6:
                yield base64.b64decode(rest + b"=" * (-len(rest) % 4))


def _hex(node: bytes) -> Iterator[bytes]:
    for found in _HEX.finditer(node):
        run = found[0].translate(None, b"\r\n")
        for first in range(2):
            rest = run[first:]
            yield bytes.fromhex(rest[: len(rest) // 2 * 2].decode())


def _wide(node: bytes) -> Iterator[bytes]:
    """UTF-16 of either order, with a BOM or without, the whole or a part."""
    if node.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield node.decode("utf-16", "replace").encode("utf-8", "replace")
    zeros = node.count(0)
    if zeros >= 3:
        if zeros * 4 >= len(node):
            for order in ("utf-16-le", "utf-16-be"):
                yield node.decode(order, "replace").encode("utf-8", "replace")
        for runs in (_LE, _BE):
            for run in runs.findall(node):
                yield run.replace(b"\0", b"")
    if not node.isascii():
        # Bytes as characters as UTF-8, as scripts send "binary strings".
        try:
            yield node.decode().encode("latin-1")
        except UnicodeError:
            return

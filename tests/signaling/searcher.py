"""Finds every address in a message, in its own way: it shares nothing with the rewriter.

Where the rewriter opens the strings around points of interest, this reads JSON as JSON wherever a
value may begin, at any nesting, and looks at every word of every text that comes out.
"""

import ipaddress
import json
import re
from collections.abc import Iterator
from typing import Any

_VALUE_BEGINS = re.compile(r'[\[{"]')
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,}")
_LOCAL_NAME = re.compile(r"(?<![0-9A-Za-z-])[0-9A-Za-z-]+\.local\b", re.IGNORECASE)
# Duplicate keys stay: the last one is not the only one that a reader may take.
_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=list)


def addresses(content: bytes) -> set[str]:
    """Every IP address, in one spelling each, and every `.local` name, at any depth."""
    found: set[str] = set()
    for text in texts(content.decode("utf-8", "surrogateescape")):
        for line in text.splitlines():
            found.update(name.lower() for name in _LOCAL_NAME.findall(line))
            found.update(filter(None, map(canonical, _ADDRESS.findall(line))))
    return found


def canonical(word: str) -> str | None:
    """One spelling for an address; None for a word that is none. A sentence's full stop is not
    part of it, nor is a colon that ends or begins a key."""
    for trimmed in (word, word.rstrip(".:"), word.lstrip(".:"), word.strip(".:")):
        try:
            return str(ipaddress.ip_address(trimmed))
        except ValueError:
            continue
    return None


def texts(text: str) -> Iterator[str]:
    """The text, and every string of every JSON value in it, and of those in these."""
    yield text
    position = 0
    while (begin := _VALUE_BEGINS.search(text, position)) is not None:
        try:
            value, position = _DECODER.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            position = begin.end()
            continue
        for inner in _strings(value):
            yield from texts(inner)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)

"""Finds every address in a message, in its own way: it shares nothing with the rewriter.

Where the rewriter opens what stands around points of interest, this decodes the whole with a parser
for each encoding, everything that comes out of it in every other way again, and looks at every word
of every node. It has bounds on depth and work, so that it ends on any input; what lies behind them
is not found, and no test may rest on it.
"""

import re
from collections import deque
from collections.abc import Iterator

from .searching import binary, text, words
from .searching.words import canonical

__all__ = ["addresses", "canonical", "nodes"]

_DEEPEST = 12
_MOST_NODES = 4000
_LEAST_WORK = 4 << 20  # bytes, and as many times the message's own size as said below
_WORK = 8
_SHORTEST_STREAM = 10  # of what may be compressed
# What hides an address, or is one, has so much to read. Noise often has four characters in a row.
_LEGIBLE = re.compile(rb"[\x20-\x7e\r\n\t]{6}|(?:[\x20-\x7e]\x00){5}|(?:\x00[\x20-\x7e]){5}")


def addresses(content: bytes) -> set[str]:
    """Every IP address, in one spelling each, and every `.local` name, at any depth."""
    found: set[str] = set()
    for node in nodes(content):
        found.update(words.standing_in(node))
    return found


def nodes(content: bytes) -> Iterator[bytes]:
    """The message and everything that any decoder makes of it or of another node, each once."""
    work = max(_LEAST_WORK, _WORK * len(content))
    seen = {content}
    waiting = deque([(content, 0)])
    while waiting:
        node, depth = waiting.popleft()
        yield node
        if depth == _DEEPEST:
            continue
        for made in _inner(node, depth):
            if made in seen or not (_legible(made) or len(made) >= _SHORTEST_STREAM):
                continue
            work -= len(made)
            if len(seen) >= _MOST_NODES or work < 0:
                return
            seen.add(made)
            waiting.append((made, depth + 1))


def _inner(node: bytes, depth: int) -> Iterator[bytes]:
    if not binary.is_text(node):
        for made, certain in binary.inflated(node, thorough=depth == 0):
            if certain or _legible(made):
                yield made
    if _legible(node):
        yield from text.inner(node)
        yield from binary.strings(node)


def _legible(node: bytes) -> bool:
    return _LEGIBLE.search(node) is not None or (3 <= len(node) < 6 and binary.is_text(node))

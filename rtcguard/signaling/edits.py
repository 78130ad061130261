"""What is written over what must not pass: always ASCII, always of equal length.

Tombstones and inert candidates are made for a number of *raw* bytes. They have no character that
any view would escape, so they may be written through all of them as they are.
"""

import re
from bisect import bisect_right
from functools import lru_cache

from rtcguard.ice import candidate as candidates

_PREFIX = re.compile(r"\s*(?:a=)?(?:candidate:)?", re.IGNORECASE)


class Overlap(Exception):
    """Two readings of the same bytes that cannot both be served: the message must not pass."""


class Edits:
    """The edits of one message: spans of its bytes, none overlapping, each with its replacement."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._texts: list[bytes] = []
        self._end = 0  # of the last one

    def add(self, start: int, text: bytes) -> None:
        """`text` goes over as many bytes from `start` on; within an earlier edit it is not needed.

        Raises Overlap where it overlaps another in part.
        """
        end = start + len(text)
        if start >= self._end:  # most come in order
            self._starts.append(start)
            self._texts.append(text)
            self._end = end
            return
        index = bisect_right(self._starts, start)
        if index:
            before = self._starts[index - 1] + len(self._texts[index - 1])
            if end <= before:
                return
            if start < before:
                raise Overlap(f"an edit at {start} overlaps the one before it")
        if index < len(self._starts) and self._starts[index] < end:
            raise Overlap(f"an edit at {start} overlaps the one after it")
        self._starts.insert(index, start)
        self._texts.insert(index, text)

    def covers(self, start: int) -> bool:
        """Whether an edit goes over the byte at `start`."""
        if start >= self._end:
            return False
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and start < self._starts[index] + len(self._texts[index])

    def apply(self, content: bytes) -> bytes:
        """The content with every edit made."""
        pieces: list[bytes] = []
        position = 0
        for start, text in zip(self._starts, self._texts, strict=True):
            pieces += content[position:start], text
            position = start + len(text)
        pieces.append(content[position:])
        return b"".join(pieces)

    def spans(self) -> list[tuple[int, int]]:
        """Where the edits go, in order."""
        return [(a, a + len(t)) for a, t in zip(self._starts, self._texts, strict=True)]

    def __len__(self) -> int:
        return len(self._starts)


@lru_cache(maxsize=1024)
def tombstone(kind: str, length: int) -> bytes:
    """An SDP line that no parser knows and that tells a reader what stood there.

    Unknown attributes are ignored (RFC 8866 section 5.13); the form `a=x-rtcguard:host 0000` was
    accepted by Chromium and Firefox.
    """
    return f"a=x-rtcguard:{kind} ".encode().ljust(length, b"0")[:length]


def candidate_prefix(text: str) -> str:
    """What stands in front of a candidate's value: `a=candidate:`, `candidate:` or nothing."""
    found = _PREFIX.match(text)
    return found.group() if found else ""


def inert(prefix: str, length: int) -> bytes | None:
    """A candidate that reaches nobody, `length` bytes long, None where that is too short for one.

    `prefix` is what its client writes in front: `a=candidate:`, `candidate:` or nothing."""
    made = candidates.inert_of_length(length - len(prefix) + len("candidate:"))
    return None if made is None else (prefix + made.removeprefix("candidate:")).encode()


def port(length: int) -> bytes | None:
    """A port of so many digits, as small as can be: 9 is discard's; None beyond five."""
    if length > 5:
        return None
    return b"9".ljust(length, b"0") if length < 5 else b"1".ljust(length, b"0")

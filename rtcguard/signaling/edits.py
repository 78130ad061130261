"""What is written over what must not pass: always ASCII, always of equal length.

Tombstones and inert candidates are made for a number of *raw* bytes. They have no character that
any view would escape, so they may be written through all of them as they are.
"""

from bisect import bisect_right

from rtcguard.ice import candidate as candidates


class Edits:
    """The edits of one message: spans of its bytes, none overlapping, each with its replacement."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._texts: list[bytes] = []

    def add(self, start: int, text: bytes) -> None:
        """`text` goes over as many bytes from `start` on; within an earlier edit it is not needed.

        Raises ValueError where it overlaps another in part: a defect of the caller.
        """
        index = bisect_right(self._starts, start)
        end = start + len(text)
        if index:
            before = self._starts[index - 1] + len(self._texts[index - 1])
            if end <= before:
                return
            if start < before:
                raise ValueError(f"an edit at {start} overlaps the one before it")
        if index < len(self._starts) and self._starts[index] < end:
            raise ValueError(f"an edit at {start} overlaps the one after it")
        self._starts.insert(index, start)
        self._texts.insert(index, text)

    def covers(self, start: int) -> bool:
        """Whether an edit goes over the byte at `start`."""
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

    def __len__(self) -> int:
        return len(self._starts)


def tombstone(kind: str, length: int) -> bytes:
    """An SDP line that no parser knows and that tells a reader what stood there.

    Unknown attributes are ignored (RFC 8866 section 5.13); the form `a=x-rtcguard:host 0000` was
    accepted by Chromium and Firefox.
    """
    return f"a=x-rtcguard:{kind} ".encode().ljust(length, b"0")[:length]


def inert(prefix: str, length: int) -> bytes | None:
    """A candidate that reaches nobody, `length` bytes long, None where that is too short for one.

    `prefix` is what its client writes in front: `a=candidate:`, `candidate:` or nothing."""
    made = candidates.inert_of_length(length - len(prefix) + len("candidate:"))
    return None if made is None else (prefix + made.removeprefix("candidate:")).encode()


def port_like(length: int) -> bytes:
    """The discard port 9 in as many digits as stood there: a port keeps its length too."""
    return b"9".ljust(length, b"0") if length < 5 else b"1".ljust(length, b"0")

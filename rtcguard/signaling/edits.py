"""What is written over what must not pass: always ASCII, always of equal length.

Every text here is made for a number of *raw* bytes. It has no character that any view would escape,
so it may be written through all of them as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rtcguard.ice import candidate as candidates


@dataclass(frozen=True, slots=True)
class Edit:
    """`replacement` goes over as many bytes of the message, from `start` on."""

    start: int
    replacement: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.replacement)


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


def apply(content: bytes, edits: Iterable[Edit]) -> bytes:
    """The content with every edit made; ValueError for edits that overlap: the caller's defect."""
    pieces: list[bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        if edit.start < position or edit.end > len(content):
            raise ValueError(f"an edit at {edit.start} overlaps another or leaves the message")
        pieces += content[position : edit.start], edit.replacement
        position = edit.end
    pieces.append(content[position:])
    return b"".join(pieces)

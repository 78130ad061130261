"""What is written over each kind of finding, for as many bytes as a view has there."""

from rtcguard.ice import address as addresses
from rtcguard.signaling import edits
from rtcguard.signaling.views import Make


def tombstone(kind: str) -> Make:
    """Of a candidate's line."""
    return lambda length: edits.tombstone(kind, length)


def inert(written: bytes) -> Make:
    """Of a candidate that is a text of its own, with the prefix that it has."""
    prefix = edits.candidate_prefix(written.decode("latin-1"))

    def made(length: int) -> bytes:
        inert = edits.inert(prefix, length)
        # Too short for an inert candidate: zeros are no candidate to any parser.
        return b"0" * length if inert is None else inert

    return made


def unroutable(text: str) -> Make:
    """Of an address."""

    def made(length: int) -> bytes | None:
        address = addresses.unroutable_of_length(text, length)
        return None if address is None else address.encode()

    return made


def nowhere(length: int) -> bytes | None:
    """A name that nobody has, whatever stood there: it fails at once, where a client sends to an
    address that nobody has for half a minute."""
    if length < 7:
        return b"0" * length
    like = "name.invalid" if length > 8 else "0.0.0.0"
    name = addresses.unroutable_of_length(like, length)
    return None if name is None else name.encode()

"""Which recordings can be read: told by how a file begins, never by its name. One row each."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.policy.record import Record
from rtcguard.recordings import flows, har, internals, packets, pcap, pcapng, text
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.source import Source

Reader = Callable[[Source, Scene], Iterator[Record]]

_TELLING: Final = 1 << 16  # bytes of the beginning that are looked at
_JSON: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
# What stands in front of the rest in a HAR (log.version, log.creator) and in a dump of
# chrome://webrtc-internals, whose keys stand in any order.
_HAR: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"log"\s*:')
_INTERNALS: Final = re.compile(rb'"(?:PeerConnections|getUserMedia|UserAgentData)"\s*:')
_FLOWS: Final = re.compile(rb"[0-9]{1,12}:[0-9]{1,4}:[a-z_]{1,40};")
# No text has these; UTF-16 is not read.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _is_text(head: bytes) -> bool:
    return not _CONTROL.search(head)


# What it is called, how it is told, what reads it. The first that fits.
FORMATS: Final[tuple[tuple[str, Callable[[bytes], object], Reader], ...]] = (
    ("pcap", lambda head: head[:4] in pcap.MAGICS, packets.read_pcap),
    ("pcapng", lambda head: head[:4] == pcapng.SECTION, packets.read_pcapng),
    ("mitmproxy", _FLOWS.match, flows.read),
    ("HAR", _HAR.match, har.read),
    ("webrtc-internals", lambda h: _JSON.match(h) and _INTERNALS.search(h), internals.read),
    ("text", _is_text, text.read),
)


def detect(source: Source) -> tuple[str, Reader]:
    """The format's name and its reader. Raises ParseError where it is none, or empty."""
    head = source.peek(_TELLING)
    if not head:
        source.read(1)  # says so if it is cut off
        raise ParseError("it is empty")
    for name, fits, reader in FORMATS:
        if fits(head):
            return name, reader
    raise ParseError(
        "it is none of: pcap, pcapng, HAR, mitmproxy flows, webrtc-internals, SDP or a text log"
    )

"""Which HTTP bodies are judged, and how: decided from the head alone, before any body is read.

Judged is what can be signaling by its type, its size and who asked for it: bodies of fetch and XHR,
never scripts, styles, media, or documents shown to a person (those get the page guard). What cannot
be signaling is streamed on and never held.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

LIMIT: Final = 1 << 20  # bytes; no signaling message is larger
SMALL: Final = 16 << 10  # bytes, which are there at once


class Plan(Enum):
    PASS = "streamed on, untouched"
    SMALL = "goes on untouched; so small that streaming it would only cost time"
    JUDGE = "held whole, then judged"
    GATE = "length unknown: held up to LIMIT, judged if it ends before that"
    LINES = "an endless body of lines: judged line by line"
    BLOCK = "must be judged and is too large"


_SDP: Final = ("application/sdp", "application/trickle-ice-sdpfrag")
_LINES: Final = ("text/event-stream", "application/x-ndjson", "application/json-seq")
_TEXT: Final = (
    "",  # sendBeacon and many small servers give no type
    "text/plain",
    "text/json",
    "text/xml",
    "plain/text",
    "application/json",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/mixed",
)
# Values of Sec-Fetch-Dest (W3C Fetch Metadata) whose responses a page's script reads.
_READ_BY_SCRIPT: Final = ("empty", "")


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a request or response says about its body."""

    content_type: str = ""
    length: int | None = None  # None: not known before it ends

    @property
    def media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_description(self) -> bool:
        """Whether it can be nothing but SDP."""
        return self.media_type in _SDP

    @property
    def is_text(self) -> bool:
        """Whether signaling usually comes as this type; others are judged only where small."""
        kind = self.media_type
        known = kind in _TEXT or kind in _LINES or self.is_description
        return known or kind.endswith(("+json", "+xml"))


def request_plan(head: Head) -> Plan:
    """A page chooses the type that it gives its body: small ones are judged whatever they say."""
    if head.length is not None and head.length <= LIMIT:
        return Plan.JUDGE
    return _plan(head)


def response_plan(head: Head, destination: str) -> Plan:
    """`destination` is the request's Sec-Fetch-Dest, empty where it had none."""
    if destination not in _READ_BY_SCRIPT or not head.is_text:
        return unread_plan(head)
    if head.length is not None and head.length <= LIMIT and head.media_type not in _LINES:
        return Plan.JUDGE
    return _plan(head)


def unread_plan(head: Head) -> Plan:
    """The plan for a body that nobody needs to look at."""
    return Plan.SMALL if head.length is not None and head.length <= SMALL else Plan.PASS


def _plan(head: Head) -> Plan:
    """The plan for a body that is large, or whose length is not known."""
    if head.media_type in _LINES:
        return Plan.LINES
    if head.length is not None:
        return Plan.BLOCK if head.is_description else Plan.PASS
    return Plan.GATE if head.is_text else Plan.PASS

"""Bare SDP, candidate logs, and any other text that has candidates in it.

Ring 2 finds candidates in whatever text; so it is given the text in pieces, cut where a description
or at least a line begins. What a line says was set or received as the far side's is inbound.
"""

import re
from collections.abc import Iterator
from typing import Final

from rtcguard.policy.record import Record
from rtcguard.recordings.exchange import judged
from rtcguard.recordings.scene import Scene
from rtcguard.recordings.source import Source
from rtcguard.signaling import Message
from rtcguard.signaling.message import Direction

_PIECE: Final = 1 << 16
_LONGEST: Final = 1 << 20  # of a line; a longer one is cut
_DESCRIPTION: Final = re.compile(rb"^v=0\s*$", re.MULTILINE)
# Words of the W3C's API and of logs that speak of one side or the other; and where SDP begins.
_MARKS: Final = re.compile(
    rb"(?P<remote>remote|addIceCandidate)|(?<!\.)local(?!host)|icecandidate\b|(?P<begins>^v=0\s*$)",
    re.IGNORECASE | re.MULTILINE,
)


def read(source: Source, scene: Scene) -> Iterator[Record]:
    """What is in a text. It has no times of its own that could be read."""
    is_remote, rest = False, b""
    while piece := source.read(_PIECE):
        rest += piece
        cut = _cut(rest) if len(piece) == _PIECE else len(rest)
        if not cut:
            if len(rest) < _LONGEST:
                continue
            cut = len(rest)
        whole, rest = rest[:cut], rest[cut:]
        for direction, part in _parts(whole, is_remote):
            is_remote = direction == "inbound"
            yield from judged(scene, Message(part, direction, client=scene.only_client), 0.0)
    if rest:
        for direction, part in _parts(rest, is_remote):
            yield from judged(scene, Message(part, direction, client=scene.only_client), 0.0)


def _cut(text: bytes) -> int:
    """Where the last description begins in it, or the last line; 0: nowhere."""
    starts = [found.start() for found in _DESCRIPTION.finditer(text)]
    if starts and starts[-1] > 0:
        return starts[-1]
    return text.rfind(b"\n") + 1


def _parts(text: bytes, is_remote: bool) -> Iterator[tuple[Direction, bytes]]:
    """The text in stretches of one direction, each description by itself: a line that names a side
    speaks for those behind it, up to the next that does."""
    start = end = 0
    for found in _MARKS.finditer(text):
        if found.start() < end:
            continue  # the first on a line counts
        at = text.rfind(b"\n", 0, found.start()) + 1
        end = text.find(b"\n", at) + 1 or len(text)
        if text.startswith((b"a=", b"m="), at):
            continue
        named = is_remote if found["begins"] else found["remote"] is not None
        if at > start and (named != is_remote or found["begins"]):
            yield ("inbound" if is_remote else "outbound"), text[start:at]
            start = at
        is_remote = named
    if start < len(text):
        yield ("inbound" if is_remote else "outbound"), text[start:]

"""What chrome://webrtc-internals saves: each connection of a page with what was set and found.

{"PeerConnections": {"<process>-<number>": {"url": …, "rtcConfiguration": …,
    "updateLog": [{"timestamp": 1795701187765.8, "type": "setLocalDescription", "value": …}]}}}

Older versions wrote the time as text, and `type: offer, sdp: …` where newer ones write JSON.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from rtcguard.policy.record import Record
from rtcguard.recordings.exchange import judged
from rtcguard.recordings.har import moment
from rtcguard.recordings.json_events import events
from rtcguard.recordings.scene import Scene, seconds
from rtcguard.recordings.source import Source
from rtcguard.signaling import Message
from rtcguard.signaling.message import Direction

_CONNECTION: Final = re.compile(r"PeerConnections\.[^.]{1,200}")
_REMOTE: Final = ("setRemoteDescription", "addIceCandidate")
_LOCAL: Final = ("setLocalDescription", "icecandidate", "onicecandidate", "createOfferOnSuccess")
_MOST_HELD: Final = 1 << 24  # bytes of what stands before the page's address
_OWN: Final = ("rtcConfiguration", "constraints")


def read(source: Source, scene: Scene) -> Iterator[Record]:
    """What each page told and was told; its list of ICE servers is what it asked for."""
    site, held = "", list[tuple[str, str, float]]()
    update: dict[str, Any] = {}
    size = 0
    for path, event, value in events(source):
        found = _CONNECTION.match(path)
        if found is None:
            continue
        key = path[found.end() + 1 :]
        if not key:
            if event == "end_map":
                yield from _told(held, site, scene)
            site, held, size = "", [], 0
        elif key == "url":
            try:
                site = (urlsplit(str(value)).hostname or "").rstrip(".")
            except ValueError:
                site = ""
        elif key in _OWN:
            held.append((key, str(value), 0.0))
        elif key == "updateLog.item":
            if event == "end_map":
                kind, text = str(update.get("type")), str(update.get("value", ""))
                if kind in _REMOTE or kind in _LOCAL:
                    held.append((kind, text, _time(update)))
                    size += len(text)
            update = {}
            if size > _MOST_HELD:
                yield from _told(held, site, scene)
                held, size = [], 0
        elif key.startswith("updateLog.item."):
            update[key.removeprefix("updateLog.item.")] = value


def _time(update: dict[str, Any]) -> float:
    stamp = update.get("timestamp")
    return seconds(stamp, 1e-3) or moment(update.get("time"))


def _told(held: list[tuple[str, str, float]], site: str, scene: Scene) -> Iterator[Record]:
    began = next((at for _, _, at in held if at), 0.0)  # of what has no time of its own
    for kind, text, at in held:
        # Lists of servers come to a client; so ring 2 looks for them inbound.
        inbound = kind in _REMOTE or kind in _OWN
        direction: Direction = "inbound" if inbound else "outbound"
        content = text.encode("utf-8", "surrogatepass")
        yield from judged(scene, Message(content, direction, site, scene.only_client), at or began)

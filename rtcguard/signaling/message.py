"""What ring 2 is given and what it gives back."""

from dataclasses import dataclass
from typing import Literal

from rtcguard.ice.server import RtcIceServer
from rtcguard.policy.record import Record
from rtcguard.policy.rule import Confirmed

Direction = Literal["outbound", "inbound"]


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP body, WebSocket message or URL, decoded from any content encoding.

    `site` is the host name of the page that speaks, `destination` the `host:port` that it speaks
    to, `path` where on it, `protocol` what carries it (`http` or `websocket`; empty: not known).
    `user` has signed in at the proxy, `minute` is that of the week (`Subject`). `confirmed`: the
    ring that is known to keep the client's side of this site to relays (`policy/decide.py`).
    `servers` are the approved ones, with credentials for this client: what the site's own lists of
    ICE servers get.
    """

    content: bytes
    direction: Direction
    site: str = ""
    client: str = ""
    destination: str = ""
    path: str = ""
    protocol: str = ""
    user: str = ""
    minute: int = -1
    confirmed: Confirmed = ""
    servers: tuple[RtcIceServer, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The message as it may go on, and what was seen. `blocked` says why it may not, if so; in
    monitor mode, where every message may, `would_block` does."""

    content: bytes
    records: tuple[Record, ...] = ()
    blocked: str = ""
    would_block: str = ""

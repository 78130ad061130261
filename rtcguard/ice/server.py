"""STUN and TURN servers: their URIs, the W3C's RTCIceServer, and time-limited credentials.

URIs: RFC 7064 (stun, stuns) and RFC 7065 (turn, turns). Credentials that end by themselves: the
TURN REST convention (draft-uberti-behave-turn-rest-00), which coturn calls `use-auth-secret`.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TypedDict

from rtcguard.errors import ParseError
from rtcguard.ice.address import host_port

_URI = re.compile(
    r"(?P<scheme>stuns?|turns?):"
    r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.\-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>[A-Za-z]+))?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ServerUri:
    """One `stun:`, `stuns:`, `turn:` or `turns:` URI; `host` without brackets, in lower case."""

    scheme: str
    host: str
    port: int
    transport: str  # udp or tcp

    @property
    def is_turn(self) -> bool:
        return self.scheme.startswith("turn")

    def __str__(self) -> str:
        return f"{self.scheme}:{host_port(self.host, self.port)}" + (
            f"?transport={self.transport}" if self.is_turn else ""
        )


def parse_uri(text: str) -> ServerUri:
    """Reads a server URI; the port and transport that are not given are those of the RFCs."""
    found = _URI.fullmatch(text)
    if found is None:
        raise ParseError(f"{text[:80]!r} is not a stun:, stuns:, turn: or turns: URI")
    scheme = found["scheme"].lower()
    secure = scheme.endswith("s")
    transport = (found["transport"] or ("tcp" if secure else "udp")).lower()
    if transport not in ("udp", "tcp"):
        raise ParseError(f"transport {transport!r} is not udp or tcp")
    port = int(found["port"] or (5349 if secure else 3478))
    if not 0 < port < 65536:
        raise ParseError(f"port {port} is out of range")
    return ServerUri(scheme, found["host"].strip("[]").lower(), port, transport)


class RtcIceServer(TypedDict):
    """The W3C's RTCIceServer dictionary, as a page hands it to RTCPeerConnection."""

    urls: list[str]
    username: str
    credential: str


@dataclass(frozen=True, slots=True)
class IceServer:
    """An approved TURN server. Either a `secret` (credentials are minted) or a fixed user."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""
    secret: bytes = b""
    lifetime: int = 12 * 3600  # seconds that minted credentials hold

    def to_rtc(self, now: int, name: str) -> RtcIceServer:
        """The server for one client; `now` in seconds since 1970."""
        username, credential = self.username, self.credential
        if self.secret:
            username, credential = timed_credentials(self.secret, now + self.lifetime, name)
        return {"urls": list(self.urls), "username": username, "credential": credential}


def timed_credentials(secret: bytes, expiry: int, name: str) -> tuple[str, str]:
    """User name `expiry:name` and its password, base64 of HMAC-SHA1 over the user name."""
    username = f"{expiry}:{name}"
    digest = hmac.new(secret, username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()

"""Who visits the site, and what a request must be like to be answered. Pure.

A browser sends what any page makes it send, so a request's path alone says nothing of who asked:

- Its `Host` has to be a name of ours. A name that somebody else owns may lead to this machine (DNS
  rebinding), and the browser would take what we answer for that somebody's own.
- What another site's page makes a browser send (`Sec-Fetch-Site`, or `Origin` without that) is
  refused, but for a link that is followed, and what is made to be asked from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from rtcguard.ice.address import canonical
from rtcguard.policy.model import HostPort
from rtcguard.web.hand_over import HOST

# Asked by the page of one's own port, to find out whether the browser comes through the proxy.
FOR_OTHERS: Final = ("/probe.svg",)
_LOCAL_NAMES: Final = ("localhost",)
_SAFE: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Visitor:
    """`client` is an address as events have it; empty: nobody knows. `local`: on the machine
    itself. `proxied`: by way of the proxy; `secure`: by https. `token_ok`: has shown the token."""

    client: str
    local: bool
    proxied: bool
    secure: bool = False
    token_ok: bool = False

    @property
    def sees_own(self) -> bool:
        """Whether the ledger's events of this client may be shown."""
        return self.local or self.token_ok

    @property
    def sees_all(self) -> bool:
        """Whether those of every client may, and the configuration's files."""
        return self.local


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: a status, and a sentence for people."""

    status: int
    reason: str


NOT_OURS: Final = Refusal(
    421,
    "This address is not one of rtcguard's. Use http://rtcguard.test/, or the IP address and the "
    "port that `rtcguard run` names.",
)
FROM_ELSEWHERE: Final = Refusal(403, "Another site's page sent this request. Open the page itself.")
NOT_SIGNED: Final = Refusal(403, "Nobody vouches for whose request this is.")


def is_loopback(address: str) -> bool:
    try:
        return ip_address(canonical(address)).is_loopback
    except ValueError:
        return False


def refusal(
    method: str, path: str, headers: Mapping[str, str], own: HostPort, visitor: Visitor
) -> Refusal | None:
    """Why a request is to be refused, if it is. `own` is the address and port that it came to;
    `headers` have names in lower case."""
    host = headers.get("host", "").lower()
    if not visitor.client:
        return NOT_SIGNED
    if not (_is_site(host) if visitor.proxied else _is_own(host, own)):
        return NOT_OURS
    if path in FOR_OTHERS and method in _SAFE:
        return None
    sent_by = headers.get("sec-fetch-site")
    if sent_by is not None and sent_by not in ("same-origin", "none"):
        opened = headers.get("sec-fetch-mode") == "navigate"
        shown = headers.get("sec-fetch-dest", "document") == "document"
        if not (opened and shown and method in _SAFE):
            return FROM_ELSEWHERE
    origin = headers.get("origin")
    if origin is not None and _host_of(origin) != host:
        return FROM_ELSEWHERE
    if method not in _SAFE and origin is None and sent_by is None:
        return FROM_ELSEWHERE  # every browser says one of them
    return None


def _is_site(host: str) -> bool:
    return host.rstrip(".") == HOST or host.partition(":")[0].rstrip(".") == HOST


def _is_own(host: str, own: HostPort) -> bool:
    """An address, or a name that no resolver is asked for: neither can be led elsewhere."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname or "", parts.port or 80
    except ValueError:
        return False
    if port != own[1]:
        return False
    return name in _LOCAL_NAMES or canonical(name) == canonical(own[0])


def _host_of(origin: str) -> str:
    return origin.partition("://")[2].lower()

"""How the proxy hands a request for http://rtcguard.test/ to the site: in a header that says whose
request it is, signed by a key that only the processes of one run have.

The name is under `.test` (RFC 6761): nobody can own it, and without the proxy nothing answers. The
site takes a client's address from nowhere else, and the proxy removes the header from what clients
send.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from rtcguard.network.names import SITE

HOST: Final = SITE
# Paths of the leak test that the proxy treats as it does every other site's pages and messages. All
# others of the site's go on as they are: they tell of addresses.
AS_OTHERS: Final = ("/leaktest/after", "/leaktest/signal")
HEADER: Final = "rtcguard-visitor"
LASTS: Final = 30.0  # seconds; both processes are on one machine, and have one clock
_MOST: Final = 512  # characters


def key_of(key: bytes) -> bytes:
    """What signs hand-overs, of the key that signs the guard's tokens: neither is good for the
    other's purpose."""
    return hmac.digest(key, b"rtcguard hand-over", "sha256")


@dataclass(frozen=True, slots=True)
class Handed:
    """Whose request it is, and whether it came to the proxy by https."""

    client: str
    secure: bool


def sign(key: bytes, handed: Handed, method: str, target: str, now: float) -> str:
    """The header's value: `TIME SCHEME CLIENT SIGNATURE`, with the time in milliseconds. `target`
    is path and query, `/page?a=b`."""
    said = f"{int(now * 1000)} {'https' if handed.secure else 'http'} {handed.client}"
    return f"{said} {_signature(key, said, method, target)}"


def read(key: bytes, value: str, method: str, target: str, now: float) -> Handed | None:
    """Who is vouched for; None: nobody, it is not signed, for another request, or too old."""
    said, _, signature = value.rpartition(" ")
    parts = said.split(" ")
    if len(value) > _MOST or not value.isascii() or len(parts) != 3:
        return None
    if not hmac.compare_digest(signature, _signature(key, said, method, target)):
        return None
    time, scheme, client = parts
    if not client or abs(now - int(time) / 1000) > LASTS:
        return None
    return Handed(client, scheme == "https")


def _signature(key: bytes, said: str, method: str, target: str) -> str:
    whole = f"{said} {method} {target}".encode("utf-8", "surrogateescape")
    return hmac.new(key, whole, hashlib.sha256).hexdigest()

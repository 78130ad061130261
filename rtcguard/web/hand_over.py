"""How the proxy hands a request for http://rtcguard.test/ to the site: in a header that says whose
request it is, signed by a key that only the processes of one run have.

The name is under `.test` (RFC 6761): nobody can own it, and without the proxy nothing answers. The
site takes a client's address from nowhere else, and the proxy removes the header from what clients
send.
"""

import hashlib
import hmac
from typing import Final

HOST: Final = "rtcguard.test"
HEADER: Final = "rtcguard-visitor"
LASTS: Final = 30.0  # seconds; both processes are on one machine, and have one clock
_MOST: Final = 512  # characters


def key_of(key: bytes) -> bytes:
    """What signs hand-overs, of the key that signs the guard's tokens: neither is good for the
    other's purpose."""
    return hmac.digest(key, b"rtcguard hand-over", "sha256")


def sign(key: bytes, client: str, method: str, target: str, now: float) -> str:
    """The header's value: `TIME CLIENT SIGNATURE`, with the time in milliseconds."""
    time = str(int(now * 1000))
    return f"{time} {client} {_signature(key, time, client, method, target)}"


def client_of(key: bytes, value: str, method: str, target: str, now: float) -> str:
    """Whose request it is, or "" where nobody vouches for that: it is not signed, for another
    request, or too old."""
    parts = value.split(" ") if len(value) <= _MOST and value.isascii() else []
    if len(parts) != 3:
        return ""
    time, client, signature = parts
    if not hmac.compare_digest(signature, _signature(key, time, client, method, target)):
        return ""
    return client if abs(now - int(time) / 1000) <= LASTS else ""


def _signature(key: bytes, time: str, client: str, method: str, target: str) -> str:
    said = "\n".join((time, client, method, target)).encode("utf-8", "surrogateescape")
    return hmac.new(key, said, hashlib.sha256).hexdigest()

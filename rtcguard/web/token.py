"""The token that opens one's own events from another machine: `rtcguard web token` prints it.

It is given in a form and kept by the browser as a cookie, which is made of it and does not tell it:
never in an address, which histories and logs keep.
"""

import base64
import hmac
from typing import Final

COOKIE: Final = "rtcguard-token"
_LETTERS: Final = 20  # of base32: 100 bits


def token_of(secret: bytes) -> str:
    """The token of a secret, in groups that can be read out and typed."""
    digest = hmac.digest(secret, b"rtcguard web token", "sha256")
    letters = base64.b32encode(digest).decode().lower()[:_LETTERS]
    return "-".join(letters[at : at + 5] for at in range(0, _LETTERS, 5))


def is_token(token: str, said: str) -> bool:
    """Whether somebody said it; how it is grouped and written does not matter."""
    return hmac.compare_digest(_plain(token), _plain(said))


def cookie_of(token: str) -> str:
    return hmac.new(_plain(token), b"rtcguard cookie", "sha256").hexdigest()


def is_cookie(token: str, shown: str) -> bool:
    return hmac.compare_digest(cookie_of(token).encode(), shown.encode("utf-8", "replace"))


def _plain(token: str) -> bytes:
    return "".join(token.split()).replace("-", "").lower().encode("utf-8", "replace")

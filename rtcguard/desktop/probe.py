"""Who answers where the desktop's traffic is led to."""

import contextlib
from http.client import HTTPConnection, HTTPException
from typing import Final, Literal

from rtcguard.policy.model import HostPort
from rtcguard.web.hand_over import HOST

Answering = Literal["rtcguard", "something else", "nothing"]
_SECONDS: Final = 3.0
_PROXY_AUTHENTICATION: Final = 407


def probe(proxy: HostPort) -> Answering:
    """Asks for rtcguard's own page through the proxy; one that wants a password first is taken for
    rtcguard, too: nobody can ask it more."""
    connection = HTTPConnection(*proxy, timeout=_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError:
            return "nothing"
        try:
            connection.request("GET", f"http://{HOST}/")
            response = connection.getresponse()
            known = response.status == _PROXY_AUTHENTICATION or b"rtcguard" in response.read(4096)
        except (OSError, HTTPException):
            return "something else"
    return "rtcguard" if known else "something else"

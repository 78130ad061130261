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
    """Asks through the proxy for the certificate that rtcguard alone has: another proxy's page
    about a name that it cannot find would name rtcguard, too. One that wants a password first says
    in its challenge whose it is."""
    connection = HTTPConnection(*proxy, timeout=_SECONDS)
    with contextlib.closing(connection):
        try:
            connection.connect()
        except OSError:
            return "nothing"
        try:
            connection.request("GET", f"http://{HOST}/ca.pem")
            response = connection.getresponse()
            if response.status == _PROXY_AUTHENTICATION:
                known = 'realm="rtcguard"' in response.getheader("proxy-authenticate", "")
            else:
                known = response.status == 200 and b"BEGIN CERTIFICATE" in response.read(1024)
        except (OSError, HTTPException):
            return "something else"
    return "rtcguard" if known else "something else"

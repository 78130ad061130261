"""The proxy auto-config file for browsers on machines that `rtcguard proxy` cannot set; pure.

What it answers is the proxy alone: with `DIRECT` behind it, a browser would go around rtcguard as
soon as it does not answer. Only hosts of the loopback go direct, for the proxy's loopback is not
the browser's.
"""

import json
import re
from typing import Final

from rtcguard.ice.address import host_port
from rtcguard.policy.model import HostPort

CONTENT_TYPE: Final = "application/x-ns-proxy-autoconfig"
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]+")
# In the words of 1996 that every engine knows. Chromium gives IPv6 hosts in brackets, Firefox none.
_TEXT: Final = """\
// rtcguard: everything through the proxy, and nothing past it where it does not answer.
function FindProxyForURL(url, host) {{
    var name = host.toLowerCase();
    if (name === "localhost" || /\\.localhost$/.test(name) ||
        /^127\\.\\d+\\.\\d+\\.\\d+$/.test(name) || name === "::1" || name === "[::1]") {{
        return "DIRECT";
    }}
    return {proxy};
}}
"""


def pac(proxy: HostPort) -> str:
    """The file for browsers that reach the proxy at this host and port. Raises ValueError for what
    is no host."""
    if not _HOST.fullmatch(proxy[0]):
        raise ValueError(f"{proxy[0]!r} is no host")
    return _TEXT.format(proxy=json.dumps(f"PROXY {host_port(*proxy)}"))

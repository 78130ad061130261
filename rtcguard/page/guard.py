"""The page guard: `script/` with its settings written in, as the text of one inline script.

captured        what is needed later, taken before the page can change it; the rules of all files
configuration   reports; what becomes of the servers and the policy that a page asks for
constructor     RTCPeerConnection and setConfiguration
documents       those that have no server carry the guard in their source
realms          other windows of the same origin, watched for
doors           all that puts a frame in or gives out a window
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal

import minify

from rtcguard.page.server_rules import ServerRule

Mode = Literal["relay", "block", "observe"]

# One function, read in this order.
_FILES: Final = ("captured", "configuration", "constructor", "documents", "realms", "doors")


@dataclass(frozen=True)
class GuardSettings:
    """What the guard of one document is told.

    `mode`: `relay` makes every connection relay-only, `block` lets none be made, `observe` changes
    nothing and only reports. `servers` are the approved TURN servers as the W3C's RTCIceServer
    dictionaries (`urls`: a list, `username`, `credential`). `rules` (server_rules.py) say what
    happens to servers that the page brings, and where none does, `site_servers` to TURN servers.
    Reports go to `report_path` (absolute, same origin) with `token`, which binds them to a client
    and a site (report.py).
    """

    mode: Mode
    servers: tuple[Mapping[str, object], ...]
    site_servers: Literal["drop", "keep"]
    report_path: str
    token: str
    rules: tuple[ServerRule, ...] = ()


def script(settings: GuardSettings) -> str:
    """The text of one `<script>` element: ASCII, the same for equal settings.

    It holds neither `<!--` nor `</script` (HTML, section 13.1.3.1) nor `]]>` (XML's CDATA), so it
    can stand in an HTML or XML document of any ASCII-compatible encoding and of UTF-16.
    """
    values = {
        "keep": settings.site_servers == "keep",
        "mode": settings.mode,
        "path": settings.report_path,
        "rules": settings.rules,
        "servers": [
            {key: server.get(key, "") for key in ("urls", "username", "credential")}
            for server in settings.servers
        ],
        "token": settings.token,
    }
    text = json.dumps(values, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"try{{({_SOURCE})({text})}}catch(e){{{_FAILED}}}"


def _source() -> str:
    """The files as they are sent: without comments and needless spaces, with short local names."""
    folder = resources.files(__package__).joinpath("script")
    text = "".join(folder.joinpath(f"{name}.js").read_text("ascii") for name in _FILES)
    return str(minify.string("text/javascript", text))


_SOURCE = _source()
# A guard that could not be set up, in a browser that lacks something, leaves no WebRTC behind.
_FAILED = "delete self.RTCPeerConnection;delete self.webkitRTCPeerConnection;throw e"

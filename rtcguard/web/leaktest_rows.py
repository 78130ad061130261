"""The rows of the leak test's table: what is tried, and who could see what comes of it.

`compare.js` fills them in, by the same names.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is the one in compare.js; `seen_by` completes "could be seen by"."""

    name: str
    title: str
    what: str
    seen_by: str


ROWS: Final = (
    Row(
        "lan4",
        "IPv4 address, as host candidate",
        "A page makes a connection without any server and reads what it can be reached at.",
        "the page, its site, the peer",
    ),
    Row(
        "lan6",
        "IPv6 address, as host candidate",
        "The same; such an address is often the machine's alone in the whole world.",
        "the page, its site, the peer",
    ),
    Row(
        "mdns",
        "Name in place of the address (mDNS)",
        "Browsers hide the LAN address from most pages behind a random .local name.",
        "the page, its site; who is on the same LAN can look it up",
    ),
    Row(
        "media",
        "With leave to use the microphone",
        "Whom the microphone was allowed to is told the addresses themselves.",
        "the page, its site, the peer",
    ),
    Row(
        "stun",
        "STUN over UDP",
        "The browser asks a server of the site's choice what its public address is.",
        "the STUN server, the network on the way; the page by its answer",
    ),
    Row(
        "stun-tcp",
        "STUN over TCP",
        "The same over TCP, where a browser does that.",
        "the STUN server, the network on the way; the page by its answer",
    ),
    Row(
        "turn",
        "The site's own TURN server, UDP",
        "A site brings a TURN server of its own, that need not relay anything.",
        "the TURN server, the network on the way",
    ),
    Row(
        "turn-tcp",
        "The site's own TURN server, TCP",
        "The same over TCP, which goes by another way than UDP.",
        "the TURN server, the network on the way",
    ),
    Row(
        "name",
        "The STUN server's name",
        "Looking up a name of the site's choice tells its name server who asks.",
        "the name server, the network on the way",
    ),
    Row(
        "peer",
        "Checks towards the peer",
        "A call begins with packets straight to every address that the far side names.",
        "the peer, whom the page chooses; the network on the way",
    ),
    Row(
        "raddr",
        "Relay candidate's related address",
        "A relay's candidate also names the address that the relay was spoken to from (raddr).",
        "the page, its site, the peer",
    ),
    Row(
        "stats",
        "Statistics (getStats)",
        "The statistics of a connection list its candidates once more.",
        "the page",
    ),
    Row(
        "sdp",
        "Lines of the description (o=, c=, a=rtcp:)",
        "A description has the default address outside of its candidates too.",
        "the page, its site, the peer",
    ),
    Row(
        "errors",
        "Errors (icecandidateerror)",
        "When a server does not answer well, the browser says from which address it asked.",
        "the page",
    ),
    Row(
        "frame",
        "In a frame of the same site",
        "A fresh document has a WebRTC of its own.",
        "the page",
    ),
    Row(
        "srcdoc",
        "In a frame without a server (srcdoc)",
        "So has one that the page writes itself.",
        "the page",
    ),
    Row(
        "blank",
        "In an empty frame (about:blank)",
        "So has an empty one, before anything loads in it.",
        "the page",
    ),
    Row(
        "worker",
        "In a worker",
        "No browser had WebRTC there when this was written.",
        "the page",
    ),
    Row(
        "signaling",
        "In signaling",
        "The descriptions and candidates of the frame on the left are sent as calls send them.",
        "the site's server, the peer",
    ),
)

# How many ways probe.js tries, without the microphone.
WAYS: Final = 12

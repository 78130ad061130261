"""The lab's three coturn servers: the approved TURN, the site's own TURN, and one for STUN only.

A second TURN that the site brings itself is what makes "TURN only" a test: it sees the client's
address, so a guarded client must not talk to it although it would relay just as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.turn import arguments

from .net import APPROVED_TURN, SITE_TURN, STUN_ONLY, Lab, Role
from .process import Process

PORT = 3478
# More ports of the STUN server, so that a capture tells by its port which attempt a packet is from.
ATTEMPT_PORTS = range(30000, 31000)
ATTEMPT_PACKET = f"meta l4proto {{ tcp, udp }} th dport {ATTEMPT_PORTS[0]}-{ATTEMPT_PORTS[-1]} dnat"
ATTEMPTS = f"""
table inet attempts {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    ip daddr {STUN_ONLY.v4} {ATTEMPT_PACKET} ip to {STUN_ONLY.v4}:{PORT}
    ip6 daddr {STUN_ONLY.v6} {ATTEMPT_PACKET} ip6 to [{STUN_ONLY.v6}]:{PORT}
  }}
}}
"""
# Below the range of ephemeral ports, so that a capture tells relayed addresses from all others.
# Many, and not for long, since a browser that is ended gives none back.
RELAY_PORTS = (20000, 29999)
RELAY_SECONDS = 60
REALM = "lab.test"
APPROVED_SECRET = "approved-relay-secret"
SITE_USER = "site-user"
SITE_PASSWORD = "site-password"


def ice_servers() -> list[dict[str, str | list[str]]]:
    """What the lab's site tells its pages to use, as a usual site does: STUN and its own TURN."""
    stun = [f"stun:{STUN_ONLY.v4}:{PORT}", f"stun:[{STUN_ONLY.v6}]:{PORT}"]
    turn = [f"turn:{SITE_TURN.v4}:{PORT}?transport=udp"]
    return [{"urls": stun}, {"urls": turn, "username": SITE_USER, "credential": SITE_PASSWORD}]


def _coturn(lab: Lab, name: str, role: Role, options: Sequence[str]) -> Process:
    folder: Path = lab.directory / name
    folder.mkdir()
    argv = arguments(folder, PORT, role.addresses, RELAY_PORTS, REALM)
    argv += ["--verbose", "--no-tls", f"--max-allocate-lifetime={RELAY_SECONDS}", *options]
    return lab.start(lab.internet, name, argv)


def start_servers(lab: Lab) -> list[Process]:
    """Start all three and wait until each listens; the lab stops them."""
    secret = ["--use-auth-secret", f"--static-auth-secret={APPROVED_SECRET}"]
    static = ["--lt-cred-mech", f"--user={SITE_USER}:{SITE_PASSWORD}"]
    started = [
        (APPROVED_TURN, _coturn(lab, "turn-approved", APPROVED_TURN, secret)),
        (SITE_TURN, _coturn(lab, "turn-site", SITE_TURN, static)),
        (STUN_ONLY, _coturn(lab, "stun-only", STUN_ONLY, ["--stun-only"])),
    ]
    for role, process in started:
        for address in role.addresses:
            process.wait_port("udp", address, PORT)
            process.wait_port("tcp", address, PORT)
    lab.run(lab.internet, "nft", ATTEMPTS)
    return [process for _, process in started]

"""Where a visitor's browser finds the STUN responder.

Asked of the kernel: a UDP socket that is connected sends nothing, but knows its way.
"""

import socket
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.network.firewall import wanted
from rtcguard.policy.model import Config, HostPort
from rtcguard.policy.rule import within

# Somewhere else (RFC 5737 and RFC 3849): which address this machine has towards other networks.
_ELSEWHERE: Final = {4: "192.0.2.1", 6: "2001:db8::1"}
_DISCARD: Final = 9


def responders(config: Config, client: str) -> list[HostPort]:
    """Addresses at which a client's browser speaks to the responder, and is answered.

    No loopback address: browsers send nothing there from their others. None that itself would get
    no answer (`stun.clients`), for then a client of its network would wait for one in vain."""
    found = []
    for host, port in config.stun.listen:
        address = addresses.parse(host)
        if address is None or not port:
            continue
        if address.is_unspecified:
            host = _towards(client, address.version)
        scope = addresses.scope(host)
        answers = wanted(config) or within(host, config.stun.clients)
        if host and answers and scope not in ("loopback", "link-local"):
            found.append((host, port))
    return list(dict.fromkeys(found))


def outward() -> list[str]:
    """The addresses that this machine has towards other networks: one of each family."""
    found = (_own_address(far, version) for version, far in _ELSEWHERE.items())
    return [host for host in found if host and addresses.scope(host) != "loopback"]


def _towards(client: str, version: int) -> str:
    """This machine's address on the way to a client, or else to other networks; "" where it has
    none."""
    parsed = addresses.parse(client)
    near = parsed is None or parsed.version != version or parsed.is_loopback
    return _own_address(_ELSEWHERE[version] if near else client, version)


def _own_address(far: str, version: int) -> str:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, _DISCARD))
            return addresses.canonical(probe.getsockname()[0])
    except OSError:
        return ""

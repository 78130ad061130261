"""Where a visitor's browser finds the STUN responder, and which addresses are this machine's own.

Asked of the kernel: a UDP socket that is connected sends nothing, but knows its way.
"""

import socket
from collections.abc import Iterable
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.policy.model import HostPort

# Somewhere else (RFC 5737 and RFC 3849): which address this machine has towards other networks.
_ELSEWHERE: Final = {4: "192.0.2.1", 6: "2001:db8::1"}
_DISCARD: Final = 9


def responders(listen: Iterable[HostPort], client: str) -> list[HostPort]:
    """Addresses at which a client can reach what listens there (`stun.listen`). A loopback address
    is told only to this machine, which is told a better one where there is one."""
    near = addresses.scope(client) == "loopback"
    found = []
    for host, port in listen:
        address = addresses.parse(host)
        if address is None or not port or address.is_link_local:
            continue
        if address.is_unspecified:
            host = _towards(client, address.version, near=near)
        if host and (near or addresses.scope(host) != "loopback"):
            found.append((host, port))
    return list(dict.fromkeys(found))


def _towards(client: str, version: int, *, near: bool) -> str:
    """This machine's address on the way to a client, or to other networks; "" where it has none."""
    parsed = addresses.parse(client)
    same = parsed is not None and parsed.version == version and not near
    found = _own_address(client if same else _ELSEWHERE[version], version)
    return found or ({4: "127.0.0.1", 6: "::1"}[version] if near else "")


def _own_address(far: str, version: int) -> str:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, _DISCARD))
            return addresses.canonical(probe.getsockname()[0])
    except OSError:
        return ""


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's; what is none is not."""
    if addresses.parse(address) is None:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True

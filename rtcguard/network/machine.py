"""What this machine does with packets besides the firewall, and which addresses are its own, as the
kernel has it."""

import socket
from pathlib import Path
from typing import Final, Literal

from rtcguard.ice import address as addresses

_PROC: Final = Path("/proc/sys/net")
_LISTEN: Final = {"tcp": "0A", "udp": "07"}  # states in /proc/net: TCP_LISTEN, and not connected


def forwards(family: Literal["4", "6"]) -> bool:
    """Whether it routes packets from one interface to another at all."""
    path = "ipv4/ip_forward" if family == "4" else "ipv6/conf/all/forwarding"
    return _text(_PROC / path) == "1"


def open_ports(transport: Literal["tcp", "udp"], family: Literal["4", "6"]) -> set[int]:
    """Ports on which a socket waits that is bound to every address of the family."""
    text = _text(Path(f"/proc/thread-self/net/{transport}{'6' if family == '6' else ''}"))
    found = set()
    for line in text.splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        host, _, port = local.partition(":")
        if state == _LISTEN[transport] and not host.strip("0"):
            found.add(int(port, 16))
    return found


def is_own(host: str) -> bool:
    """Whether an address is this machine's: the kernel lets nobody bind another. A name is none."""
    address = addresses.parse(addresses.canonical(host))
    if address is None:
        return False
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((str(address), 0))
        except OSError:
            return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""

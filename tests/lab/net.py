"""The lab's network: that of `rtcguard demo`, under names of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from rtcguard.demo.network import (
    APPROVED_TURN,
    CLIENT,
    CLIENT_PUBLIC,
    GATEWAY,
    GATEWAY_WAN,
    INTERNET,
    LAN,
    NETNS_ETC,
    PEER,
    SINK,
    SITE,
    SITE_NAME,
    SITE_TURN,
    STUN_ONLY,
    WAN,
    Network,
    Role,
)

__all__ = [
    "APPROVED_TURN",
    "CLIENT",
    "CLIENT_PUBLIC",
    "GATEWAY",
    "GATEWAY_WAN",
    "INTERNET",
    "LAN",
    "NETNS_ETC",
    "PEER",
    "PREFIX",
    "SINK",
    "SITE",
    "SITE_NAME",
    "SITE_TURN",
    "STUN_ONLY",
    "WAN",
    "Lab",
    "Role",
]

PREFIX = "rtclab"
# The ports that the client's programs have for connections, a piece at a time (`Lab.other_ports`).
PORTS, PIECE = range(31_000, 65_000), 1000


class Lab(Network):
    """RTCGUARD_LAB_KEEP=FOLDER keeps the files (logs, captures, what the site recorded) there."""

    PREFIX = PREFIX

    def __init__(self) -> None:
        keep = os.environ.get("RTCGUARD_LAB_KEEP")
        super().__init__(Path(keep) if keep else None)
        self._more: list[str] = []  # addresses of the client's
        self._ports = itertools.cycle(range(PORTS.start, PORTS.stop, PIECE))

    @property
    def client_addresses(self) -> tuple[str, ...]:
        return (*super().client_addresses, *self._more)

    def other_ports(self) -> None:
        """Gives the client's programs other ports than they had before.

        A browser that is ended leaves its relayed addresses behind. To one that comes from the same
        port, within their lifetime, coturn answers 437 under the credentials of the one before;
        Chromium drops such an answer, and asks in vain for 40 seconds.
        """
        first = next(self._ports)
        ports = f"net.ipv4.ip_local_port_range={first} {first + PIECE - 1}"
        self.run(self.client, "sysctl", "-qw", ports)

    @contextlib.contextmanager
    def second_address(self, address: str) -> Iterator[None]:
        """One more IPv6 address of the client's, as privacy extensions make them."""
        self.run(self.client, "ip", "address", "add", f"{address}/64", "dev", LAN, "nodad")
        self._more.append(address)
        try:
            yield
        finally:
            self._more.remove(address)
            self.run(self.client, "ip", "address", "delete", f"{address}/64", "dev", LAN)

"""Packets on one of the lab's links: tcpdump writes them, dpkt reads them.

A capture holds one direction only, seen from the interface: what the client *sent*, what *arrived*
in the internet. Replies are of no interest to a leak test and would only have to be sorted out.
"""

from __future__ import annotations

import re
import signal
import struct
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import dpkt  # type: ignore[import-untyped]

from .net import Lab
from .process import LabError

STUN_COOKIE = struct.pack("!I", 0x2112A442)
# RFC 4861 (solicitations, advertisements, redirect) and RFC 2710/3810 (multicast listeners).
NEIGHBOUR_DISCOVERY = range(133, 138)
LISTENER_DISCOVERY = (130, 131, 132, 143)


@dataclass(frozen=True)
class Packet:
    """One packet; `proto` is udp, tcp, arp, nd, mld, igmp, icmp, icmp6 or a number."""

    at: float
    proto: str
    src: str
    dst: str
    sport: int = 0
    dport: int = 0
    payload: bytes = b""

    @property
    def is_stun(self) -> bool:
        """By the magic cookie (RFC 8489), over TCP also behind a length field (RFC 4571)."""
        if self.proto == "udp":
            return self.payload[4:8] == STUN_COOKIE and self.payload[0] < 4
        return self.proto == "tcp" and STUN_COOKIE in (self.payload[4:8], self.payload[6:10])

    def __str__(self) -> str:
        port = f":{self.dport}" if self.dport else ""
        return f"{self.proto}{' stun' if self.is_stun else ''} {self.src} -> {self.dst}{port}"


def _packet(at: float, frame: bytes) -> Packet | None:
    """Decode an Ethernet frame; None for what carries no IP and no ARP."""
    network: Any = dpkt.ethernet.Ethernet(frame).data
    if isinstance(network, dpkt.arp.ARP):
        return Packet(at, "arp", str(ip_address(network.spa)), str(ip_address(network.tpa)))
    if not isinstance(network, (dpkt.ip.IP, dpkt.ip6.IP6)):
        return None
    src, dst = str(ip_address(network.src)), str(ip_address(network.dst))
    inner: Any = network.data
    if isinstance(inner, (dpkt.udp.UDP, dpkt.tcp.TCP)):
        proto = "udp" if isinstance(inner, dpkt.udp.UDP) else "tcp"
        return Packet(at, proto, src, dst, inner.sport, inner.dport, bytes(inner.data))
    if isinstance(inner, dpkt.icmp6.ICMP6):
        if inner.type in NEIGHBOUR_DISCOVERY:
            return Packet(at, "nd", src, dst)
        if inner.type in LISTENER_DISCOVERY:
            return Packet(at, "mld", src, dst)
        return Packet(at, "icmp6", src, dst)
    for proto, kind in (("icmp", dpkt.icmp.ICMP), ("igmp", dpkt.igmp.IGMP)):
        if isinstance(inner, kind):
            return Packet(at, proto, src, dst)
    # Other protocols, and what follows the first fragment.
    return Packet(at, str(network.p), src, dst, payload=bytes(inner))


def read(path: Path) -> list[Packet]:
    """Every packet of a pcap file."""
    with path.open("rb") as file:
        decoded = [_packet(at, frame) for at, frame in dpkt.pcap.Reader(file)]
    return [packet for packet in decoded if packet is not None]


def flows(packets: Iterable[Packet]) -> str:
    """A summary for failure messages: how often each flow occurs, most frequent first."""
    counted = Counter(str(packet) for packet in packets)
    return "\n".join(f"{count:6} {flow}" for flow, count in counted.most_common()) or "  (none)"


READING_SECONDS = 60.0


class Capture:
    """`with Capture(...) as capture: ...`, then `capture.packets`."""

    def __init__(
        self, lab: Lab, namespace: str, link: str, direction: Literal["in", "out"], path: Path
    ) -> None:
        self.packets: list[Packet] = []
        self._lab, self._namespace, self._path = lab, namespace, path
        # Unbuffered at both ends, and without the change of user that would forbid the file.
        # A place in the kernel's buffer is as long as the snapshot: whole packets of 256 KB would
        # leave it 64 places, which a page with many connections fills.
        how = ["-U", "--immediate-mode", "-n", "-s", "2048", "-Z", "root", "-B", "16384"]
        self._argv = ["tcpdump", *how, "-i", link, "-Q", direction, "-w", str(path)]

    def __enter__(self) -> Self:
        self._process = self._lab.start(self._namespace, self._path.stem, self._argv)
        self._process.wait_log("listening on")
        return self

    def _waits(self) -> bool:
        """Whether it sleeps until there is a packet: on a busy machine, it may have some to read
        and no time to do it. The state is the first field behind the command's name (proc(5))."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0] == "S"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What the kernel has handed over but tcpdump has not read would be lost.
        time.sleep(0.1)
        self._process.wait_until("pause of tcpdump's", self._waits, READING_SECONDS)
        self._process.stop(signal.SIGINT)
        if error is not None:
            return
        dropped = re.search(r"(\d+) packets? dropped by kernel", self._process.tail())
        if dropped is None or dropped[1] != "0":
            raise LabError(f"the capture is not complete:\n{self._process.tail()}")
        self.packets = read(self._path)

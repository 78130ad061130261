"""The firewall's nouns: what the configuration asks for, as values.

Its text is written in `ruleset.py`.
"""

from dataclasses import dataclass
from typing import Final

from rtcguard.ice import address as addresses
from rtcguard.ice.address import host_port
from rtcguard.policy.model import Config, HostPort

TABLE: Final = "rtcguard"
# One bit of the packet's mark for each way into the responder. The reverse path filter asks for the
# route of a packet's source with the packet's mark where src_valid_mark is set; two bits, and rules
# that ask for the interface, keep that question from being answered by the wrong table.
CLIENT_MARK: Final = 0x01000000
OWN_MARK: Final = 0x02000000
ROUTING_TABLE: Final = 3478  # of policy routing
PRIORITY: Final = 3478  # of its rules: before the main table, and before a VPN's rules


# Each counter, with what it counts; in the order that reports show.
COUNTERS: Final = {
    "stun": "STUN that the responder got",
    "stun_unanswered": "STUN that no responder listened for, dropped",
    "errors": "ICMP errors of hosts, as about the responder's answers, dropped",
    "stun_tcp": "STUN over TCP, refused",
    "approved": "to and by approved TURN servers",
    "direct": "to networks of gateway.direct",
    "proxied": "TCP connections led to the proxy",
    "tcp_past": "TCP that went past the proxy, refused",
    "dns": "DNS to the sinkhole or to gateway.resolvers",
    "dns_refused": "DNS to others, dropped",
    "quic": "QUIC, refused so that pages come over TCP",
    "mdns": "multicast DNS and LLMNR, dropped",
    "other_udp": "every other UDP, dropped",
    "other_transport": "other transports (SCTP, DCCP, UDP-Lite, tunnels), dropped",
    "outside": "from elsewhere to the proxy, the responder or the sinkhole, dropped",
}


_PASSING: Final = ("approved", "direct", "proxied", "dns")  # in either mode


def counters(config: Config) -> dict[str, str]:
    """Each counter with what it counts in this configuration's mode, in the order of reports."""
    if config.mode == "enforce":
        return dict(COUNTERS)
    return {
        name: what if name in _PASSING else f"{what}; in monitor mode: counted, and let through"
        for name, what in COUNTERS.items()
    }


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of an approved TURN server. `name` is the host that the configuration has; a
    resolved address is let through for `seconds`, one that stands there itself for good (0)."""

    address: str
    transport: str  # udp or tcp
    port: int
    name: str
    seconds: int = 0

    @property
    def set_name(self) -> str:
        return "approved6" if ":" in self.address else "approved4"

    @property
    def key(self) -> str:
        return f"{self.address} . {self.transport} . {self.port}"

    @property
    def element(self) -> str:
        """The element as nftables reads it; its comment may have 127 bytes."""
        timeout = f" timeout {self.seconds}s" if self.seconds else ""
        return f'{self.key}{timeout} comment "{self.name[:120]}"'


@dataclass(frozen=True, slots=True)
class Route:
    """Policy routing: what comes from `interface` with `mark` is delivered on this machine."""

    family: str  # 4 or 6
    interface: str
    mark: int

    @property
    def rule(self) -> str:
        """As `ip rule add` and `ip rule delete` take it."""
        mark = f"{self.mark:#x}/{self.mark:#x}"
        return f"pref {PRIORITY} fwmark {mark} iif {self.interface} lookup {ROUTING_TABLE}"


def wanted(config: Config) -> bool:
    """Whether the configuration asks for a firewall at all."""
    return bool(config.gateway.interfaces) or config.gateway.own


def responder_ports(config: Config) -> dict[str, int]:
    """Family (`ip`, `ip6`) to the port that STUN of this family is diverted to. Only a socket that
    is bound to every address takes packets for others'."""
    families = {"0.0.0.0": "ip", "::": "ip6"}
    found: dict[str, int] = {}
    for host, port in config.stun.listen:
        if host in families:
            found.setdefault(families[host], port)
    return found


def routes(config: Config) -> list[Route]:
    """What policy routing the diverted packets need; families without a responder need none."""
    wants = [(interface, CLIENT_MARK) for interface in config.gateway.interfaces]
    if config.gateway.own:
        wants.append(("lo", OWN_MARK))
    families = [{"ip": "4", "ip6": "6"}[family] for family in responder_ports(config)]
    return [Route(family, *want) for family in families for want in wants]


def sinkhole_rules(config: Config, *, own: bool = False) -> dict[str, str]:
    """Family to the words that lead DNS to the sinkhole: the clients' to a socket that they reach,
    this machine's own (`own`) to any. Of several sockets the first."""
    found: dict[str, str] = {}
    for host, port in sinkhole(config):
        address = addresses.parse(host)
        if address is None or (address.is_loopback and not own):
            continue
        family = "ip" if address.version == 4 else "ip6"
        where = f"dnat {family} to {host_port(str(address), port)}"
        found.setdefault(family, f"redirect to :{port}" if address.is_unspecified else where)
    return found


def sinkhole(config: Config) -> tuple[HostPort, ...]:
    """Where the sinkhole listens."""
    return config.sinkhole.listen

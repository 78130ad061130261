"""Rules as values, and what they are asked about.

A field of `Match` is a key of `match` in the YAML file; its meaning for the reader of that file
stands in configs/personal.yaml.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal, get_args

from rtcguard.ice import address as addresses

Network = IPv4Network | IPv6Network

DIRECTIONS: Final = ("outbound", "inbound")
RINGS: Final = ("page", "signaling", "network")
TRANSPORTS: Final = ("udp", "tcp")
CANDIDATE_TYPES: Final = ("host", "srflx", "prflx", "relay", "unknown")
# What can be told of what was found: how signaling is carried; and what flows, by its first bytes.
CARRIERS: Final = ("http", "websocket")
FLOWS: Final = ("stun", "turn", "dtls", "quic", "udp")  # udp: any other
PROTOCOLS: Final = (*CARRIERS, *FLOWS, "dns")
OPAQUE: Final = "opaque"  # signaling that cannot be read; only a rule that names it decides it
RuleAction = Literal[
    "keep", "scrub", "strip", "block", "observe", "drop", "replace", "intercept", "pass"
]
RULE_ACTIONS: Final = get_args(RuleAction)
OF_SERVERS: Final = ("drop", "replace")  # actions for entries of lists of ICE servers
OF_TLS: Final = ("intercept", "pass")  # actions for TLS at the proxy
Mode = Literal["enforce", "monitor"]
MODES: Final = get_args(Mode)
Confirmed = Literal["", "page", "network"]
Span = tuple[int, int]  # the first and the last of ports, or of minutes of the week


def within(text: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    address = addresses.parse(text)
    return address is not None and any(address in network for network in networks)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be decided. Text is empty where there is none; a key that names it then fails.

    `confirmed` says which ring is known to keep the local side to relays (`inbound: auto` asks for
    it): `page`, the guard reported in for this client and site; `network`, the firewall is up.
    `user` has signed in at the proxy. `server` is an ICE server's URI, with port 0 where it is not
    known; `destination` (an address or the host name that was asked for) and `port` are
    where a packet or a connection goes; of both there may be several with spaces between, where the
    name and the address are known. `protocol` is what was found in it. `minute` is of the
    week, from Monday 00:00 local time; -1: unknown.
    """

    site: str
    client: str
    direction: str
    candidate: str = ""
    address: str = ""
    transport: str = ""
    path: str = ""
    ring: str = "signaling"
    confirmed: Confirmed = ""
    user: str = ""
    server: str = ""
    destination: str = ""
    port: int = 0
    protocol: str = ""
    minute: int = -1


@dataclass(frozen=True, slots=True)
class ServerPattern:
    """ICE servers as a rule names them. `host` is a name, an address in its one spelling,
    `*.example.org` for every name below it, or `*`; port 0 and an empty transport are any."""

    scheme: str
    host: str
    port: int = 0
    transport: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule names: each list is "any of", the lists together are "all of", empty is "any".

    `negated`, the key `not`, is what must not hold as a whole."""

    site: tuple[str, ...] = ()  # exact names, or `*.example.org` for every name below it
    user: tuple[str, ...] = ()  # exact names, or `*` for whoever has signed in
    path: tuple[str, ...] = ()  # prefixes, on borders of segments
    client: tuple[Network | str, ...] = ()  # networks, and scopes by their name
    direction: tuple[str, ...] = ()
    ring: tuple[str, ...] = ()
    candidate: tuple[str, ...] = ()
    transport: tuple[str, ...] = ()
    address: tuple[Network | str, ...] = ()
    server: tuple[ServerPattern, ...] = ()
    destination: tuple[Network | str, ...] = ()  # networks, scopes, and names as those of sites
    port: tuple[Span, ...] = ()
    protocol: tuple[str, ...] = ()
    time: tuple[Span, ...] = ()
    negated: "Match | None" = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`mode: monitor`: what it would do is recorded, and the rules behind it decide.

    `file`, `line` and `column` are where it stands."""

    name: str
    match: Match
    action: RuleAction
    mode: Mode = "enforce"
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)

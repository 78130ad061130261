"""The configuration as values. The loader (`load.py`) makes them; nothing changes them.

A field here is a key of the YAML file; the key's meaning for its reader stands in configs/.
"""

from copy import copy
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final, Literal

from rtcguard.errors import Mistake
from rtcguard.ice.server import IceServer
from rtcguard.policy.export import Export
from rtcguard.policy.rule import Network, Rule
from rtcguard.policy.rules import Rules
from rtcguard.policy.store_url import PostgreSQL
from rtcguard.policy.users import User
from rtcguard.policy.version import version_of

HostPort = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RelayServer:
    """An approved TURN server as written in the file; the secret's file is read at start."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""
    shared_secret_file: str = ""
    lifetime: int = 12 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Coturn:
    """How the approved server is set up, by `rtcguard turn config` or by `relay.managed`."""

    realm: str | None = None  # None: the host in the server's first URL
    listen: tuple[str, ...] = ()  # addresses; empty: those of the hosts in the server's URLs
    relay_addresses: tuple[str, ...] = ()  # empty: those that lead to the internet
    external_address: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    ports: tuple[int, int] = (49152, 65535)
    allowed_peers: tuple[Network, ...] = ()
    user_quota: int = 50  # allocations
    total_quota: int = 2000  # allocations
    max_rate: int = 1_500_000  # bytes a second


@dataclass(frozen=True, slots=True)
class Relay:
    servers: tuple[RelayServer, ...] = ()
    site_servers: Literal["drop", "keep"] = "drop"
    managed: bool = False
    coturn: Coturn = field(default_factory=Coturn)


@dataclass(frozen=True, slots=True)
class Page:
    guard: bool = True


# Loopback, private (RFC 1918), shared (RFC 6598), link-local, unique local: whoever is asked from
# there is asked from near by, and an answer to a forged source stays near by.
NEAR: Final[tuple[Network, ...]] = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "::1/128",
            "fe80::/10",
            "fc00::/7",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Stun:
    listen: tuple[HostPort, ...] = (("127.0.0.1", 3478),)
    answer: Literal["refuse", "decoy", "silent"] = "refuse"
    clients: tuple[Network, ...] = NEAR  # others get no answer
    rate: int = 1000  # answers a second to one source


@dataclass(frozen=True, slots=True)
class Resolver:
    """A DNS server to ask. `name`: whose certificate it shows over TLS; empty: its address's."""

    transport: Literal["udp", "tcp", "tls"]
    host: str  # an IP address, without brackets
    port: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sinkhole:
    listen: tuple[HostPort, ...] = ()
    upstream: tuple[Resolver, ...] = ()
    names: tuple[str, ...] = ()  # sunk, beside those that rtcguard knows; as `Match.site`
    keep: tuple[str, ...] = ()  # never sunk
    answer: Literal["refuse", "responder"] = "refuse"
    clients: tuple[Network, ...] = NEAR


@dataclass(frozen=True, slots=True)
class Gateway:
    interfaces: tuple[str, ...] = ()  # names of those that the clients are behind
    own: bool = False  # this machine's own traffic too
    users: tuple[str, ...] = ()  # names or numbers; whose own traffic is rtcguard's and the relay's
    transparent: bool = False
    transparent_port: int = 8082
    resolvers: tuple[Network, ...] = ()
    direct: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Upstream:
    proxy: str | None = None
    trusted_ca: str | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    store: PostgreSQL | str = "sqlite"
    node: str | None = None  # None: the host name
    keep: int = 90 * 86400  # seconds
    size: int = 4 * 10**9  # bytes
    addresses: Literal["full", "masked"] = "full"


@dataclass(frozen=True, slots=True)
class Users:
    file: str | None = None  # None: nobody is asked who they are


@dataclass(frozen=True, slots=True)
class Web:
    listen: HostPort | None = ("127.0.0.1", 8081)  # None: there is no local site


@dataclass(frozen=True, slots=True)
class Metrics:
    listen: HostPort | None = None  # where Prometheus asks; None: nothing is measured


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file. What is not written has the default that stands here: the safe one."""

    version: Literal[1] = 1
    mode: Literal["enforce", "monitor"] = "enforce"
    listen: HostPort = ("127.0.0.1", 8080)
    on_error: Literal["block", "pass"] = "block"
    relay: Relay = field(default_factory=Relay)
    inbound: Literal["auto", "keep", "strip"] = "auto"
    page: Page = field(default_factory=Page)
    rules: tuple[Rule, ...] = ()
    stun: Stun = field(default_factory=Stun)
    sinkhole: Sinkhole = field(default_factory=Sinkhole)
    gateway: Gateway = field(default_factory=Gateway)
    upstream: Upstream = field(default_factory=Upstream)
    users: Users = field(default_factory=Users)
    ledger: Ledger = field(default_factory=Ledger)
    exports: tuple[Export, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    web: Web = field(default_factory=Web)
    files: tuple[str, ...] = field(default=(), compare=False)  # all that were read, the main first
    warnings: tuple[Mistake, ...] = field(default=(), compare=False)  # what is allowed, and odd
    index: Rules = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Rules(self.rules))

    def warned(self, warnings: tuple[Mistake, ...]) -> "Config":
        """The same with these warnings; nothing is made anew."""
        made = copy(self)
        object.__setattr__(made, "warnings", warnings)
        return made


@dataclass(frozen=True, slots=True)
class Policy:
    """What the three rings decide by: the configuration, the approved servers with secrets, and who
    may use the proxy (empty: everybody)."""

    config: Config = field(default_factory=Config)
    servers: tuple[IceServer, ...] = ()
    users: tuple[User, ...] = ()
    version: str = field(init=False, compare=False)  # what every event names that it decided

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", version_of(self.config))

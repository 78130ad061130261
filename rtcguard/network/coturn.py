"""The configuration file of coturn (turnserver.conf) for an approved server.

Written for coturn 4.6. What it forbids: peers at private addresses (an open relay would lead into
the network behind it), and STUN without credentials (which would tell an address to anybody who
asks). An option that a version does not know is a line in its log, and nothing else; a certificate
that it cannot read is no more than that either, so who starts it has to look for himself.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from rtcguard.ice.address import scope
from rtcguard.ice.server import ServerUri
from rtcguard.policy.model import Coturn
from rtcguard.policy.rule import Network

MARK: Final = "# Written by rtcguard, which writes it anew: changes made by hand are lost."

# No peer of a call is there: IANA's special-purpose registries, without documentation prefixes.
DENIED: Final = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private, RFC 1918
    "100.64.0.0/10",  # behind a carrier's NAT, RFC 6598
    "127.0.0.0/8",
    "169.254.0.0/16",  # link-local; clouds answer there with their machines' credentials
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmarks, RFC 2544
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
    "::/96",  # unspecified, loopback, and IPv4 addresses in a form long gone
    "::ffff:0:0/96",  # IPv4 addresses mapped to IPv6
    "64:ff9b::/96",  # the same by NAT64
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",  # Teredo, with an IPv4 address in it
    "2002::/16",  # 6to4, the same
    "fc00::/7",  # unique local, RFC 4193
    "fe80::/10",  # link-local
    "fec0::/10",  # site-local
    "ff00::/8",  # multicast
)


@dataclass(frozen=True, slots=True)
class Server:
    """What one coturn serves. `listen` and `relay` may be empty: every address of its machine."""

    uris: tuple[ServerUri, ...]
    secret: str
    listen: tuple[str, ...]
    relay: tuple[str, ...]
    settings: Coturn

    @property
    def realm(self) -> str:
        return self.settings.realm or self.uris[0].host

    @property
    def tls(self) -> bool:
        return any(uri.scheme == "turns" for uri in self.uris)

    @property
    def ports(self) -> tuple[int, ...]:
        """Where clients come in, in the order of the URLs."""
        return tuple(dict.fromkeys(uri.port for uri in self.uris))


def configuration(server: Server, more: tuple[str, ...] = ()) -> str:
    """The file's text. `more` are further lines of the caller's.

    Raises ValueError, with what to change, for a secret that cannot stand in the file, for TLS
    without a certificate, and for further ports without an address to listen at.
    """
    sections: tuple[tuple[str, Iterable[str]], ...] = (
        (MARK, ("log-file=stdout", "simple-log")),  # first: what comes before is logged to /var/log
        ("# Where clients come in.", _listening(server)),
        ("# Where packets go out.", _relaying(server)),
        ("# Peers that nobody may reach through it, and exceptions.", _peers(server)),
        ("# Credentials that end by themselves, made from this secret.", _access(server)),
        ("# Not more than that: allocations, and bytes a second of each.", _limits(server)),
        ("# Not needed, or telling.", _off()),
        *([("# Of this machine.", more)] if more else []),
    )
    return "\n".join("\n".join((title, *lines, "")) for title, lines in sections)


def _listening(server: Server) -> Iterator[str]:
    plain, tls = (
        list(dict.fromkeys(uri.port for uri in server.uris if (uri.scheme == "turns") == secure))
        for secure in (False, True)
    )
    for address in server.listen:
        yield f"listening-ip={address}"
    if plain:
        yield f"listening-port={plain[0]}"
    if tls:
        if server.settings.certificate is None:
            raise ValueError(
                "a turns: URL needs relay.coturn.certificate and relay.coturn.private_key"
            )
        yield f"tls-listening-port={tls[0]}"
        yield f"cert={server.settings.certificate}"
        yield f"pkey={server.settings.private_key}"
        yield from ("no-tlsv1", "no-tlsv1_1")
    # The port for TLS takes TCP without it too, but no UDP.
    over_udp = {uri.port for uri in server.uris if uri.transport == "udp"}
    more = {port for port in plain[1:] + tls[1:] if port in over_udp or port not in tls[:1]}
    more -= set(plain[:1])
    if more and not server.listen:
        raise ValueError("URLs with further ports need relay.coturn.listen: the addresses for them")
    for port in sorted(more):
        for address in server.listen:
            yield f"aux-server={f'[{address}]' if ':' in address else address}:{port}"
    pairs = {(uri.scheme, uri.transport) for uri in server.uris}
    for pair, option in (
        (("turn", "udp"), "no-udp"),
        (("turn", "tcp"), "no-tcp"),
        (("turns", "tcp"), "no-tls"),
        (("turns", "udp"), "no-dtls"),
    ):
        if pair not in pairs:
            yield option


def _relaying(server: Server) -> Iterator[str]:
    for address in server.relay:
        yield f"relay-ip={address}"
    external = server.settings.external_address
    if external is not None:
        inner = [one for one in server.relay if (":" in one) == (":" in external)]
        yield f"external-ip={'/'.join([external, *inner[:1]])}"
    first, last = server.settings.ports
    yield f"min-port={first}"
    yield f"max-port={last}"
    yield "no-tcp-relay"


def _peers(server: Server) -> Iterator[str]:
    yield "no-multicast-peers"
    for network in map(ipaddress.ip_network, DENIED):
        # Not from the unspecified address on: coturn takes that for "any", and then a range of IPv6
        # denies every IPv4 address. It refuses the unspecified address of itself.
        first = network[1] if int(network[0]) == 0 else network[0]
        yield f"denied-peer-ip={first}-{network[-1]}"
    # Two clients of this relay meet at its own addresses.
    own = [ipaddress.ip_network(address) for address in server.relay if _is_denied(address)]
    for network in dict.fromkeys((*own, *server.settings.allowed_peers)):
        yield f"allowed-peer-ip={network[0]}-{network[-1]}"
    if any(scope(address) == "loopback" for address in server.relay):
        yield "allow-loopback-peers"


def _access(server: Server) -> Iterator[str]:
    secret = server.secret
    if (
        not (secret.isascii() and secret.isprintable())
        or " " in secret
        or secret[:1] in ("", *'="')
    ):
        raise ValueError(
            "the shared secret cannot stand in coturn's configuration: only printable ASCII can, "
            "without spaces, that begins with neither = nor a quotation mark"
        )
    yield "use-auth-secret"
    yield f"static-auth-secret={secret}"
    yield f"realm={server.realm}"
    yield "stale-nonce=600"
    # A Binding request without credentials is answered: with no-stun browsers wait, and after an
    # error (secure-stun) Chromium names the LAN's prefix to pages, in icecandidateerror.
    # What the file says holds, whatever stands in the database.
    yield from ("no-dynamic-ip-list", "no-dynamic-realms")


def _limits(server: Server) -> Iterator[str]:
    yield f"user-quota={server.settings.user_quota}"
    yield f"total-quota={server.settings.total_quota}"
    yield f"max-bps={server.settings.max_rate}"


def _off() -> Iterator[str]:
    yield from ("no-cli", "no-software-attribute", "fingerprint")
    yield from ("no-rfc5780", "no-stun-backward-compatibility", "response-origin-only-with-rfc5780")


def _is_denied(address: str) -> bool:
    one = ipaddress.ip_address(address)
    networks: Iterator[Network] = map(ipaddress.ip_network, DENIED)
    return any(one in network for network in networks)

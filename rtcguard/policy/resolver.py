"""How a DNS server to ask is written in the configuration.

192.0.2.53                   UDP, and TCP where an answer does not fit; port 53
192.0.2.53:5353              another port
tcp://192.0.2.53             TCP alone
tls://192.0.2.53#dns.example.org    DNS over TLS (RFC 7858), port 853; the certificate has to be
                             the name's, or without a name the address's
[2001:db8::53]:53            IPv6 in brackets
"""

import ipaddress
import re
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.policy.model import Resolver

_FORM: Final = re.compile(
    r"(?:(?P<transport>udp|tcp|tls)://)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/#\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:#(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?))?"
)
_MEANT: Final = "192.0.2.53, 192.0.2.53:5353, tcp://192.0.2.53 or tls://192.0.2.53#dns.example.org"


def parse_resolver(text: str) -> Resolver:
    """Reads one of the forms above. Raises ParseError with what is wrong, for people."""
    found = _FORM.fullmatch(text)
    if found is None:
        bare = ": an IPv6 address stands in brackets" if text.count(":") > 2 else ""
        raise ParseError(f"{text[:80]!r} is not a DNS server such as {_MEANT}{bare}")
    host = found["host"].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ParseError(
            f"{host[:80]!r} is not an IP address: the sinkhole has nobody to ask for a DNS "
            f"server's name; write {_MEANT}"
        ) from None
    transport = found["transport"] or "udp"
    if found["name"] and transport != "tls":
        raise ParseError(f"{text[:80]!r} has a name after #, which only tls:// can check")
    port = int(found["port"] or (853 if transport == "tls" else 53))
    if not 0 < port < 65536:
        raise ParseError(f"port {port} is out of range")
    if address.is_unspecified or address.is_multicast:
        raise ParseError(f"{host} is no server's address")
    match transport:
        case "tls":
            return Resolver("tls", str(address), port, (found["name"] or "").lower())
        case "tcp":
            return Resolver("tcp", str(address), port)
        case _:
            return Resolver("udp", str(address), port)

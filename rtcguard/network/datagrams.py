"""UDP datagrams with their IP header, as a raw socket sends them: RFC 768, RFC 791, RFC 8200."""

import ipaddress
import struct
from functools import lru_cache
from typing import Final

from rtcguard.policy.model import HostPort

_UDP: Final = 17
_HOPS: Final = 64
_DONT_FRAGMENT: Final = 0x4000
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_PORTS = struct.Struct("!HHHH")


def datagram(source: HostPort, destination: HostPort, payload: bytes) -> bytes:
    """One packet. Both hosts are numeric and of one family; raises ValueError where not.

    The checksum of an IPv4 header stays zero: Linux writes it (raw(7)).
    """
    ours, theirs, length = _packed(source[0]), _packed(destination[0]), 8 + len(payload)
    if len(ours) != len(theirs):
        raise ValueError("addresses of two families")
    if len(ours) == 16:
        header = _IPV6.pack(0x60000000, length, _UDP, _HOPS, ours, theirs)
    else:
        fields = (0x45, 0, _IPV4.size + length, 0, _DONT_FRAGMENT, _HOPS, _UDP, 0)
        header = _IPV4.pack(*fields, ours, theirs)
    pseudo = ours + theirs + bytes((0, _UDP)) + length.to_bytes(2)
    bare = _PORTS.pack(source[1], destination[1], length, 0)
    checksum = _checksum(pseudo + bare + payload)
    return header + _PORTS.pack(source[1], destination[1], length, checksum) + payload


def _checksum(covered: bytes) -> int:
    """RFC 1071: a sum of 16-bit words with its carries added is the whole number modulo 0xFFFF.
    Never 0, which would say that there is no checksum."""
    return 0xFFFF - int.from_bytes(covered + bytes(len(covered) % 2)) % 0xFFFF


@lru_cache(maxsize=1024)
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed

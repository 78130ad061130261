"""UDP datagrams with their IP header, as a raw socket sends them: RFC 768, RFC 791, RFC 8200."""

import ipaddress
import struct
from typing import Final

from rtcguard.policy.model import HostPort

_UDP: Final = 17
_HOPS: Final = 64
_DONT_FRAGMENT: Final = 0x4000
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_PORTS = struct.Struct("!HHH")


class Envelope:
    """What stands before each payload of one length on its way from `source` to `destination`.

    Both hosts are numeric and of one family; raises ValueError where not. The checksum of an IPv4
    header stays zero: Linux writes it (raw(7)).
    """

    def __init__(self, source: HostPort, destination: HostPort, size: int) -> None:
        ours = ipaddress.ip_address(source[0]).packed
        theirs = ipaddress.ip_address(destination[0]).packed
        length = 8 + size
        if len(ours) != len(theirs):
            raise ValueError("addresses of two families")
        if len(ours) == 16:
            header = _IPV6.pack(0x60000000, length, _UDP, _HOPS, ours, theirs)
        else:
            fields = (0x45, 0, _IPV4.size + length, 0, _DONT_FRAGMENT, _HOPS, _UDP, 0)
            header = _IPV4.pack(*fields, ours, theirs)
        ports = _PORTS.pack(source[1], destination[1], length)
        pseudo = ours + theirs + bytes((0, _UDP)) + length.to_bytes(2)
        self._head = header + ports
        self._sum = int.from_bytes(pseudo + ports)
        self._odd = bytes(size % 2)

    def seal(self, payload: bytes) -> bytes:
        """The packet. Its checksum is RFC 1071's: a sum of 16-bit words with the carries added is
        the whole number modulo 0xFFFF. It is never 0, which would say that there is none."""
        total = self._sum + int.from_bytes(payload + self._odd)
        return self._head + (0xFFFF - total % 0xFFFF).to_bytes(2) + payload

"""Where the IP packet begins in a frame, by the capture's link type.

Numbers: https://www.tcpdump.org/linktypes.html. What is in front of IP is only stepped over.
"""

from collections.abc import Callable
from typing import Final

_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_VLANS: Final = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
_PPPOE: Final = b"\x88\x64"
_MPLS: Final = (b"\x88\x47", b"\x88\x48")
_MOST_TAGS: Final = 4
_PPP: Final = {b"\x00\x21": _IPV4, b"\x00\x57": _IPV6}
_SNAP: Final = b"\xaa\xaa\x03\x00\x00\x00"

Finder = Callable[[bytes], int]


def _behind(kind: bytes, data: bytes, at: int) -> int:
    """Where IP begins behind an EtherType; -1 where it is none."""
    for _ in range(_MOST_TAGS):
        if kind in (_IPV4, _IPV6):
            return at
        if kind in _VLANS:
            kind, at = data[at + 2 : at + 4], at + 4
        elif kind == _PPPOE:  # RFC 2516: six bytes, then PPP's protocol
            return at + 8 if data[at + 6 : at + 8] in _PPP else -1
        elif kind in _MPLS:
            while len(data) > at + 3 and not data[at + 2] & 1:  # the bottom of the stack
                at += 4
            return at + 4
        elif int.from_bytes(kind) <= 1500 and data[at : at + 6] == _SNAP:  # IEEE 802.2
            kind, at = data[at + 6 : at + 8], at + 8
        else:
            return -1
    return -1


def _ethernet(data: bytes) -> int:
    return _behind(data[12:14], data, 14)


def _loopback(data: bytes) -> int:
    """A family in the byte order of the machine, or of the network; IP tells its version itself."""
    return 4


def _raw(data: bytes) -> int:
    return 0


def _cooked(data: bytes) -> int:
    return _behind(data[14:16], data, 16)


def _cooked2(data: bytes) -> int:
    return _behind(data[0:2], data, 20)


def _ppp(data: bytes) -> int:
    at = 2 if data[:2] == b"\xff\x03" else 0  # HDLC's address and control
    return at + 2 if data[at : at + 2] in _PPP else -1


def _wifi(data: bytes, start: int = 0) -> int:
    """IEEE 802.11: data frames that are not encrypted."""
    control = data[start : start + 2]
    if len(control) < 2 or control[0] & 0x0C != 0x08 or control[0] & 0x40 or control[1] & 0x40:
        return -1
    at = start + (30 if control[1] & 3 == 3 else 24)
    at += 2 if control[0] & 0x80 else 0  # QoS
    at += 4 if control[0] & 0x80 and control[1] & 0x80 else 0  # HT
    return _behind(data[at + 6 : at + 8], data, at + 8) if data[at : at + 6] == _SNAP else -1


def _radiotap(data: bytes) -> int:
    return _wifi(data, int.from_bytes(data[2:4], "little"))


# Where the EtherType stands, and where IP begins, in frames without any tag: what most are.
PLAIN: Final[dict[int, tuple[int, int]]] = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
FINDERS: Final[dict[int, Finder]] = {
    0: _loopback,  # NULL
    1: _ethernet,
    9: _ppp,
    12: _raw,  # RAW, as some systems number it
    14: _raw,
    50: _ppp,  # PPP_SERIAL
    51: lambda data: 8 if data[6:8] in _PPP else -1,  # PPP_ETHER
    101: _raw,
    105: _wifi,
    108: _loopback,
    113: _cooked,
    127: _radiotap,
    228: _raw,  # IPV4
    229: _raw,  # IPV6
    276: _cooked2,
}

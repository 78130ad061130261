"""Packets and captures by hand, for what no recorded call has in it."""

import struct
from collections.abc import Iterable
from ipaddress import ip_address

from rtcguard.network import stun

ETHERNET, VLAN = 1, b"\x81\x00\x00\x05"
MAC = bytes(12)


def binding(username: str = "", cookie: bool = True) -> bytes:
    attributes = [(stun.USERNAME, username.encode())] if username else []
    return stun.encode(stun.BINDING, stun.REQUEST, bytes(12 if cookie else 16), attributes)


def udp(sport: int, dport: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def tcp(sport: int, dport: int, sequence: int, payload: bytes, flags: int = 0x18) -> bytes:
    return struct.pack("!HHIIBBHHH", sport, dport, sequence, 0, 0x50, flags, 1, 0, 0) + payload


def ipv4(source: str, destination: str, protocol: int, body: bytes, fragment: int = 0) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    length = 20 + len(body)
    return struct.pack("!BBHHHBBH", 0x45, 0, length, 7, fragment, 64, protocol, 0) + ends + body


def ipv6(source: str, destination: str, protocol: int, body: bytes) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    return struct.pack("!IHBB", 0x60000000, len(body), protocol, 64) + ends + body


def ethernet(packet: bytes, tags: bytes = b"") -> bytes:
    return MAC + tags + kind(packet) + packet


def kind(packet: bytes) -> bytes:
    """The EtherType."""
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def pcap(frames: Iterable[bytes], link: int = ETHERNET, snapshot: int = 262144) -> bytes:
    made = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snapshot, link)
    for number, frame in enumerate(frames):
        kept = frame[:snapshot]
        made += struct.pack("<IIII", 1_700_000_000 + number, 0, len(kept), len(frame)) + kept
    return made

"""Packets with their IP header, against another implementation and by RFC 1071's own words."""

import ipaddress

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.network.datagrams import Envelope

ports = st.integers(0, 65535)


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)),
        st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6)),
    ),
    ports,
    ports,
    st.binary(max_size=60),
)
def test_dpkt_reads_what_was_meant(
    hosts: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...],
    source: int,
    destination: int,
    payload: bytes,
) -> None:
    ours, theirs = hosts
    envelope = Envelope((str(ours), source), (str(theirs), destination), len(payload))
    raw = envelope.seal(payload)
    packet = dpkt.ip.IP(raw) if ours.version == 4 else dpkt.ip6.IP6(raw)
    assert (packet.src, packet.dst, packet.p) == (ours.packed, theirs.packed, 17)
    assert (packet.ttl if ours.version == 4 else packet.hlim) == 64
    assert len(packet) == len(raw)
    udp = packet.data
    assert (udp.sport, udp.dport, udp.ulen, udp.data) == (
        source, destination, 8 + len(payload), payload,
    )  # fmt: skip
    assert udp.sum != 0
    covered = ours.packed + theirs.packed + b"\0\x11" + udp.ulen.to_bytes(2) + raw[-udp.ulen :]
    covered += bytes(len(covered) % 2)
    total = sum(int.from_bytes(covered[at : at + 2]) for at in range(0, len(covered), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


@pytest.mark.parametrize(("ours", "theirs"), [("10.0.0.1", "::1"), ("a.example", "10.0.0.1")])
def test_what_is_no_pair_of_addresses(ours: str, theirs: str) -> None:
    with pytest.raises(ValueError):
        Envelope((ours, 1), (theirs, 2), 20)

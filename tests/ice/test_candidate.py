"""Candidates: read without losing anything, and the ones that reach nobody."""

import pytest
from aioice import Candidate as Independent
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.ice import candidate

# Shortest: eight fields of the fewest characters.
SHORTEST = len("candidate:0 1 udp 0 :: 9 typ host")


@pytest.mark.parametrize(
    ("text", "transport", "address", "port", "kind", "others", "related_port"),
    [
        # Chromium.
        ("candidate:842163049 1 udp 2122260223 192.168.1.5 46154 typ host generation 0 ufrag F7gI "
         "network-id 1 network-cost 10", "udp", "192.168.1.5", 46154, "host", [], None),
        ("candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 192.168.1.5 rport "
         "50123 generation 0", "udp", "203.0.113.7", 46154, "srflx", ["192.168.1.5"], "50123"),
        ("candidate:1510613869 1 tcp 1518280447 192.168.1.5 9 typ host tcptype active generation 0 "
         "ufrag F7gI", "tcp", "192.168.1.5", 9, "host", [], None),
        ("a=candidate:2966157206 1 udp 41885439 198.51.100.7 49153 typ relay raddr 203.0.113.7 "
         "rport 46154 generation 0", "udp", "198.51.100.7", 49153, "relay", ["203.0.113.7"],
         "46154"),
        ("candidate:1 1 udp 41885439 198.51.100.7 49153 typ relay raddr 0.0.0.0 rport 0", "udp",
         "198.51.100.7", 49153, "relay", [], "0"),
        ("candidate:9 1 udp 2122 2001:db8:1::5 46154 typ srflx raddr fd00::17 rport 1", "udp",
         "2001:db8:1::5", 46154, "srflx", ["fd00::17"], "1"),
        # Firefox.
        ("candidate:0 1 UDP 2122252543 192.168.1.5 50123 typ host", "udp", "192.168.1.5", 50123,
         "host", [], None),
        ("candidate:0 1 UDP 2122252543 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 50123 typ host",
         "udp", "1f4712db-ea17-4bcf-a596-105139dfd8bf.local", 50123, "host", [], None),
        ("candidate:2 1 TCP 2105524479 192.168.1.5 9 typ host tcptype active", "tcp",
         "192.168.1.5", 9, "host", [], None),
        ("candidate:1 1 UDP 1686052863 203.0.113.7 50123 typ srflx raddr a.local rport 50123",
         "udp", "203.0.113.7", 50123, "srflx", ["a.local"], "50123"),
        ("candidate:3 2 UDP 92217086 198.51.100.7 49153 typ relay raddr 198.51.100.7 rport 49153",
         "udp", "198.51.100.7", 49153, "relay", ["198.51.100.7"], "49153"),
        # Teams, Webex.
        ("a=candidate:3 1 tcp-act 1684797951 203.0.113.7 50005 typ srflx raddr 10.0.0.5 rport "
         "50005", "tcp-act", "203.0.113.7", 50005, "srflx", ["10.0.0.5"], "50005"),
        ("candidate:0 1 xTLS 1755251710 mcs.webex.example 443 typ host fingerprint sha-256;AA:BB",
         "xtls", "mcs.webex.example", 443, "host", [], None),
        # Zones, spacing, case, further addresses.
        ("candidate:1 1 udp 1 fe80::1c2d%eth0 9 typ host", "udp", "fe80::1c2d%eth0", 9, "host", [],
         None),
        ("  A=Candidate:1\t1  udp 1 10.0.0.5   9 TYP HOST \r\n", "udp", "10.0.0.5", 9, "host", [],
         None),
        ("1 1 udp 1 10.0.0.5 9 typ host", "udp", "10.0.0.5", 9, "host", [], None),
        ("candidate: 1 1 udp 1 10.0.0.5 9 typ host", "udp", "10.0.0.5", 9, "host", [], None),
        ("candidate:1 1 ssltcp 1 10.0.0.5 9 typ anycast", "ssltcp", "10.0.0.5", 9, "anycast", [],
         None),
        ("candidate:1 1 udp 1 198.51.100.7 9 typ relay x-a 10.0.0.5 x-b fd00::17 rport 7", "udp",
         "198.51.100.7", 9, "relay", ["10.0.0.5", "fd00::17"], "7"),
        ("candidate:1 1 udp 1 198.51.100.7 9 typ relay RADDR 10.0.0.5 RPORT 7", "udp",
         "198.51.100.7", 9, "relay", ["10.0.0.5"], "7"),
    ],
)  # fmt: skip
def test_parse(
    text: str,
    transport: str,
    address: str,
    port: int,
    kind: str,
    others: list[str],
    related_port: str | None,
) -> None:
    read = candidate.parse(text)
    assert read.text == text
    assert (read.transport, read.address, read.port, read.type) == (transport, address, port, kind)
    assert text[slice(*read.address_span)] == address
    assert [text[start:end] for start, end in read.others] == others
    span = read.related_port_span
    assert (span and text[slice(*span)]) == related_port


def test_nothing_is_lost() -> None:
    text = "candidate:a+/9 2 udp 7 10.0.0.5 9 typ host tcptype so x-y 0 svn 16 svn 17"
    read = candidate.parse(text)
    assert (read.foundation, read.component, read.priority) == ("a+/9", 2, 7)
    assert read.extensions == (("tcptype", "so"), ("x-y", "0"), ("svn", "16"), ("svn", "17"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:",
        "candidate: Alice",
        "candidate:1 1 udp 1 10.0.0.5 9 typ",
        "candidate:1 1 udp 1 10.0.0.5 9 type host",
        "candidate:1 1 udp 1 10.0.0.5 65536 typ host",
        "candidate:1 1 udp 1 10.0.0.5 -9 typ host",
        "candidate:1 1 udp 1.5 10.0.0.5 9 typ host",
        "candidate:1 1 udp 12345678901 10.0.0.5 9 typ host",
        "candidate:1 \u0661 udp 1 10.0.0.5 9 typ host",
        "candidate:1 1 udp 1 10.0.0.5 9 typ host raddr",
        "candidate:1 1 udp 1 10.0.0.5 9 typ host raddr 10.0.0.5 rport",
    ],
)
def test_unreadable(text: str) -> None:
    with pytest.raises(ParseError):
        candidate.parse(text)


words = st.sampled_from(["candidate:1", "1", "udp", "10.0.0.5", "9", "typ", "host", "raddr", "\t"])


@given(st.text() | st.lists(words).map(" ".join))
def test_total(text: str) -> None:
    candidate.loose_address(text)
    try:
        read = candidate.parse(text)
    except ParseError:
        return
    assert text[slice(*read.address_span)] == read.address
    for start, end in read.others:
        assert text[start:end] and text[start:end].split() == [text[start:end]]
    candidate.is_inert(read)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("candidate:1 1 udp x 192.168.1.5 9 typ host", "192.168.1.5"),
        ("a=candidate:842163049 1 udp x 192.168.1.5 9 typ host", "192.168.1.5"),
        ("candidate:abc 1 udp x 2001:db8:1::5 9 typ host", "2001:db8:1::5"),
        ("candidate:face 1 udp x ::ffff:10.0.0.5 9 typ host", "::ffff:10.0.0.5"),
        ("candidate:0 1 udp x 1f4712db-ea17.local 9 typ host", "1f4712db-ea17.local"),
        ("candidate:0 1 udp x 203.0.113.7 9 typ srflx raddr 10.0.0.5", "203.0.113.7"),
        ("10.0.0.5", "10.0.0.5"),
        ("candidate: Alice", ""),
        ("candidate:Alice", ""),
        ("candidate: at 10:30", ""),
        ("", ""),
    ],
)
def test_loose_address(text: str, address: str) -> None:
    assert candidate.loose_address(text) == address


@pytest.mark.parametrize("length", range(0, 400))
def test_inert(length: int) -> None:
    made = candidate.inert_of_length(length)
    if length < SHORTEST:
        assert made is None
        return
    assert made is not None and len(made) == length
    read = candidate.parse(made)
    assert candidate.is_inert(read)
    assert (read.component, read.transport, read.port, read.type) == (1, "udp", 9, "host")
    independent = Independent.from_sdp(made.removeprefix("candidate:"))
    assert independent.host in ("0.0.0.0", "::")
    assert (independent.port, independent.type, independent.transport) == (9, "host", "udp")
    assert len(independent.foundation) <= 32  # RFC 8839 section 5.1: 1*32ice-char


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("candidate:0 1 udp 1 0.0.0.0 9 typ host", True),
        ("candidate:0 1 udp 1 240.10.100.100 9 typ relay raddr 0.0.0.0 rport 9", True),
        ("candidate:0 1 udp 1 :: 9 typ host x 000", True),
        ("candidate:0 1 udp 1 0000.invalid 9 typ host", True),
        ("candidate:0 1 udp 1 0.0.0.0 9 typ host raddr 10.0.0.5 rport 9", False),
        ("candidate:0 1 udp 1 0.0.0.0 9 typ host x a.local", False),
        ("candidate:0 1 udp 1 10.0.0.5 9 typ host", False),
        ("candidate:0 1 udp 1 127.0.0.1 9 typ host", False),
        ("candidate:0 1 udp 1 a.local 9 typ host", False),
        ("candidate:0 1 udp 1 turn.example.org 9 typ host", False),
    ],
)
def test_is_inert(text: str, expected: bool) -> None:
    assert candidate.is_inert(candidate.parse(text)) == expected

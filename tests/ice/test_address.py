"""Addresses: how much they tell, and what is written over them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.ice import address

any_address = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        # Each network with its first and last address and the neighbours outside it.
        ("9.255.255.255", "public"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("11.0.0.0", "public"),
        ("172.15.255.255", "public"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.167.255.255", "public"),
        ("192.168.0.0", "private"),
        ("192.168.255.255", "private"),
        ("192.169.0.0", "public"),
        ("100.63.255.255", "public"),
        ("100.64.0.0", "cgnat"),
        ("100.127.255.255", "cgnat"),
        ("100.128.0.0", "public"),
        ("169.253.255.255", "public"),
        ("169.254.0.0", "link-local"),
        ("169.254.255.255", "link-local"),
        ("169.255.0.0", "public"),
        ("126.255.255.255", "public"),
        ("127.0.0.0", "loopback"),
        ("127.255.255.255", "loopback"),
        ("128.0.0.0", "public"),
        ("223.255.255.255", "public"),
        ("224.0.0.0", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.255", "reserved"),
        ("0.0.0.0", "unspecified"),
        ("0.0.0.1", "reserved"),
        ("0.255.255.255", "reserved"),
        ("1.0.0.0", "public"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fbff:ffff::", "reserved"),
        ("fc00::", "ula"),
        ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ula"),
        ("fe00::", "reserved"),
        ("fe7f:ffff::", "reserved"),
        ("fe80::", "link-local"),
        ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"),
        ("ff00::", "multicast"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
        ("100::", "reserved"),
        ("100::ffff:ffff:ffff:ffff", "reserved"),
        ("2000::", "public"),
        ("2606:4700::1111", "public"),
        # Nobody owns documentation networks, yet a real host may be given such an address.
        ("192.0.2.1", "public"),
        ("198.51.100.1", "public"),
        ("203.0.113.1", "public"),
        ("2001:db8::1", "public"),
        # Brackets, zones and IPv4 in IPv6.
        ("[fe80::1]", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("[fe80::1%25eth0]", "link-local"),
        ("::ffff:192.168.1.5", "private"),
        ("::ffff:c0a8:0105", "private"),
        ("::FFFF:203.0.113.7", "public"),
        ("::ffff:0.0.0.0", "unspecified"),
        # Names, and neither.
        ("1f4712db-ea17-4bcf-a596-105139dfd8bf.local", "mdns"),
        ("Printer.LOCAL.", "mdns"),
        ("turn.example.org", "name"),
        ("localhost", "name"),
        ("_sip._udp.example.org", "name"),
        ("", "unknown"),
        (".", "unknown"),
        ("a b", "unknown"),
        ("10.0.0.1:80", "unknown"),
        ("fe80:::1", "unknown"),
    ],
)
def test_scope(text: str, scope: str) -> None:
    assert address.scope(text) == scope


@given(st.text() | any_address)
def test_scope_is_total(text: str) -> None:
    assert address.scope(text) in address.SCOPES
    address.canonical(text)
    address.is_unroutable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("Turn.Example.ORG", "turn.example.org"),
        ("010.0.0.1", "010.0.0.1"),  # ambiguous (octal in C): no address
        ("", ""),
    ],
)
def test_canonical(text: str, expected: str) -> None:
    assert address.canonical(text) == expected


@given(any_address)
def test_canonical_is_one_spelling(text: str) -> None:
    parsed = ipaddress.ip_address(text)
    spellings = {text, text.upper(), parsed.exploded, f"[{text}]", f"{text}%eth0"}
    assert len({address.canonical(one) for one in spellings}) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0", True),
        ("0.255.255.255", True),
        ("1.0.0.0", False),
        ("239.255.255.255", False),
        ("240.0.0.0", True),
        ("255.255.255.255", True),
        ("::", True),
        ("::1", False),
        ("100::", True),
        ("100::ffff:ffff:ffff:ffff", True),
        ("100:0:0:1::", False),
        ("::ffff:0.0.0.0", True),
        ("::ffff:10.0.0.1", False),
        ("::%0", True),
        ("x.invalid", True),
        ("X.INVALID", True),
        ("invalid.example", False),
        ("0000", False),
        ("", False),
    ],
)
def test_unroutable(text: str, expected: bool) -> None:
    assert address.is_unroutable(text) == expected


IPV4 = [  # one of each length, and more
    "1.1.1.1",
    "10.1.1.1",
    "10.0.0.10",
    "10.0.10.10",
    "192.168.1.5",
    "203.0.113.77",
    "203.10.113.77",
    "203.100.113.7",
    "203.100.113.77",
    "203.100.113.177",
]


@pytest.mark.parametrize("text", IPV4)
def test_ipv4_stand_ins(text: str) -> None:
    made = address.unroutable_of_length(text, len(text))
    assert len(made) == len(text)
    parsed = ipaddress.ip_address(made)  # strict: no leading zeros, which some read as octal
    assert parsed.version == 4
    assert parsed in ipaddress.ip_network("0.0.0.0/8") or parsed in ipaddress.ip_network(
        "240.0.0.0/4"
    )
    assert address.is_unroutable(made)


def spelled(length: int) -> str:
    """An IPv6 address of eight groups in a spelling of this length, longer ones with a zone."""
    if length > 39:
        return "fd00" + ":1111" * 7 + "%" + "z" * (length - 40)
    digits = length - 7
    return ":".join("1" * (digits // 8 + (index < digits % 8)) for index in range(8))


@pytest.mark.parametrize("length", [*range(15, 40), *range(41, 80)])
def test_long_ipv6_stand_ins(length: int) -> None:
    _ipv6_stand_in(spelled(length))


@pytest.mark.parametrize(
    "text",
    ["::", "::1", "::11", "1::2", "1::22", "fd00::", "fd00::1", "fd00::12", "fd00::123",
     "fd00::1234", "fd00::1:234", "fd00::12:345", "fd00::123:456", "fd00::1234:567",
     "::ffff:10.0.0.1", "fe80::1%eth0"],
)  # fmt: skip
def test_ipv6_stand_ins(text: str) -> None:
    _ipv6_stand_in(text)


def _ipv6_stand_in(text: str) -> None:
    made = address.unroutable_of_length(text, len(text))
    assert len(made) == len(text)
    bare, _, zone = made.partition("%")
    parsed = ipaddress.ip_address(bare)
    assert parsed.version == 6
    assert parsed.is_unspecified or parsed in ipaddress.ip_network("100::/64")
    assert set(zone) <= {"0"} and bool(zone) == (len(text) > 39)
    assert address.is_unroutable(made)


@pytest.mark.parametrize("text", ["a.local", "b" * 60 + ".local", "turn.example.org", "short", ""])
def test_name_stand_ins(text: str) -> None:
    made = address.unroutable_of_length(text, len(text))
    assert len(made) == len(text)
    if len(text) > 8:
        assert made.strip("0") == ".invalid"
        assert address.is_unroutable(made)
    else:
        assert set(made) <= {"0"} or (len(made) > 6 and address.is_unroutable(made))


@given(any_address | st.from_regex(r"[a-z]{3,20}\.local", fullmatch=True))
def test_a_stand_in_of_its_own_length(text: str) -> None:
    made = address.unroutable_of_length(text, len(text))
    assert len(made) == len(text)
    assert address.is_unroutable(made)
    assert (":" in made) == (":" in text)
    assert address.unroutable_of_length(made, len(made)) == made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("local=192.168.1.5;x", ["192.168.1.5"]),
        ("a=x-local:203.0.113.77:99", ["203.0.113.77"]),
        ("[fd00:aaaa::17]:4000", ["fd00:aaaa::17"]),
        ("a=x:2001:DB8:1::5", ["2001:DB8:1::5"]),
        ("raddr ::ffff:10.0.0.5 rport 7", ["::ffff:10.0.0.5"]),
        ("host 1f4712db-ea17.local.", ["1f4712db-ea17.local"]),
        ("at 10:30, version 1.2.3", []),
        ("AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89", []),
        ("", []),
    ],
)
def test_spans(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in address.spans(text)] == found


@given(
    any_address,
    st.sampled_from(["", " ", "=", "[", ";", "x="]),
    st.sampled_from(["", " ", "]", ",", ";"]),
)
def test_an_address_is_found_in_text(text: str, before: str, after: str) -> None:
    made = f"{before}{text}{after}"
    wanted = address.canonical(text)
    assert wanted in [address.canonical(made[a:b]) for a, b in address.spans(made)]

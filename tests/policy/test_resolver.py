"""How DNS servers are written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.policy.model import Resolver
from rtcguard.policy.resolver import parse_resolver


@pytest.mark.parametrize(
    ("text", "resolver"),
    [
        ("192.0.2.53", Resolver("udp", "192.0.2.53", 53)),
        ("udp://192.0.2.53", Resolver("udp", "192.0.2.53", 53)),
        ("192.0.2.53:5353", Resolver("udp", "192.0.2.53", 5353)),
        ("tcp://192.0.2.53", Resolver("tcp", "192.0.2.53", 53)),
        ("tls://192.0.2.53", Resolver("tls", "192.0.2.53", 853)),
        ("tls://192.0.2.53:8853#DNS.example.org",
         Resolver("tls", "192.0.2.53", 8853, "dns.example.org")),
        ("[2001:db8::53]", Resolver("udp", "2001:db8::53", 53)),
        ("tls://[2001:DB8:0::53]:853#d.example", Resolver("tls", "2001:db8::53", 853, "d.example")),
    ],
)  # fmt: skip
def test_forms(text: str, resolver: Resolver) -> None:
    assert parse_resolver(text) == resolver


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a DNS server"),
        ("dns.example.org", "'dns.example.org' is not an IP address"),
        ("tls://dns.example.org", "is not an IP address"),
        ("2001:db8::53", "an IPv6 address stands in brackets"),
        ("https://192.0.2.53/dns-query", "is not a DNS server"),
        ("quic://192.0.2.53", "is not a DNS server"),
        ("192.0.2.53:0", "port 0 is out of range"),
        ("192.0.2.53:99999", "port 99999 is out of range"),
        ("192.0.2.53#dns.example", "which only tls:// can check"),
        ("192.0.2.256", "is not an IP address"),
        ("0.0.0.0", "0.0.0.0 is no server's address"),
        ("[ff02::1]", "ff02::1 is no server's address"),
        ("tls://192.0.2.53#", "is not a DNS server"),
    ],
)
def test_mistakes(text: str, problem: str) -> None:
    with pytest.raises(ParseError) as raised:
        parse_resolver(text)
    assert problem in str(raised.value)


@given(st.text(max_size=60) | st.from_regex(r"(tls://)?\[?[0-9a-f:.]{1,20}\]?(:\d+)?(#\w+)?"))
def test_total(text: str) -> None:
    with contextlib.suppress(ParseError):
        assert parse_resolver(text).host

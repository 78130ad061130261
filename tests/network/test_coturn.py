"""The text of coturn's configuration; that coturn does what it says: tests/app/test_relay.py."""

import ipaddress

import pytest

from rtcguard.ice.address import SCOPES, scope
from rtcguard.ice.server import parse_uri
from rtcguard.network.coturn import DENIED, MARK, Server, configuration
from rtcguard.policy.model import Coturn


def lines(
    *urls: str,
    secret: str = "s",
    listen: tuple[str, ...] = ("10.9.0.1",),
    relay: tuple[str, ...] = ("192.0.2.1",),
    settings: Coturn | None = None,
) -> list[str]:
    uris = tuple(map(parse_uri, urls or ("turn:relay.example",)))
    return configuration(Server(uris, secret, listen, relay, settings or Coturn())).splitlines()


def test_it_begins_with_its_mark_and_its_log() -> None:
    """What stands before log-file is logged to a file in /var/log."""
    assert lines()[:2] == [MARK, "log-file=stdout"]


def test_each_line_is_an_option_once_or_a_comment() -> None:
    options = [line for line in lines("turn:a", "turns:a", settings=_tls()) if line[:1] not in "#"]
    several = ("listening-ip", "relay-ip", "denied-peer-ip", "allowed-peer-ip")
    names = [option.partition("=")[0] for option in options]
    once = [name for name in names if name not in several]
    assert sorted(set(once)) == sorted(once)
    assert all(option == option.strip() for option in options)


def _tls(**more: object) -> Coturn:
    return Coturn(certificate="/etc/turn.pem", private_key="/etc/turn.key", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("urls", "there", "absent"),
    [
        (["turn:a"], ["listening-port=3478", "no-tcp", "no-tls", "no-dtls"], ["no-udp"]),
        (["turn:a:99?transport=tcp"], ["listening-port=99", "no-udp", "no-tls"], ["no-tcp"]),
        (
            ["turns:a"],
            ["tls-listening-port=5349", "cert=/etc/turn.pem", "no-tlsv1", "no-udp", "no-tcp"],
            ["no-tls", "listening-port=5349"],
        ),
        (["turns:a?transport=udp"], ["no-tls"], ["no-dtls"]),
        (
            ["turn:a", "turn:a:80", "turns:a:443", "turn:a:443?transport=tcp"],
            ["listening-port=3478", "tls-listening-port=443", "aux-server=10.9.0.1:80"],
            ["aux-server=10.9.0.1:443", "no-udp", "no-tcp", "no-tls"],
        ),
        (["turn:a", "turn:a:443", "turns:a:443"], ["aux-server=10.9.0.1:443"], []),
    ],
)
def test_it_listens_for_what_the_urls_say(
    urls: list[str], there: list[str], absent: list[str]
) -> None:
    made = lines(*urls, settings=_tls())
    assert set(there) <= set(made)
    assert not set(absent) & set(made)


def test_ipv6_is_written_with_brackets_where_a_port_follows() -> None:
    made = lines("turn:a", "turn:a:80", listen=("2001:db8::1",))
    assert {"listening-ip=2001:db8::1", "aux-server=[2001:db8::1]:80"} <= set(made)


def test_addresses_and_nat() -> None:
    made = lines(relay=("10.9.0.1", "2001:db8::1"), settings=Coturn(external_address="192.0.2.9"))
    assert "external-ip=192.0.2.9/10.9.0.1" in made
    assert {"relay-ip=10.9.0.1", "relay-ip=2001:db8::1"} <= set(made)
    assert "allowed-peer-ip=10.9.0.1-10.9.0.1" in made, "two of its clients meet there"
    assert not any("allowed-peer-ip=2001" in line for line in made)
    assert "allow-loopback-peers" not in made
    anywhere = lines(listen=(), relay=(), settings=Coturn(external_address="192.0.2.9"))
    assert "external-ip=192.0.2.9" in anywhere
    assert not any(line.startswith(("relay-ip", "listening-ip")) for line in anywhere)


def test_exceptions() -> None:
    allowed = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32"))
    made = lines(settings=Coturn(allowed_peers=allowed))
    assert "allowed-peer-ip=10.1.0.0-10.1.255.255" in made
    assert "allowed-peer-ip=fd00:1::-fd00:1:ffff:ffff:ffff:ffff:ffff:ffff" in made


def test_what_is_denied_covers_each_scope_but_the_public_one() -> None:
    denied = [ipaddress.ip_network(text) for text in DENIED]
    v4 = "10.1.2.3 172.20.0.1 192.168.5.5 100.100.0.1 169.254.1.1 127.8.8.8 0.0.0.0"
    v6 = "::1 :: fd12::1 fe80::5 ff02::fb fec0::1 64:ff9b::a00:1"
    examples = [*v4.split(), "224.0.0.5", "240.0.0.1", *v6.split()]
    for example in examples:
        address = ipaddress.ip_address(example)
        assert any(address in network for network in denied), example
    for example in ("8.8.8.8", "2001:4860:4860::8888", "192.0.2.1", "2001:db8::1"):
        assert not any(ipaddress.ip_address(example) in network for network in denied)
    seen = {scope(example) for example in examples}
    assert set(SCOPES) - {"public", "mdns", "name", "unknown"} <= seen


def test_no_range_begins_with_the_unspecified_address() -> None:
    """coturn takes it for "any": `::-::ffff:ffff` denied each IPv4 peer."""
    ranges = [line.partition("=")[2] for line in lines() if line.startswith("denied-peer-ip")]
    assert len(ranges) == len(DENIED)
    assert not [one for one in ranges if one.startswith(("::-", "0.0.0.0-"))]


@pytest.mark.parametrize("secret", ["", "a b", "a\nno-auth", '"a', "=a", "ä", "\ufffd", "a\0"])
def test_secrets_that_cannot_stand_there(secret: str) -> None:
    with pytest.raises(ValueError, match="shared secret cannot stand"):
        lines(secret=secret)


def test_tls_needs_a_certificate_and_ports_addresses() -> None:
    with pytest.raises(ValueError, match=r"relay\.coturn\.certificate"):
        lines("turns:a")
    with pytest.raises(ValueError, match=r"relay\.coturn\.listen"):
        lines("turn:a", "turn:a:80", listen=())

"""Server URIs by RFC 7064 and RFC 7065, and credentials that end by themselves."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.ice.server import IceServer, ServerUri, parse_uri, timed_credentials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RFC 7064 appendix A.
        ("stun:example.org", ServerUri("stun", "example.org", 3478, "udp")),
        ("stuns:example.org", ServerUri("stuns", "example.org", 5349, "tcp")),
        ("stun:example.org:8000", ServerUri("stun", "example.org", 8000, "udp")),
        # RFC 7065 appendix A.
        ("turn:example.org", ServerUri("turn", "example.org", 3478, "udp")),
        ("turns:example.org", ServerUri("turns", "example.org", 5349, "tcp")),
        ("turn:example.org:8000", ServerUri("turn", "example.org", 8000, "udp")),
        ("turn:example.org?transport=udp", ServerUri("turn", "example.org", 3478, "udp")),
        ("turn:example.org?transport=tcp", ServerUri("turn", "example.org", 3478, "tcp")),
        ("turns:example.org?transport=tcp", ServerUri("turns", "example.org", 5349, "tcp")),
        ("turn:192.0.2.7:443?transport=tcp", ServerUri("turn", "192.0.2.7", 443, "tcp")),
        ("turn:[2001:db8::7]", ServerUri("turn", "2001:db8::7", 3478, "udp")),
        ("turn:[2001:DB8::7]:443", ServerUri("turn", "2001:db8::7", 443, "udp")),
        ("turn:a-b_c.example.", ServerUri("turn", "a-b_c.example.", 3478, "udp")),
        # The scheme and the host do not differ by case (RFC 3986 section 6.2.2.1).
        ("TURN:Turn.Example.ORG?transport=TCP", ServerUri("turn", "turn.example.org", 3478, "tcp")),
        ("turn:a:1", ServerUri("turn", "a", 1, "udp")),
        ("turn:a:65535", ServerUri("turn", "a", 65535, "udp")),
    ],
)
def test_uris(text: str, expected: ServerUri) -> None:
    assert parse_uri(text) == expected
    assert expected.is_turn == text.lower().startswith("turn")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "turn:",
        "turn:?transport=udp",
        "example.org",
        "http://example.org",
        "turn://example.org",
        "turn:user@example.org",
        "turn:example.org:",
        "turn:example.org:0",
        "turn:example.org:65536",
        "turn:example.org:port",
        "turn:example.org?transport=",
        "turn:example.org?transport=sctp",
        "turn:example.org?proto=udp",
        "turn:example.org?transport=udp&a=b",
        "turn:example.org/path",
        "turn:[2001:db8::7",
        "turn:2001:db8::7",
        "turn:exa mple.org",
        " turn:example.org",
        "turn:example.org\n",
        "turn:ex\u0430mple.org",
        "turnſ:example.org",
    ],
)
def test_no_uris(text: str) -> None:
    with pytest.raises(ParseError):
        parse_uri(text)


@given(st.text() | st.text("turnsTURNS:[]?=.transpoudc0123456789abcf"))
def test_total(text: str) -> None:
    try:
        uri = parse_uri(text)
    except ParseError:
        return
    assert 0 < uri.port < 65536 and uri.transport in ("udp", "tcp")


uris = st.builds(
    ServerUri,
    st.sampled_from(["turn", "turns"]),
    st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True) | st.ip_addresses().map(str),
    st.integers(1, 65535),
    st.sampled_from(["udp", "tcp"]),
)


@given(uris)
def test_written_and_read(uri: ServerUri) -> None:
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        (ServerUri("stun", "a.example", 3478, "udp"), "stun:a.example:3478"),
        (ServerUri("turns", "a.example", 443, "tcp"), "turns:a.example:443?transport=tcp"),
        (ServerUri("turn", "::1", 3478, "udp"), "turn:[::1]:3478?transport=udp"),
    ],
)
def test_written(uri: ServerUri, text: str) -> None:
    assert str(uri) == text


def hmac_sha1(key: bytes, message: bytes) -> bytes:
    """RFC 2104 by hand."""
    block = (hashlib.sha1(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha1(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return hashlib.sha1(bytes(byte ^ 0x5C for byte in block) + inner).digest()


def test_hmac_by_hand() -> None:
    """RFC 2202, test case 2: the yardstick is right."""
    digest = hmac_sha1(b"Jefe", b"what do ya want for nothing?")
    assert digest.hex() == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"


@given(st.binary(min_size=1, max_size=100), st.integers(0, 2**40), st.text(max_size=20))
def test_timed_credentials(secret: bytes, expiry: int, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    username, password = timed_credentials(secret, expiry, name)
    assert username == f"{expiry}:{name}"
    assert base64.b64decode(password, validate=True) == hmac_sha1(secret, username.encode())


def test_server_with_a_secret() -> None:
    server = IceServer(("turn:a.example", "turns:a.example"), secret=b"north", lifetime=3600)
    made = server.to_rtc(1_700_000_000, "10.1.2.3")
    assert made == {
        "urls": ["turn:a.example", "turns:a.example"],
        "username": "1700003600:10.1.2.3",
        "credential": base64.b64encode(hmac_sha1(b"north", b"1700003600:10.1.2.3")).decode(),
    }


def test_server_with_a_fixed_user() -> None:
    made = IceServer(("turn:a.example",), "alice", "secret").to_rtc(1_700_000_000, "x")
    assert made == {"urls": ["turn:a.example"], "username": "alice", "credential": "secret"}

"""The parser and the builder, against RFC 5769, aioice, and bytes that nobody meant."""

import hashlib
import hmac
import ipaddress

import pytest
from aioice import stun as aioice
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.errors import ParseError
from rtcguard.network import stun

# RFC 5769 sections 2.1 to 2.4. That they are copied right is shown by their own integrity.
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RESPONSE4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RESPONSE6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014"
    "a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
LONG_TERM = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e"
    "00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700"
    "0008001" + "4f67024656dd64a3e02b8e0712e85c9a28ca89666"
)
# RFC 8489 appendix B.1, as its erratum 6268 corrects it.
SHA256 = bytes.fromhex(
    "000100902112a44278ad3433c6ad72c029da412e"
    "001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704"
    "001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000"
    "0014000b6578616d706c652e6f726700001d000400020000"
    "001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65"
)
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")

attributes = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0x6, 0x8, 0x9, 0x20, 0x8022, 0x8028])),
        st.binary(max_size=70),
    ),
    max_size=8,
)
methods = st.integers(0, 0xFFF)
classes = st.integers(0, 3)
transactions = st.binary(min_size=12, max_size=12)
valid = st.one_of(
    st.sampled_from([REQUEST, RESPONSE4, RESPONSE6, LONG_TERM]),
    st.builds(stun.encode, methods, classes, transactions, attributes, fingerprint=st.booleans()),
)


def read(datagram: bytes) -> stun.Message | None:
    """Parses, and asks everything that can be asked: only ParseError may come out."""
    try:
        message = stun.parse(datagram)
    except ParseError:
        return None
    assert isinstance(message.method_name, str) and 0 <= message.message_class <= 3
    assert isinstance(message.software, str)
    stun.ice_ufrags(message.username)
    assert message.fingerprint_ok in (None, True, False)
    assert message.integrity_ok(b"key") in (None, True, False)
    assert message.integrity_sha256_ok(b"key") in (None, True, False)
    return message


def test_rfc5769_request() -> None:
    message = stun.parse(REQUEST)
    assert (message.method, message.message_class) == (stun.BINDING, stun.REQUEST)
    assert message.transaction_id == TRANSACTION
    assert not message.classic
    assert [type for type, _ in message.attributes] == [0x8022, 0x24, 0x8029, 0x6, 0x8, 0x8028]
    assert message.software == "STUN test client"
    assert message.username == "evtj:h6vY"
    assert message.attribute(0x24) == bytes.fromhex("6e0001ff")
    assert message.attribute(0x9999) is None
    assert message.fingerprint_ok is True
    assert message.integrity_ok(PASSWORD) is True
    assert message.integrity_ok(b"another") is False


@pytest.mark.parametrize(
    ("datagram", "host"),
    [(RESPONSE4, "192.0.2.1"), (RESPONSE6, "2001:db8:1234:5678:11:2233:4455:6677")],
)
def test_rfc5769_responses(datagram: bytes, host: str) -> None:
    message = stun.parse(datagram)
    assert (message.method, message.message_class) == (stun.BINDING, stun.SUCCESS)
    assert message.software == "test vector"
    value = message.attribute(stun.XOR_MAPPED_ADDRESS)
    assert value is not None
    assert stun.decode_xor_address(value, message.transaction_id) == (host, 32853)
    assert stun.encode_xor_address(host, 32853, message.transaction_id) == value
    assert message.fingerprint_ok is True
    assert message.integrity_ok(PASSWORD) is True


def test_rfc5769_request_with_long_term_authentication() -> None:
    message = stun.parse(LONG_TERM)
    assert message.username == "マトリックス"
    key = hashlib.md5(f"{message.username}:example.org:TheMatrIX".encode()).digest()
    assert message.integrity_ok(key) is True
    assert message.fingerprint_ok is None


def test_message_integrity_sha256_of_long_term_credentials() -> None:
    message = stun.parse(SHA256)
    assert [number for number, _ in message.attributes] == [0x1E, 0x15, 0x14, 0x1D, 0x1C]
    user, realm = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9", "example.org"
    assert message.attribute(0x1E) == hashlib.sha256(f"{user}:{realm}".encode()).digest()
    key = hashlib.sha256(f"{user}:{realm}:TheMatrIX".encode()).digest()
    assert message.integrity_sha256_ok(key) is True
    assert message.integrity_sha256_ok(b"another") is False


def test_message_integrity_sha256_may_be_cut_short() -> None:
    """RFC 8489 section 14.6; what stands behind it does not count but for the length."""
    key = b"a password"
    body = b"\x80\x22\x00\x04lab!"
    for length in (16, 20, 24, 28, 32):
        size = len(body) + 4 + length
        header = b"\x00\x01" + size.to_bytes(2) + b"\x21\x12\xa4\x42" + TRANSACTION
        value = hmac.digest(key, header + body, "sha256")[:length]
        raw = header + body + b"\x00\x1c" + length.to_bytes(2) + value
        for behind in (b"", b"\x80\x28\x00\x04abcd"):
            total = (len(raw) - 20 + len(behind)).to_bytes(2)
            message = stun.parse(raw[:2] + total + raw[4:] + behind)
            assert message.integrity_sha256_ok(key) is True
            assert message.integrity_sha256_ok(b"another") is False
            assert message.integrity_ok(key) is None
    for length in (0, 12, 18, 36):
        short = stun.encode(1, 0, TRANSACTION, [(0x001C, bytes(length))])
        assert stun.parse(short).integrity_sha256_ok(key) is False
    assert stun.parse(REQUEST).integrity_sha256_ok(key) is None


@pytest.mark.parametrize("offset", range(len(REQUEST)))
def test_no_bit_of_the_request_can_change_unnoticed(offset: int) -> None:
    changed = bytearray(REQUEST)
    changed[offset] ^= 1
    message = read(bytes(changed))
    assert message is None or message.fingerprint_ok is not True
    if message is not None and offset < len(REQUEST) - 8:  # what MESSAGE-INTEGRITY covers
        assert message.integrity_ok(PASSWORD) is not True


@given(st.binary(max_size=400))
def test_parse_is_total(datagram: bytes) -> None:
    read(datagram)


@given(valid, st.data())
def test_parse_is_total_for_what_was_once_valid(datagram: bytes, data: st.DataObject) -> None:
    mutated = bytearray(datagram)
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(mutated)))
    read(bytes(mutated))
    read(bytes(mutated[:cut]))
    read(bytes(mutated) + data.draw(st.binary(min_size=1, max_size=9)))


@given(methods, classes, transactions, attributes, st.booleans())
def test_round_trip(
    method: int,
    message_class: int,
    transaction: bytes,
    written: list[tuple[int, bytes]],
    fingerprint: bool,
) -> None:
    datagram = stun.encode(method, message_class, transaction, written, fingerprint=fingerprint)
    message = stun.parse(datagram)
    assert (message.method, message.message_class) == (method, message_class)
    assert message.transaction_id == transaction
    assert message.raw == datagram
    count = len(written)
    assert list(message.attributes[:count]) == written
    assert [type for type, _ in message.attributes[count:]] == [stun.FINGERPRINT] * fingerprint
    if fingerprint and all(type != stun.FINGERPRINT for type, _ in written):
        assert message.fingerprint_ok is True


@given(valid)
def test_padding_may_hold_anything_but_must_be_there(datagram: bytes) -> None:
    message = stun.parse(datagram)
    longer = stun.encode(
        message.method,
        message.message_class,
        message.transaction_id,
        [*message.attributes, (0x8022, b"x")],
    )
    assert stun.parse(longer[:-3] + b"\xff\x00\xff").attributes[-1] == (0x8022, b"x")
    for missing in (1, 2, 3):
        short = longer[:-missing]
        honest = short[:2] + (len(short) - 20).to_bytes(2) + short[4:]
        assert read(short) is None
        assert read(honest) is None


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        REQUEST[:19],
        b"\x40" + REQUEST[1:],  # ChannelData of TURN
        b"\x80" + REQUEST[1:],  # RTP
        REQUEST + bytes(4),
        REQUEST[:-4],
        REQUEST[:3] + b"\x57" + REQUEST[4:],
        REQUEST[:22] + b"\xff\xff" + REQUEST[24:],
    ],
)
def test_strict(datagram: bytes) -> None:
    with pytest.raises(ParseError):
        stun.parse(datagram)


def test_classic_messages_have_no_cookie() -> None:
    datagram = stun.encode(stun.BINDING, stun.REQUEST, bytes(range(16)), [(0x3, bytes(4))])
    message = stun.parse(datagram)
    assert message.classic
    assert message.transaction_id == bytes(range(16))
    assert message.attributes == ((0x3, bytes(4)),)
    for type in (0x0011, 0x0004, 0x0200):  # an indication, Refresh, GOOG-PING: not of RFC 3489
        with pytest.raises(ParseError):
            stun.parse(type.to_bytes(2) + datagram[2:])


@pytest.mark.parametrize("method", list(aioice.Method))
@pytest.mark.parametrize("message_class", list(aioice.Class))
def test_aioice_reads_types_alike(method: aioice.Method, message_class: aioice.Class) -> None:
    peer = aioice.Message(method, message_class, TRANSACTION, {"USERNAME": "evtj:h6vY"})
    peer.add_message_integrity(PASSWORD)
    message = stun.parse(bytes(peer))
    assert message.method == method
    assert message.message_class == list(aioice.Class).index(message_class)
    assert message.method_name.upper() == method.name.replace("_", "")
    assert message.fingerprint_ok and message.integrity_ok(PASSWORD)
    built = stun.encode(message.method, message.message_class, TRANSACTION, fingerprint=True)
    assert aioice.parse_message(built).message_class == message_class


def test_googles_ping() -> None:
    message = stun.parse(stun.encode(0x080, stun.REQUEST, TRANSACTION))
    assert message.type == 0x0200  # GOOG_PING_REQUEST in libwebrtc's stun.h
    assert message.method_name == "GOOG-PING"
    assert stun.parse(stun.encode(0x123, stun.REQUEST, TRANSACTION)).method_name == "method 0x123"


@given(st.ip_addresses(), st.integers(0, 65535), transactions)
def test_xor_addresses(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, transaction: bytes
) -> None:
    value = stun.encode_xor_address(str(address), port, transaction)
    assert stun.decode_xor_address(value, transaction) == (str(address), port)
    assert aioice.unpack_xor_address(value, transaction) == (str(address), port)
    assert aioice.unpack_address(stun.encode_address(str(address), port)) == (str(address), port)


@given(st.binary(max_size=24), transactions)
def test_decoding_addresses_is_total(value: bytes, transaction: bytes) -> None:
    try:
        host, port = stun.decode_xor_address(value, transaction)
    except ParseError:
        return
    assert stun.encode_xor_address(host, port, transaction)[1:] == value[1:]


def test_fingerprint_must_be_last_and_alone() -> None:
    good = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, fingerprint=True)
    fingerprint = stun.parse(good).attributes[0]
    for wrong in ([fingerprint, (0x8022, b"")], [(stun.FINGERPRINT, b"12")]):
        message = stun.parse(stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, wrong))
        assert message.fingerprint_ok is False
    twice = stun.encode(stun.BINDING, 0, TRANSACTION, [fingerprint], fingerprint=True)
    assert stun.parse(twice).fingerprint_ok is False


def test_the_first_of_two_attributes_counts() -> None:
    names = [(stun.USERNAME, b"first"), (stun.USERNAME, b"second")]
    message = stun.parse(stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, names))
    assert message.username == "first"
    assert list(message.attributes) == names


def test_text_that_is_not_utf8_is_empty() -> None:
    datagram = stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, [(stun.USERNAME, b"\xff\xfe")])
    assert stun.parse(datagram).username == ""


@pytest.mark.parametrize("transaction", [b"", bytes(11), bytes(13), bytes(20)])
def test_encode_refuses_other_transaction_ids(transaction: bytes) -> None:
    with pytest.raises(ValueError):
        stun.encode(stun.BINDING, stun.REQUEST, transaction)


def test_encode_refuses_what_is_too_long() -> None:
    with pytest.raises(ValueError):
        stun.encode(stun.BINDING, stun.REQUEST, TRANSACTION, [(0x13, bytes(65530))])


@pytest.mark.parametrize(
    ("username", "fragments"),
    [
        ("evtj:h6vY", ("evtj", "h6vY")),
        ("a/+b:c", ("a/+b", "c")),
        ("evtj", None),
        ("evtj:", None),
        (":h6vY", None),
        ("a:b:c", None),
        ("evtj:\x1b[31m", None),
        ("evtj:" + "x" * 257, None),
        ("", None),
    ],
)
def test_ice_ufrags(username: str, fragments: tuple[str, str] | None) -> None:
    assert stun.ice_ufrags(username) == fragments

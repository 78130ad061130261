"""STUN messages: RFC 8489, with the methods of TURN (RFC 8656, RFC 6062) and classic RFC 3489.

    0                   16                  32
    |00| message type   | length of the rest |   20 bytes, then attributes:
    | magic cookie 0x2112A442                |   type, length, value, padding to four bytes
    | transaction id, 12 bytes               |

The parser is strict and lossless: every attribute stays as bytes, in its order, duplicates and
unknown ones too. Whether FINGERPRINT and MESSAGE-INTEGRITY hold is asked of the message, for each
caller makes something else of it.
"""

import hmac
import ipaddress
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.network.attributes import MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256

COOKIE: Final = 0x2112A442
HEADER_LENGTH: Final = 20

# Classes, RFC 8489 section 5.
REQUEST: Final = 0
INDICATION: Final = 1
SUCCESS: Final = 2
ERROR: Final = 3
CLASS_NAMES: Final = ("request", "indication", "success response", "error response")

BINDING: Final = 0x001
SHARED_SECRET: Final = 0x002
ALLOCATE: Final = 0x003
METHOD_NAMES: Final = {
    BINDING: "Binding",
    SHARED_SECRET: "SharedSecret",  # RFC 3489, gone since RFC 5389
    ALLOCATE: "Allocate",
    0x004: "Refresh",
    0x006: "Send",
    0x007: "Data",
    0x008: "CreatePermission",
    0x009: "ChannelBind",
    0x00A: "Connect",
    0x00B: "ConnectionBind",
    0x00C: "ConnectionAttempt",
    0x080: "GOOG-PING",  # libwebrtc's short ICE check: message type 0x0200
}

MAPPED_ADDRESS: Final = 0x0001
USERNAME: Final = 0x0006
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
XOR_MAPPED_ADDRESS: Final = 0x0020
SOFTWARE: Final = 0x8022
FINGERPRINT: Final = 0x8028

Attribute = tuple[int, bytes]

_HEADER = struct.Struct("!HHI")
_PAIR = struct.Struct("!HH")
_FINGERPRINT_XOR = 0x5354554E
_FINGERPRINT_LENGTH = 8
_SHA256_LENGTHS = range(16, 33, 4)
# Without a cookie only the messages of RFC 3489, and the Allocate of the TURN of its time (which
# Microsoft's still speaks), are taken for STUN: of arbitrary datagrams too many would pass.
_CLASSIC_METHODS = (BINDING, SHARED_SECRET, ALLOCATE)
# RFC 8839 section 5.4 has letters, digits, `+` and `/`; libwebrtc lets the others pass too.
_UFRAG_CHARACTERS = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-=#_"
)


@dataclass(frozen=True, slots=True)
class Message:
    """One STUN message. `raw` is the datagram it was read from; `transaction_id` has 12 bytes, or
    16 where there is no cookie (`classic`)."""

    raw: bytes
    type: int
    transaction_id: bytes
    attributes: tuple[Attribute, ...]
    classic: bool

    @property
    def method(self) -> int:
        return (self.type & 0x3E00) >> 2 | (self.type & 0x00E0) >> 1 | self.type & 0x000F

    @property
    def message_class(self) -> int:
        """REQUEST, INDICATION, SUCCESS or ERROR."""
        return (self.type & 0x0100) >> 7 | (self.type & 0x0010) >> 4

    @property
    def method_name(self) -> str:
        return METHOD_NAMES.get(self.method) or f"method {self.method:#05x}"

    def attribute(self, type: int) -> bytes | None:
        """The value of the first attribute of this type: RFC 8489 section 14 ignores the others."""
        return next((value for number, value in self.attributes if number == type), None)

    @property
    def username(self) -> str:
        """USERNAME; empty where it is absent or not UTF-8. Any character may stand in it."""
        return self._text(USERNAME)

    @property
    def software(self) -> str:
        """SOFTWARE; empty where it is absent or not UTF-8. Any character may stand in it."""
        return self._text(SOFTWARE)

    @property
    def fingerprint_ok(self) -> bool | None:
        """Whether FINGERPRINT is last and right (RFC 8489 section 14.7); None where absent."""
        types = [number for number, _ in self.attributes]
        if FINGERPRINT not in types:
            return None
        value = self.attributes[-1][1]
        if types.index(FINGERPRINT) != len(types) - 1 or len(value) != 4:
            return False
        return value == _fingerprint(self.raw[:-_FINGERPRINT_LENGTH])

    def integrity_ok(self, key: bytes) -> bool | None:
        """Whether MESSAGE-INTEGRITY was made with `key` (RFC 8489 section 14.5); None where it is
        absent, or made by the other rules of RFC 3489.

        `key` is the password of short-term credentials, or MD5(user:realm:password).
        """
        found = self._hashed(MESSAGE_INTEGRITY)
        if found is None:
            return None
        value, covered = found
        return hmac.compare_digest(value, hmac.digest(key, covered, "sha1"))

    def integrity_sha256_ok(self, key: bytes) -> bool | None:
        """The same of MESSAGE-INTEGRITY-SHA256 (section 14.6), which may be cut short to 16 bytes.

        `key` is the password of short-term credentials, or what the algorithm that was agreed on
        (section 18.5) makes of the long-term ones.
        """
        found = self._hashed(MESSAGE_INTEGRITY_SHA256)
        if found is None:
            return None
        value, covered = found
        if len(value) not in _SHA256_LENGTHS:
            return False
        return hmac.compare_digest(value, hmac.digest(key, covered, "sha256")[: len(value)])

    def _hashed(self, type: int) -> tuple[bytes, bytes] | None:
        """The value of an integrity attribute, and the bytes that it was made of."""
        end = HEADER_LENGTH
        for number, value in self.attributes:
            if number == type and not self.classic:
                # The length in the hashed header ends with this attribute, whatever follows it.
                length = end + 4 + len(value) - HEADER_LENGTH
                return value, self.raw[:2] + length.to_bytes(2) + self.raw[4:end]
            end += 4 + len(value) + -len(value) % 4
        return None

    def _text(self, type: int) -> str:
        try:
            return (self.attribute(type) or b"").decode()
        except UnicodeDecodeError:
            return ""


def parse(datagram: bytes) -> Message:
    """Reads a datagram that is one STUN message from its first byte to its last.

    Padding must be there; what it holds does not matter (RFC 8489 section 14). Raises ParseError,
    whose text has no part of the datagram in it.
    """
    if len(datagram) < HEADER_LENGTH:
        raise ParseError("shorter than a header")
    type, length, cookie = _HEADER.unpack_from(datagram)
    if type & 0xC000:
        raise ParseError("the first two bits are not zero")
    if length != len(datagram) - HEADER_LENGTH or length % 4:
        raise ParseError("the length does not fit")
    classic = cookie != COOKIE
    message = Message(
        raw=datagram,
        type=type,
        transaction_id=datagram[4 if classic else 8 : HEADER_LENGTH],
        attributes=_attributes(datagram) if length else (),
        classic=classic,
    )
    if classic and (message.method not in _CLASSIC_METHODS or message.message_class == INDICATION):
        raise ParseError("no magic cookie, and no message of RFC 3489")
    return message


def encode(
    method: int,
    message_class: int,
    transaction_id: bytes,
    attributes: Iterable[Attribute] = (),
    *,
    fingerprint: bool = False,
) -> bytes:
    """The datagram of one message, padded with zeros; classic by a transaction id of 16 bytes.

    Raises ValueError for a transaction id of another length and for attributes that do not fit.
    """
    parts: list[bytes] = []
    for number, value in attributes:
        parts += (number.to_bytes(2), len(value).to_bytes(2), value, bytes(-len(value) % 4))
    body = b"".join(parts)
    if len(transaction_id) not in (12, 16) or len(body) > 0xFFFF - _FINGERPRINT_LENGTH:
        raise ValueError("a transaction id has 12 or 16 bytes, a message fewer than 65528")
    type = (method & 0xF80) << 2 | (method & 0x070) << 1 | method & 0x00F
    type |= (message_class & 2) << 7 | (message_class & 1) << 4
    length = len(body) + (_FINGERPRINT_LENGTH if fingerprint else 0)
    cookie = COOKIE.to_bytes(4) if len(transaction_id) == 12 else b""
    message = _PAIR.pack(type, length) + cookie + transaction_id + body
    if fingerprint:
        message += _PAIR.pack(FINGERPRINT, 4) + _fingerprint(message)
    return message


def error_code(code: int, reason: str) -> bytes:
    """The value of ERROR-CODE, RFC 8489 section 14.8: `code` from 300 to 699."""
    return bytes((0, 0, code // 100, code % 100)) + reason.encode()


def unknown_attributes(types: Sequence[int], *, classic: bool) -> bytes:
    """The value of UNKNOWN-ATTRIBUTES, section 14.9. RFC 3489 section 11.2.10 knows no padding: of
    an odd number, one is repeated."""
    odd = tuple(types[-1:]) if classic and len(types) % 2 else ()
    return b"".join(number.to_bytes(2) for number in (*types, *odd))


def encode_address(host: str, port: int) -> bytes:
    """The value of MAPPED-ADDRESS, RFC 8489 section 14.1. Raises ValueError for a host name."""
    address = ipaddress.ip_address(host)
    return bytes((0, 1 if address.version == 4 else 2)) + port.to_bytes(2) + address.packed


def encode_xor_address(host: str, port: int, transaction_id: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS and its kin, RFC 8489 section 14.2."""
    return _xor(encode_address(host, port), transaction_id)


def decode_xor_address(value: bytes, transaction_id: bytes) -> tuple[str, int]:
    """Host and port in an XOR-MAPPED-ADDRESS. Raises ParseError."""
    if (len(value), value[1:2]) not in ((8, b"\x01"), (20, b"\x02")):
        raise ParseError("neither an IPv4 nor an IPv6 address")
    clear = _xor(value, transaction_id)
    return str(ipaddress.ip_address(clear[4:])), int.from_bytes(clear[2:4])


def ice_ufrags(username: str) -> tuple[str, str] | None:
    """The user name fragments (receiver's, sender's) in the USERNAME of an ICE check, or None.

    RFC 8445 section 7.2.2: who sends the check puts the peer's fragment first, its own second.
    """
    receiver, _, sender = username.partition(":")
    if not (0 < len(receiver) <= 256 and 0 < len(sender) <= 256):
        return None
    return (receiver, sender) if _UFRAG_CHARACTERS.issuperset(receiver + sender) else None


def _attributes(datagram: bytes) -> tuple[Attribute, ...]:
    """Everything after the header. The whole is a multiple of four bytes, so each header fits."""
    attributes = []
    start, end = HEADER_LENGTH, len(datagram)
    while start < end:
        number, length = _PAIR.unpack_from(datagram, start)
        start += 4
        if start + length + -length % 4 > end:
            raise ParseError("an attribute goes beyond the end")
        attributes.append((number, datagram[start : start + length]))
        start += length + -length % 4
    return tuple(attributes)


def _fingerprint(message: bytes) -> bytes:
    """The value of FINGERPRINT for all that stands before it, its length in the header already."""
    return (zlib.crc32(message) ^ _FINGERPRINT_XOR).to_bytes(4)


def _xor(address: bytes, transaction_id: bytes) -> bytes:
    """Port with the cookie's upper half, address with cookie and transaction id; both ways."""
    cookie = COOKIE.to_bytes(4)
    mask = bytes(2) + cookie[:2] + cookie + transaction_id
    return bytes(a ^ b for a, b in zip(address, mask, strict=False))

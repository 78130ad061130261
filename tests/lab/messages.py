"""What raw senders send: one function a message, from a mark to its bytes.

The mark stands in every message where a capture can find it: in the transaction id, or in plain.
"""

from __future__ import annotations

import struct

from rtcguard.network import stun

from .net import CLIENT, CLIENT_PUBLIC

REQUESTED_UDP = (0x0019, b"\x11\0\0\0")
CLASSIC_ID, ID = 16, 12
CHANNEL = 0x4000


def binding(mark: bytes) -> bytes:
    return stun.encode(stun.BINDING, stun.REQUEST, mark.ljust(ID))


def check(mark: bytes) -> bytes:
    """A connectivity check of ICE (RFC 8445 section 7.1.1), whose source becomes prflx."""
    attributes = (
        (stun.USERNAME, b"far1:near"),
        (0x0024, (1 << 24).to_bytes(4)),  # PRIORITY
        (0x802A, bytes(8)),  # ICE-CONTROLLING
        (0x0025, b""),  # USE-CANDIDATE
        (stun.MESSAGE_INTEGRITY, bytes(20)),
    )
    return stun.encode(stun.BINDING, stun.REQUEST, mark.ljust(ID), attributes, fingerprint=True)


def classic(mark: bytes) -> bytes:
    """RFC 3489: sixteen bytes of transaction id and no cookie."""
    return stun.encode(stun.BINDING, stun.REQUEST, mark.ljust(CLASSIC_ID))


def allocate(mark: bytes) -> bytes:
    return stun.encode(stun.ALLOCATE, stun.REQUEST, mark.ljust(ID), (REQUESTED_UDP,))


def named_allocate(mark: bytes) -> bytes:
    """A user name that tells an address: TURN as a way out for data."""
    name = (stun.USERNAME, f"{CLIENT.v4}:{CLIENT_PUBLIC}".encode())
    return stun.encode(stun.ALLOCATE, stun.REQUEST, mark.ljust(ID), (REQUESTED_UDP, name))


def allocate_again(mark: bytes) -> bytes:
    """The second Allocate, with credentials, as it follows on a server's 401."""
    who = ((stun.USERNAME, b"user"), (0x0014, b"realm"), (0x0015, b"nonce"))
    attributes = (REQUESTED_UDP, *who, (stun.MESSAGE_INTEGRITY, bytes(20)))
    return stun.encode(stun.ALLOCATE, stun.REQUEST, mark.ljust(ID), attributes)


def goog_ping(mark: bytes) -> bytes:
    return stun.encode(0x080, stun.REQUEST, mark.ljust(ID))


def connect(mark: bytes) -> bytes:
    """RFC 6062: the TURN server shall open a TCP connection."""
    return stun.encode(
        0x00A, stun.REQUEST, mark.ljust(ID), ((0x0012, b"\0\x01\0\x09\xcb\0\x71\1"),)
    )


def connection_bind(mark: bytes) -> bytes:
    return stun.encode(0x00B, stun.REQUEST, mark.ljust(ID), ((0x002A, bytes(4)),))


def send_indication(mark: bytes) -> bytes:
    return stun.encode(0x006, stun.INDICATION, mark.ljust(ID), ((0x0013, b"data"),))


def binding_indication(mark: bytes) -> bytes:
    return stun.encode(stun.BINDING, stun.INDICATION, mark.ljust(ID))


def response(mark: bytes) -> bytes:
    """An answer that nobody asked for tells its source as well."""
    return stun.encode(stun.BINDING, stun.SUCCESS, mark.ljust(ID))


def channel_data(mark: bytes) -> bytes:
    return struct.pack("!HH", CHANNEL, len(mark)) + mark + bytes(-len(mark) % 4)


def odd_length(mark: bytes) -> bytes:
    """The cookie in its place behind a length that no message can have."""
    return struct.pack("!HHI", 0x0001, 3, stun.COOKIE) + mark.ljust(ID) + b"odd"


def late_cookie(mark: bytes) -> bytes:
    """A whole message behind a byte of something else: the cookie stands at an odd place."""
    return b"\xff" + binding(mark)


def padded(mark: bytes) -> bytes:
    """Longer than any link's MTU, so that it goes in fragments."""
    return stun.encode(stun.BINDING, stun.REQUEST, mark.ljust(ID), ((0x8023, bytes(2000)),))


def framed(mark: bytes) -> bytes:
    """ICE over TCP: RFC 4571's length in front."""
    message = check(mark)
    return len(message).to_bytes(2) + message


def media(mark: bytes) -> bytes:
    """A packet of RTP, without any STUN."""
    return struct.pack("!BBHII", 0x80, 96, 1, 1, 1) + mark.ljust(160)


def anything(mark: bytes) -> bytes:
    return b"\0not STUN: " + mark


def greeting(_: bytes) -> bytes:
    """What nobody needs to stop: it tells nothing."""
    return b"\0something else, to begin with"


def dtls_hello(mark: bytes) -> bytes:
    """A ClientHello of DTLS 1.2 (RFC 6347), as stuns: and turns: over UDP begin (RFC 7350)."""
    body = b"\xfe\xfd" + mark.ljust(32) + b"\0\0" + b"\0\x02\xc0\x2b" + b"\x01\0"
    handshake = b"\x01" + len(body).to_bytes(3) + bytes(5) + len(body).to_bytes(3) + body
    return b"\x16\xfe\xfd" + bytes(8) + len(handshake).to_bytes(2) + handshake


def quic_initial(mark: bytes) -> bytes:
    """The first packet of QUIC (RFC 9000 section 17.2.2), its mark as the connection's id."""
    head = b"\xc3\0\0\0\x01\x08" + mark.ljust(8) + b"\0\0"
    return (head + b"\x44\x9e").ljust(1200, b"\x5a")


def dns_query(mark: bytes) -> bytes:
    """Asks for `stun.<mark>.example`: a name is a way out too."""
    labels = (b"stun", mark, b"example")
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + name + b"\0\x01\0\x01"


def local_query(mark: bytes) -> bytes:
    """The same in the manner of mDNS and LLMNR, for `<mark>.local`."""
    name = bytes([len(mark)]) + mark + b"\x05local\0"
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name + b"\0\x01\0\x01"


def framed_query(mark: bytes) -> bytes:
    query = dns_query(mark)
    return len(query).to_bytes(2) + query


# SDP that tells addresses in each of the places that it has for them.
_HEAD = "v=0\r\no=- 1 1 IN IP4 {v4}\r\ns={mark}\r\nt=0 0\r\n"
_MEDIA = "m=application 40404 UDP/DTLS/SCTP webrtc-datachannel\r\n"
SDP = {
    "host": _HEAD + _MEDIA + "a=candidate:1 1 udp 2130706431 {v4} 40404 typ host\r\n"
    "a=candidate:2 1 udp 2130706430 {v6} 40404 typ host\r\n"
    "a=candidate:3 1 tcp 1518280447 {v4} 9 typ host tcptype active\r\n",
    "raddr": _HEAD + _MEDIA + "a=candidate:1 1 udp 16777215 198.51.100.10 20001 typ relay"
    " raddr {public} rport 40404\r\n"
    "a=candidate:2 1 udp 1677729535 {public} 40404 typ srflx raddr {v4} rport 40404\r\n",
    "lines": _HEAD
    + "c=IN IP4 {v4}\r\n"
    + _MEDIA
    + "c=IN IP6 {v6}\r\na=rtcp:40404 IN IP4 {public}\r\n",
    "odd": _HEAD
    + "a=candidate:9 1 UDP 1 {v4} 1 TYP host\n"
    + _MEDIA
    + "a=remote-candidates:1 {v4} 1\n"
    "a=candidate:1  1\tudp 2130706431  {v4}  40404  TYP  HOST\r"
    "a=candidate:2 1 udp 2130706431 {v6} 40404 typ unheard\n",
}


def post(kind: str, mark: bytes, host: str) -> bytes:
    """An offer of one of the kinds of `SDP`, sent to a site as WHIP does it (RFC 9725)."""
    fields = {"mark": mark.decode(), "v4": CLIENT.v4, "v6": CLIENT.v6, "public": CLIENT_PUBLIC}
    body = SDP[kind].format(**fields)
    name = f"[{host}]" if ":" in host else host
    return (
        f"POST /whip HTTP/1.1\r\nHost: {name}\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()

"""Amazon Chime's join: plain descriptions from then on, and approved TURN servers.

A frame is a byte, 5 or 2, and an SdkSignalFrame (SignalingProtocol.proto of amazon-chime-sdk-js):
timestamp_ms 1, type 2, join 4 (wants_compressed_sdp 7), joinack 5 (turn_credentials 1,
wants_compressed_sdp 3). Compressed descriptions need the one before as a dictionary, so nobody
between could read them: the wish for them is taken away, and one that is sent all the same does not
pass. The client is relay-only where the credentials (username 1, password 2, ttl 3, uris 4) name
any server.
"""

from collections.abc import Sequence
from typing import Final

from rtcguard.errors import ParseError, PayloadBlocked
from rtcguard.ice.server import RtcIceServer
from rtcguard.signaling import protobuf
from rtcguard.signaling.message import Message
from rtcguard.signaling.protobuf import LENGTH, VARINT, Field

_FIRST: Final = (b"\x05", b"\x02")
_JOIN, _JOIN_ACK = 4, 5
# By the number of sub and suback: what holds a compressed description in them.
_COMPRESSED: Final = {6: 8, 7: 5}
_WANTS_COMPRESSED: Final = {_JOIN: 7, _JOIN_ACK: 3}
_CREDENTIALS: Final = 1
_TTL: Final = 300  # seconds; the client asks again by itself


def relay_only(message: Message) -> bytes | None:
    """The frame with what makes its client relay-only and readable; None where it is no join."""
    first, content = message.content[:1], message.content[1:]
    if first not in _FIRST:
        return None
    try:
        frame = protobuf.read(content)
        if [field.number for field in frame[:2]] != [1, 2] or frame[1].wire != VARINT:
            return None
        made = [_joined(field, message.servers) for field in frame]
    except ParseError:
        return None
    return None if made == frame else first + protobuf.write(made)


def _joined(field: Field, servers: Sequence[RtcIceServer]) -> Field:
    if field.wire != LENGTH or field.number not in {**_COMPRESSED, **_WANTS_COMPRESSED}:
        return field
    inner = protobuf.read(field.value)
    if any(one.number == _COMPRESSED.get(field.number) for one in inner):
        raise PayloadBlocked("a description that is compressed by the one before it")
    wants = _WANTS_COMPRESSED.get(field.number, 0)
    fields = [
        protobuf.number(wants, 0) if one.number == wants and one.wire == VARINT else one
        for one in inner
    ]
    if field.number == _JOIN_ACK and servers:
        fields = [one for one in fields if one.number != _CREDENTIALS]
        fields.insert(0, Field(_CREDENTIALS, LENGTH, _credentials(servers[0])))
    return Field(field.number, LENGTH, protobuf.write(fields))


def _credentials(server: RtcIceServer) -> bytes:
    """The TURN credentials of one server: the frame has room for one user name only."""
    return protobuf.write(
        [
            protobuf.text(1, server["username"]),
            protobuf.text(2, server["credential"]),
            protobuf.number(3, _TTL),
            *(protobuf.text(4, url) for url in server["urls"]),
        ]
    )

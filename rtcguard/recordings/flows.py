"""Flow files, as mitmproxy and mitmdump save them: tnetstrings, one mapping a flow.

    length ":" value kind        kind: `,` bytes `;` text `#` number `^` float `!` `~` `]` list `}`

The kind stands behind the value, and a value may be a whole download. So this reads by what the
keys are known to be, holds what is used and small, and steps over all else; mitmproxy's own reader
holds each flow whole, and asks for as much memory as a flow says that it has.
"""

from collections.abc import Iterator
from typing import Any, Final

from rtcguard.errors import ParseError
from rtcguard.ice.address import canonical
from rtcguard.policy.model import HostPort
from rtcguard.policy.record import Record
from rtcguard.proxy.bodies import LIMIT
from rtcguard.recordings.decoding import decoded
from rtcguard.recordings.exchange import Exchange, Headers, header
from rtcguard.recordings.har import UNHELD
from rtcguard.recordings.http1 import UNDECODED
from rtcguard.recordings.scene import Scene, seconds
from rtcguard.recordings.source import Source
from rtcguard.recordings.streams import Stream
from rtcguard.recordings.stun_packets import StunPackets
from rtcguard.recordings.websocket import PROTOCOL

_MAPPINGS: Final = frozenset(("", "request", "response", "websocket", "client_conn", "server_conn"))
_MESSAGES: Final = ("messages", "websocket.messages")
_USED: Final = frozenset(
    (
        "type",
        *(f"request.{key}" for key in ("method", "path", "authority", "host", "port")),
        *(f"request.{key}" for key in ("headers", "content", "timestamp_start")),
        *(f"response.{key}" for key in ("headers", "content", "timestamp_start")),
        *(f"{side}_conn.{key}" for side in ("client", "server") for key in ("peername", "address")),
    )
)
_MOST_MESSAGES: Final = 1 << 17
_MOST_HELD: Final = 1 << 25
_OTHERS: Final = "flows that are neither HTTP, TCP nor UDP"
_DEEPEST: Final = 8
_LONGEST_HEAD: Final = 13  # twelve digits and the colon


class _TooLong:
    """Stands for a value that is longer than anything that is used."""


class _Reader:
    """The values of one file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def flow(self) -> dict[str, Any] | None:
        """The used values of the next flow, by their path; None at the end."""
        if not self._source.peek(1):
            self._source.read(1)  # tells of a packed file that is cut
            return None
        values: dict[str, Any] = {}
        self._mapping("", self._length(1 << 62), values)
        return values

    def _length(self, end: int) -> int:
        head = self._source.peek(_LONGEST_HEAD)
        digits, colon, _ = head.partition(b":")
        if not colon or not digits.isdigit():
            raise ParseError("a length is missing" if len(head) > 1 else "it is cut off")
        self._source.skip(len(digits) + 1)
        length = int(digits)
        if self._source.offset + length + 1 > end:
            raise ParseError(f"it says that it has {length} bytes")
        return length

    def _kind(self, length: int) -> bytes:
        if not self._source.skip(length) or not (kind := self._source.read(1)):
            raise ParseError("it is cut off")
        return kind

    def _mapping(self, path: str, length: int, values: dict[str, Any]) -> None:
        end = self._source.offset + length
        while self._source.offset < end:
            key = self._value(self._length(end), LIMIT)
            key = key.decode("latin-1") if isinstance(key, bytes) else key
            if not isinstance(key, str):
                raise ParseError("a key is no text")
            inner = f"{path}.{key}" if path else key
            length = self._length(end)
            if not length:
                self._kind(0)
            elif inner in _MAPPINGS:
                self._mapping(inner, length, values)
            elif inner in _MESSAGES:
                self._messages(length, values)
            elif inner in _USED:
                values[inner] = self._value(length, LIMIT)
            else:
                self._kind(length)
        if self._kind(0) not in b"}~":
            raise ParseError("it is no mapping")

    def _messages(self, length: int, values: dict[str, Any]) -> None:
        end, held = self._source.offset + length, 0
        messages = values["messages"] = []
        while self._source.offset < end:
            size = self._length(end)
            held += size
            if held > _MOST_HELD or len(messages) >= _MOST_MESSAGES:
                values["overfull"] = True
                self._kind(size)
            else:
                messages.append(self._value(size, 2 * LIMIT))
        self._kind(0)

    def _value(self, length: int, limit: int) -> Any:
        if length > limit:
            self._kind(length)
            return _TooLong
        raw = self._source.read(length + 1)
        if len(raw) <= length:
            raise ParseError("it is cut off")
        return _parsed(raw[:length], raw[length:], 0)


def _parsed(value: bytes, kind: bytes, depth: int) -> Any:
    try:
        if kind == b",":
            return value
        if kind == b";":
            return value.decode("utf-8", "surrogateescape")
        if kind == b"#":
            return int(value)
        if kind == b"^":
            return float(value)
    except ValueError as error:
        raise ParseError("a number is none") from error
    if kind == b"!":
        return value == b"true"
    if kind == b"~":
        return None
    if kind != b"]" or depth >= _DEEPEST:
        raise ParseError("a value of an unknown kind")
    made, at = [], 0
    while at < len(value):
        colon = value.find(b":", at, at + _LONGEST_HEAD)
        digits = value[at:colon]
        if colon < 0 or not digits.isdigit():
            raise ParseError("a length is missing")
        at = colon + 1 + int(digits)
        made.append(_parsed(value[colon + 1 : at], value[at : at + 1], depth + 1))
        at += 1
    return made


def read(source: Source, scene: Scene) -> Iterator[Record]:
    """What the flows tell, one by one."""
    reader, number = _Reader(source), 0
    while True:
        begin = source.offset
        try:
            values = reader.flow()
        except ParseError as error:
            raise ParseError(f"flow {number + 1} at byte {begin}: {error}") from error
        if values is None:
            return
        number += 1
        if values.get("overfull"):
            scene.notes[UNHELD] += 1
        kind = values.get("type")
        if kind == "http":
            yield from _http(values, scene)
        elif kind in ("tcp", "udp"):
            yield from _raw(values, scene, is_tcp=kind == "tcp")
        else:
            scene.notes[_OTHERS] += 1


def _http(values: dict[str, Any], scene: Scene) -> Iterator[Record]:
    client = _host_port(values, "client_conn")[0]
    headers = _headers(values.get("request.headers"))
    named = header(headers, "host") or _text(values.get("request.authority"))
    host = named if named.endswith("]") else named.rpartition(":")[0] or named
    if not host or not named.rpartition(":")[2].isdigit():
        host = named or _text(values.get("request.host"))
    exchange = Exchange(
        scene,
        client,
        _text(values.get("request.method")),
        canonical(host.strip("[]").rstrip(".")),
        _port(values.get("request.port")),
        _text(values.get("request.path")),
        headers,
    )
    at = seconds(values.get("request.timestamp_start"))
    yield from exchange.request(_body(values.get("request.content"), headers, exchange), at)
    headers = _headers(values.get("response.headers"))
    at = seconds(values.get("response.timestamp_start")) or at
    body = _body(values.get("response.content"), headers, exchange)
    yield from exchange.response(headers, body, at)
    for message in values.get("messages", ()):  # kind, from the client, content, time, …
        if isinstance(message, list) and len(message) >= 4 and isinstance(message[2], bytes):
            _, is_sent, content, time, *_ = message
            at, to_server = seconds(time), is_sent is True
            yield from exchange.judge(content, at, to_server=to_server, protocol=PROTOCOL)


def _raw(values: dict[str, Any], scene: Scene, *, is_tcp: bool) -> Iterator[Record]:
    """What mitmproxy handed on as it came: datagrams, or the bytes of a connection."""
    client, server = _host_port(values, "client_conn"), _host_port(values, "server_conn")
    scene.meet(client[0])
    stun = StunPackets(scene)
    stream = Stream(scene, stun, client, server)
    for message in values.get("messages", ()):  # from the client, content, time
        if not (isinstance(message, list) and len(message) >= 3 and isinstance(message[1], bytes)):
            continue
        to_server, at = message[0] is True, seconds(message[2])
        if not is_tcp:
            ends = (client, server) if to_server else (server, client)
            stun.packet(message[1], *ends, at)
        elif stream.wanted:
            yield from stream.feed(message[1], at, to_server=to_server)
    yield from stream.end()
    yield from stun.rest()


def _host_port(values: dict[str, Any], side: str) -> HostPort:
    for key in ("peername", "address"):
        found = values.get(f"{side}.{key}")
        if isinstance(found, list) and len(found) >= 2:
            return canonical(_text(found[0])), _port(found[1])
    return "", 0


def _port(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 65536 else 0


def _headers(found: Any) -> Headers:
    pairs = found if isinstance(found, list) else []
    return [
        (_text(pair[0]).lower(), _text(pair[1]))
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2
    ]


def _body(content: Any, headers: Headers, exchange: Exchange) -> bytes:
    if content is _TooLong:
        exchange.note_too_large(headers)
    if not isinstance(content, bytes):
        return b""
    try:
        return decoded(content, header(headers, "content-encoding"), LIMIT)
    except ParseError:
        exchange.scene.notes[UNDECODED] += 1
        return b""


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else ""

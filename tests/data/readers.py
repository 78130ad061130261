"""Independent readers of the samples: what a message says, without any code of rtcguard.

`texts(reader, content)` gives every text of a message, those inside base64, gzip, percent-encoding,
hex and JSON strings included. A test of the rewriter looks there for what must not remain, and a
`ReadError` says that a message is no longer what it claims to be.
"""

from __future__ import annotations

import base64
import binascii
import email.policy
import gzip
import importlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit
from xml.etree import ElementTree

import msgpack

DEPTH = 8
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")


class ReadError(Exception):
    """A message is not what its manifest says."""


def texts(reader: str, content: bytes) -> list[str]:
    """Every text in a message, outer ones first."""
    try:
        leaves = list(READERS[reader](content))
    except (ValueError, IndexError, EOFError, zlib.error, ElementTree.ParseError) as error:
        raise ReadError(f"{reader}: {error}") from error
    found: list[str] = []
    for leaf in leaves:
        _open(leaf, found, DEPTH)
    return found


def says(address: str, found: list[str]) -> bool:
    """Whether an address stands in a text, not as a part of a longer one."""
    pattern = re.compile(rf"(?<![0-9A-Fa-f:.]){re.escape(address)}(?![0-9A-Fa-f:]|\.[0-9])", re.I)
    mapped = re.compile(rf"::ffff:{re.escape(address)}(?![0-9A-Fa-f:]|\.[0-9])", re.I)
    return any(pattern.search(text) or mapped.search(text) for text in found)


# ---- looking into a text ----
def _open(leaf: str | bytes, found: list[str], depth: int) -> None:
    if isinstance(leaf, bytes):
        found_text = leaf.decode("utf-8", "replace")
        found.append(found_text)
        inner = _inflated(leaf)
        if inner is not None and depth:
            _open(inner, found, depth - 1)
        # A length or a tag may stand before JSON.
        start = leaf.find(b"{")
        if start > 0 and depth:
            for text in _inside(leaf[start:].decode("utf-8", "replace")):
                _open(text, found, depth - 1)
        leaf = found_text
    else:
        found.append(leaf)
    if not depth:
        return
    for inner in _inside(leaf.strip()):
        _open(inner, found, depth - 1)


def _inside(text: str) -> Iterator[str | bytes]:
    if text[:1] in ("{", "[", '"'):
        try:
            value, _ = json.JSONDecoder().raw_decode(text)
        except ValueError:
            pass
        else:
            yield from _strings(value)
            return
    if "%" in text:
        clear = unquote_plus(text)
        if clear != text:
            yield clear
    if text.startswith("data:") and ";base64," in text:
        text = text.partition(";base64,")[2]
    joined = "".join(text.split())
    if HEX.fullmatch(joined):
        yield bytes.fromhex(joined)
    elif BASE64.fullmatch(joined):
        padded = joined.rstrip("=") + "=" * (-len(joined.rstrip("=")) % 4)
        try:
            yield base64.b64decode(padded.translate(str.maketrans("-_", "+/")), validate=True)
        except binascii.Error:
            return


def _strings(value: Any) -> Iterator[str | bytes]:
    if isinstance(value, (str, bytes)):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(key)
            yield from _strings(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, msgpack.ExtType):
        yield value.data


def _inflated(content: bytes) -> bytes | None:
    for window in (31, 15, -15):
        machine = zlib.decompressobj(window)
        try:
            clear = machine.decompress(content) + machine.flush()
        except zlib.error:
            continue
        if machine.eof and not machine.unused_data and clear:
            return clear
    return None


# ---- one reader a format ----
Leaves = Iterator[str | bytes]


def _none(content: bytes) -> Leaves:
    yield content


def _json(content: bytes, encoding: str = "utf-8") -> Leaves:
    yield from _strings(json.loads(content.decode(encoding)))


def _ndjson(content: bytes) -> Leaves:
    for line in content.splitlines():
        yield from _json(line)


def _form(content: bytes) -> Leaves:
    text = content.decode("ascii")
    query = urlsplit(text).query if text.startswith("/") else text
    for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=True):
        yield name
        yield value
        # WebChannel puts a form into one value.
        if value.startswith("count="):
            yield from _form(value.encode())


def _msgpack(content: bytes) -> Leaves:
    try:
        yield from _strings(msgpack.unpackb(content, strict_map_key=False))
    except (msgpack.exceptions.UnpackException, msgpack.exceptions.ExtraData) as error:
        raise ValueError(str(error)) from error


def _cbor(content: bytes) -> Leaves:
    cbor2 = importlib.import_module("cbor2")
    stream = io.BytesIO(content)
    try:
        value = cbor2.load(stream)
    except cbor2.CBORDecodeError as error:
        raise ValueError(str(error)) from error
    if stream.read(1):
        raise ValueError("bytes after the item")
    yield from _strings(value)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint that does not end")


def _fields(content: bytes) -> list[bytes]:
    """The values of wire type 2 of one protobuf message."""
    at, values = 0, []
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if tag >> 3 == 0:
            raise ValueError("field 0")
        if kind == 2:
            length, at = _varint(content, at)
            if at + length > len(content):
                raise ValueError("a field longer than its message")
            values.append(content[at : at + length])
            at += length
        elif kind == 0:
            _, at = _varint(content, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
            if at > len(content):
                raise ValueError("a number longer than its message")
        else:
            raise ValueError(f"wire type {kind}")
    return values


def _protobuf(content: bytes) -> Leaves:
    for value in _fields(content):
        yield value
        try:
            yield from list(_protobuf(value))
        except (ValueError, IndexError):
            continue


def _livekit_join_request(content: bytes) -> Leaves:
    query = dict(parse_qsl(urlsplit(content.decode("ascii")).query, strict_parsing=True))
    wrapped = base64.urlsafe_b64decode(query["join_request"])
    (request,) = _fields(wrapped)
    yield from _protobuf(gzip.decompress(request) if request[:2] == b"\x1f\x8b" else request)


def _chime(content: bytes) -> Leaves:
    if content[0] not in (2, 5):
        raise ValueError("not a frame of Chime")
    yield from _protobuf(content[1:])


def _grpc_web(content: bytes) -> Leaves:
    while content:
        flag, length = content[0], int.from_bytes(content[1:5])
        message, content = content[5 : 5 + length], content[5 + length :]
        if len(message) != length:
            raise ValueError("a frame that is cut")
        if flag & 0x80:
            yield message
        else:
            yield from _protobuf(message)


def _grpc_web_text(content: bytes) -> Leaves:
    parts = re.findall(r"[A-Za-z0-9+/]+={0,2}", content.decode("ascii"))
    yield from _grpc_web(b"".join(base64.b64decode(part, validate=True) for part in parts))


def _xml(content: bytes) -> Leaves:
    for element in ElementTree.fromstring(content).iter():
        yield from element.attrib.values()
        for text in (element.text, element.tail):
            if text:
                yield text


def _socketio(content: bytes) -> Leaves:
    match = re.fullmatch(
        r"4?([0-6])(?:(\d+)-)?(?:(/[^,]*),)?(\d*)([\[{].*)?", content.decode(), re.S
    )
    if not match:
        raise ValueError("not a packet of Socket.IO")
    if match[5]:
        yield from _json(match[5].encode())


def _packet(content: bytes) -> Leaves:
    """A packet of Engine.IO: a message, an attachment in base64, or one without a payload."""
    if content[:1] == b"b":
        yield base64.b64decode(content[2 if content[1:2] == b"4" else 1 :])
    elif content[:1] == b"4":
        yield from _socketio(content)
    elif content[:1] not in b"0123456":
        raise ValueError("not a packet of Engine.IO")


def _engineio4(content: bytes) -> Leaves:
    for packet in content.split(b"\x1e"):
        yield from _packet(packet)


def _engineio3(content: bytes) -> Leaves:
    if content[:1] in (b"\x00", b"\x01"):
        while content:
            end = content.index(b"\xff")
            length = int("".join(str(digit) for digit in content[1:end]))
            binary, body = content[0], content[end + 1 : end + 1 + length]
            if len(body) != length:
                raise ValueError("a packet that is cut")
            content = content[end + 1 + length :]
            if binary:
                yield body[1:]
            else:
                yield from _packet(body)
        return
    units = content.decode().encode("utf-16-le")
    while units:
        colon = units.index(b":\0")
        count = int(units[:colon].decode("utf-16-le"))
        packet = units[colon + 2 : colon + 2 + 2 * count]
        if len(packet) != 2 * count:
            raise ValueError("a packet that is cut")
        units = units[colon + 2 + 2 * count :]
        yield from _packet(packet.decode("utf-16-le").encode())


def _signalr(content: bytes) -> Leaves:
    if not content.endswith(b"\x1e"):
        raise ValueError("no 0x1e at the end")
    for record in content[:-1].split(b"\x1e"):
        yield from _json(record)


def _signalr_msgpack(content: bytes) -> Leaves:
    at = 0
    while at < len(content):
        length, at = _varint(content, at)
        yield from _msgpack(content[at : at + length])
        at += length


def _sockjs(content: bytes) -> Leaves:
    yield from _json(content[1:] if content[:1] == b"a" else content)


def _stomp(content: bytes) -> Leaves:
    head, _, rest = content.partition(b"\n\n")
    lines = head.decode().split("\n")
    headers = dict(line.split(":", 1) for line in lines[1:])
    length = int(headers["content-length"]) if "content-length" in headers else rest.index(b"\0")
    if rest[length : length + 1] != b"\0":
        raise ValueError("no NUL after the body")
    yield from headers.values()
    yield rest[:length]


def _mqtt(content: bytes, version: int = 4) -> Leaves:
    while content:
        length, at = _varint(content, 1)
        kind, packet, content = content[0], content[at : at + length], content[at + length :]
        if len(packet) != length:
            raise ValueError("a packet that is cut")
        if kind >> 4 != 3:
            continue
        size = int.from_bytes(packet[:2])
        yield packet[2 : 2 + size]
        at = 2 + size + (2 if kind & 6 else 0)
        if version == 5:
            properties, at = _varint(packet, at)
            yield packet[at : at + properties]
            at += properties
        yield packet[at:]


def _sip(content: bytes) -> Leaves:
    head, _, body = content.partition(b"\r\n\r\n")
    length = re.search(rb"^Content-Length: (\d+)\r?$", head, re.M)
    if length is None or int(length[1]) != len(body):
        raise ValueError("Content-Length does not count the body")
    yield head
    yield body
    boundary = re.search(rb'boundary="([^"]+)"', head)
    if boundary:
        for part in body.split(b"--" + boundary[1])[1:-1]:
            yield part.partition(b"\r\n\r\n")[2]


def _multipart(content: bytes) -> Leaves:
    boundary = content.partition(b"\r\n")[0][2:]
    head = b"Content-Type: multipart/form-data; boundary=" + boundary + b"\r\n\r\n"
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + content)
    if not message.is_multipart() or message.defects:
        raise ValueError("not multipart")
    for part in message.iter_parts():
        yield part.get_payload(decode=True)


def _rumor(content: bytes) -> Leaves:
    if int.from_bytes(content[:4]) != len(content) - 4:
        raise ValueError("the length does not count the frame")
    # The length, two reserved bytes, the type, and the number of addresses.
    addresses, at = content[7], 8
    for _ in range(addresses):
        at += 2 + int.from_bytes(content[at : at + 2])
    headers, at = content[at], at + 1
    for _ in range(2 * headers):
        at += 2 + int.from_bytes(content[at : at + 2])
    yield from _json(content[at:])


def _trouter(content: bytes) -> Leaves:
    if not content.startswith(b"3:::"):
        raise ValueError("not a message of Trouter")
    yield from _json(content[4:])


def _webchannel(content: bytes) -> Leaves:
    units = content.decode().encode("utf-16-le")
    while units:
        end = units.index("\n".encode("utf-16-le"))
        count = int(units[:end].decode("utf-16-le"))
        yield from _json(units[end + 2 : end + 2 + 2 * count].decode("utf-16-le").encode())
        units = units[end + 2 + 2 * count :]


def _sse(content: bytes) -> Leaves:
    for event in re.split(r"\n\n", content.decode()):
        lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line[:5] == "data:"]
        if lines:
            yield "\n".join(lines)


READERS: dict[str, Callable[[bytes], Leaves]] = {
    "none": _none,
    "json": _json,
    "utf-16-json": lambda content: _json(content, "utf-16"),
    "utf-16-le-json": lambda content: _json(content, "utf-16-le"),
    "utf-16-be-json": lambda content: _json(content, "utf-16-be"),
    "ndjson": _ndjson,
    "form": _form,
    "msgpack": _msgpack,
    "cbor": _cbor,
    "protobuf": _protobuf,
    "livekit-join-request": _livekit_join_request,
    "chime": _chime,
    "grpc-web": _grpc_web,
    "grpc-web-text": _grpc_web_text,
    "xml": _xml,
    "socket.io": _socketio,
    "engine.io-3": _engineio3,
    "engine.io-4": _engineio4,
    "signalr": _signalr,
    "signalr-msgpack": _signalr_msgpack,
    "sockjs": _sockjs,
    "stomp": _stomp,
    "mqtt": _mqtt,
    "mqtt5": lambda content: _mqtt(content, 5),
    "sip": _sip,
    "multipart": _multipart,
    "rumor": _rumor,
    "trouter": _trouter,
    "webchannel": _webchannel,
    "sse": _sse,
}

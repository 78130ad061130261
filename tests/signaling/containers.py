"""The encodings and framings that signaling travels in, each with a parser of its own.

A layer is written by `encode` and read back by `decode`, strictly: counts and lengths must fit. So
a test can open what the rewriter made as a receiver would, level by level, and compare.
"""

import base64
import gzip
import html
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote_to_bytes

import cbor2
import msgpack
from hypothesis import assume
from hypothesis import strategies as st

from .strategies import (
    STYLES,
    Structured,
    Written,
    candidates,
    descriptions,
    jingle,
    odd_candidates,
    quoted,
    structured,
)


class Chance(random.Random):
    """`plain`: every byte that may stand as it is does, as the usual libraries write."""

    plain = False


Encode = Callable[[bytes, Chance], bytes]
Decode = Callable[[bytes], Any]
LARGEST = 60_000  # what a record of Zoom can count; nothing here need be larger


@dataclass(frozen=True)
class Layer:
    name: str
    encode: Encode
    decode: Decode
    takes_bytes: bool = False  # or text only
    gives_bytes: bool = False
    compresses: bool = False


@dataclass(frozen=True)
class Carried:
    """Something written, and the message that carries it. `levels` is each layer, outermost first,
    with what it wraps in; the last payload is what was written."""

    client: frozenset[str]
    relays: frozenset[str]
    levels: tuple[tuple[Layer, bytes], ...]
    payload: bytes

    @property
    def content(self) -> bytes:
        return self.levels[0][1] if self.levels else self.payload

    @property
    def opened(self) -> tuple[tuple[Layer, bytes, bytes], ...]:
        """Each layer, outermost first, with what it made and of what."""
        inner = [*(content for _, content in self.levels[1:]), self.payload]
        return tuple((*level, of) for level, of in zip(self.levels, inner, strict=False))

    @property
    def compressed(self) -> bool:
        return any(layer.compresses for layer, _ in self.levels)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer, _ in self.levels)


# JSON


def _pairs(pairs: list[tuple[str, Any]]) -> list[Any]:
    return ["{", *map(list, pairs)]  # duplicate keys and their order stay


def read_json(text: str | bytes) -> Any:
    return json.loads(
        text, object_pairs_hook=_pairs, parse_int=lambda n: ("n", n), parse_float=lambda n: ("n", n)
    )


def _string(payload: bytes, chance: Chance) -> str:
    text = payload.decode()
    free = len(text) < 4000 and text.isascii() and not chance.plain
    style = chance.choice(STYLES if free else ("plain", "slashes"))
    return quoted(text, style, chance.randrange(99))


OBJECTS = (
    "%s",
    '{"type":"offer","sdp":%s}',
    '{"candidate":{"candidate":%s,"sdpMid":"0","sdpMLineIndex":0}}',
    '{"n":1e3,"sdp":%s,"sdp":%s,"emoji":"\\ud83d\\ude00","lone":"\\ud800","\\u0041":[1.50,-0]}',
    '{\n  "candidate" : %s ,\n  "quote": "say \\"typ\\" twice"\n}\n',
    '{"jsonrpc":"2.0","method":"onIceCandidate","params":{"endpointName":"U","candidate":%s},"id":3}',
    '{"action":"ICE_CANDIDATE","messagePayload":%s,"recipientClientId":"x","correlationId":"1"}',
    '[[null,{"Zoë":%s}],true,1E+2]',
)


def _json(payload: bytes, chance: Chance) -> bytes:
    return chance.choice(OBJECTS).replace("%s", _string(payload, chance)).encode()


# Encodings of the whole


def _percent(payload: bytes, chance: Chance) -> bytes:
    kept = chance.choice(["", "!'()*:/ ", "" if chance.plain else None])
    made = (
        "".join(f"%{byte:02x}" for byte in payload) if kept is None else quote(payload, safe=kept)
    )
    return (made.lower() if kept is None and chance.random() < 0.5 else made).encode()


def _base64(payload: bytes, chance: Chance) -> bytes:
    made = chance.choice([base64.b64encode, base64.urlsafe_b64encode])(payload)
    if chance.random() < 0.4:
        made = made.rstrip(b"=")
    if chance.random() < 0.3:
        width, end = chance.choice([(76, b"\r\n"), (64, b"\n")])
        made = end.join(made[at : at + width] for at in range(0, len(made), width))
    return made


def _from_base64(content: bytes) -> bytes:
    plain = content.translate(bytes.maketrans(b"-_", b"+/"), b"\r\n").rstrip(b"=")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _hex(payload: bytes, chance: Chance) -> bytes:
    return (payload.hex() if chance.random() < 0.5 else payload.hex().upper()).encode()


def _utf16(payload: bytes, chance: Chance) -> bytes:
    order, bom = chance.choice([("le", b"\xff\xfe"), ("be", b"\xfe\xff")])
    made = payload.decode().encode(f"utf-16-{order}")
    # Without a BOM the order must show: an ASCII character has its zero byte.
    return (bom if chance.random() < 0.5 else b"") + made


def _from_utf16(content: bytes) -> bytes:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16").encode()
    order = "le" if content[1::2].count(0) > content[::2].count(0) else "be"
    return content.decode(f"utf-16-{order}").encode()


def _utf16_part(payload: bytes, chance: Chance) -> bytes:
    made = payload.decode().encode("utf-16-le")
    return b"\x07\xfe\x01" + len(made).to_bytes(4, "little") + made + b"\x00\x00\xff\x80"


def _from_utf16_part(content: bytes) -> Any:
    size = int.from_bytes(content[3:7], "little")
    return [content[:7], content[7 : 7 + size].decode("utf-16-le"), content[7 + size :]]


def _references(payload: bytes, chance: Chance) -> bytes:
    often = 0 if chance.plain else chance.choice([0, 0.1, 1])
    written = ""
    for character in payload.decode():
        if character in "&<>\"'" and often < 1:
            written += html.escape(character)
        elif character == "\r" or chance.random() < often:
            written += (
                f"&#{ord(character)};" if chance.random() < 0.5 else f"&#x{ord(character):X};"
            )
        else:
            written += character
    return f"<body rid='7'><sdp type=\"offer\">{written}</sdp></body>".encode()


def _from_references(content: bytes) -> Any:
    head, _, rest = content.decode().partition('"offer">')
    body, _, tail = rest.partition("</sdp>")
    return [head, html.unescape(body), tail]


def _zip(window: int) -> Encode:
    def encode(payload: bytes, chance: Chance) -> bytes:
        made = zlib.compressobj(chance.choice([1, 6, 9]), zlib.DEFLATED, window)
        return made.compress(payload) + made.flush()

    return encode


# Text framings


def _around(*forms: str) -> Encode:
    """One of the forms, with `%s` the payload as a JSON string."""
    return lambda payload, chance: (
        chance.choice(forms).replace("%s", _string(payload, chance)).encode()
    )


def _after_prefix(content: bytes) -> Any:
    """Socket.IO, SockJS, Trouter: what stands before the JSON, then JSON, then maybe records."""
    first, *rest = content.split(b"\x1e")
    begin = min(at for mark in b'[{"' if (at := first.find(mark)) >= 0)
    return [first[:begin], read_json(first[begin:]), *rest]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _engine3(payload: bytes, chance: Chance) -> bytes:
    packets = ["2probe", "42" + f'["signal",{_string(payload, chance)}]', '42["Zoë \U0001f600"]']
    return "".join(f"{_units(packet)}:{packet}" for packet in packets).encode()


def _from_engine3(content: bytes) -> Any:
    units, packets = content.decode().encode("utf-16-le"), []
    while units:
        count, _, units = units.partition(":".encode("utf-16-le"))
        size = 2 * int(count.decode("utf-16-le"))
        packet, units = units[:size].decode("utf-16-le"), units[size:]
        packets.append(read_json(packet[2:]) if packet.startswith("42") else packet)
    return packets


def _engine_binary(payload: bytes, chance: Chance) -> bytes:
    head = b'451-["bin",{"data":{"_placeholder":true,"num":0}}]\x1e' + chance.choice([b"b", b"b4"])
    return head + base64.b64encode(payload)


def _from_engine_binary(content: bytes) -> Any:
    head, _, body = content.partition(b"\x1e")
    # As the prefix is drawn, the length says which it was: base64 comes in fours.
    prefix = 1 if len(body) % 4 == 1 else 2
    return [head, body[:prefix], base64.b64decode(body[prefix:], validate=True)]


def _records(payload: bytes, chance: Chance) -> bytes:
    said = _string(payload, chance)
    call = f'{{"type":1,"invocationId":"0","target":"Signal","arguments":[{said}]}}'
    return f'{{"type":6}}\x1e{call}\x1e'.encode()


def _from_records(content: bytes) -> Any:
    return [read_json(record) for record in content.decode().split("\x1e")[:-1]]


def _stomp(payload: bytes, chance: Chance) -> bytes:
    head = f"SEND\ndestination:/app/signal\nreceipt:7\ncontent-length:{len(payload)}\n\n"
    return head.encode() + payload + b"\0\n"


def _from_stomp(content: bytes) -> Any:
    head, _, rest = content.partition(b"\n\n")
    size = int(head.rpartition(b":")[2])
    assert rest[size:] == b"\0\n"
    return [head, rest[:size]]


def _sip(payload: bytes, chance: Chance) -> bytes:
    head = (
        "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/WSS df7jal.invalid;branch=z9hG4\r\n"
        'From: "Alice" <sip:alice@example.com>;tag=asdyka899\r\nCSeq: 1 INVITE\r\n'
        f"Content-Type: application/sdp\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


def _from_sip(content: bytes) -> Any:
    head, _, body = content.partition(b"\r\n\r\n")
    assert int(head.rpartition(b":")[2]) == len(body)
    return [head, body]


def _events(payload: bytes, chance: Chance) -> bytes:
    end = chance.choice(["\n", "\r\n"])
    lines = payload.decode().replace("\r\n", "\n").split("\n")
    # A reader takes one space away, so a line that begins with one needs another before it.
    space = " " if any(line.startswith(" ") for line in lines) else chance.choice(["", " "])
    data = [f"data:{space}{line}" for line in lines]
    return end.join(["id: 7", "event: message", *data, "", "data: bye", "", ""]).encode()


def _from_events(content: bytes) -> Any:
    events: list[Any] = []
    for event in content.decode().replace("\r\n", "\n").split("\n\n"):
        fields = [line.partition(":") for line in event.split("\n")]
        others = [name + value for name, _, value in fields if name != "data"]
        data = [value.removeprefix(" ") for name, _, value in fields if name == "data"]
        events.append([others, "\n".join(data)])
    return events


def _lines(payload: bytes, chance: Chance) -> bytes:
    return f'{{"n":1.0}}\n{{"sdp":{_string(payload, chance)}}}\n[]\n'.encode()


def _multipart(payload: bytes, chance: Chance) -> bytes:
    bound = b"--x%d" % chance.randrange(10**9)
    name = b'\r\nContent-Disposition: form-data; name="%s"\r\n'
    sdp = bound + name % b"sdp" + b"Content-Type: application/sdp\r\n\r\n" + payload
    session = bound + name % b"session" + b'\r\n{"n":1e3}'
    return b"\r\n".join([sdp, session, bound + b"--\r\n"])


def _from_multipart(content: bytes) -> Any:
    bound = content[: content.index(b"\r\n")]
    return [part.partition(b"\r\n\r\n")[::2] for part in content.split(b"\r\n" + bound)]


def _form(payload: bytes, chance: Chance) -> bytes:
    escape = chance.choice([quote_plus, quote])
    return (
        b"count=1&ofs=0&req0___data__=" + escape(payload.decode()).encode() + b"&x=a+b%20c&empty="
    )


def _from_form(content: bytes) -> Any:
    return parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=True)


def _channel(payload: bytes, chance: Chance) -> bytes:
    chunks = [f'[[7,["x",{_string(payload, chance)}]]]\n', '[[8,["noop"]]]\n']
    return "".join(f"{_units(chunk)}\n{chunk}" for chunk in chunks).encode()


def _from_channel(content: bytes) -> Any:
    units, chunks = content.decode().encode("utf-16-le"), []
    while units:
        count, _, units = units.partition("\n".encode("utf-16-le"))
        size = 2 * int(count.decode("utf-16-le"))
        chunks.append(read_json(units[:size].decode("utf-16-le")))
        units = units[size:]
    return chunks


# Binary framings


def varint(value: int) -> bytes:
    made = b""
    while value > 0x7F:
        made, value = made + bytes([value & 0x7F | 0x80]), value >> 7
    return made + bytes([value])


def read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, at = content[at], at + 1
        value, shift = value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return value, at


def _field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def _protobuf(payload: bytes, chance: Chance) -> bytes:
    """Random numbers; among the neighbours' tags are those that look like digits, `6`, `7`, `:`."""
    number = chance.choice([1, 2, 3, 6, 7, 15, 16, 200, 5000])
    before = [b"", _field(2, b"offer"), b"\x08\x96\x01", b"\x35abcd", b"\x01" + bytes(8)]
    after = [b"", b"\x30\x31", b"\x38\x00", b"\x32\x02ok", b"\x3a\x00", b"\xf8\x01\x7f"]
    return chance.choice(before) + _field(number, payload) + chance.choice(after)


def read_protobuf(content: bytes) -> Any:
    fields, at = [], 0
    while at < len(content):
        tag, at = read_varint(content, at)
        size = {1: 8, 5: 4}.get(tag & 7, 0)
        if tag & 7 == 2:
            size, at = read_varint(content, at)
        elif tag & 7 == 0:
            value, at = read_varint(content, at)
            fields.append([tag, value])
            continue
        assert size or tag & 7 == 2, "a wire type that is none"
        assert at + size <= len(content), "a field longer than its message"
        fields.append([tag, content[at : at + size]])
        at += size
    return fields


def _livekit(payload: bytes, chance: Chance) -> bytes:
    return _field(3, _field(1, payload) + b"\x10\x01")


def _from_livekit(content: bytes) -> Any:
    ((tag, inner),) = read_protobuf(content)
    return [tag, read_protobuf(inner)]


def _chime(payload: bytes, chance: Chance) -> bytes:
    return b"\x05" + b"\x08\x01\x10\x04" + _field(6, b"\x10\x02" + _field(4, payload))


def _from_chime(content: bytes) -> Any:
    fields = read_protobuf(content[1:])
    return [content[0], fields[:-1], fields[-1][0], read_protobuf(fields[-1][1])]


def _said(payload: bytes, chance: Chance) -> str | bytes:
    """As text or as bytes, where a format knows both; what is no text has no choice."""
    try:
        return payload.decode() if chance.random() < 0.7 else payload
    except UnicodeDecodeError:
        return payload


def _msgpack(payload: bytes, chance: Chance) -> bytes:
    value = {"type": "offer", "n": [1, 49, -3, 1.5, None], "sdp": _said(payload, chance), "k": 57}
    return bytes(msgpack.packb(value))


def _cbor(payload: bytes, chance: Chance) -> bytes:
    said = _said(payload, chance)
    value = {
        "type": "offer",
        "n": [1, 49, -3, 1.5, None],
        "sdp": said,
        "tagged": cbor2.CBORTag(9, 1),
    }
    return cbor2.dumps(value, canonical=chance.random() < 0.5)


def _signalr_msgpack(payload: bytes, chance: Chance) -> bytes:
    calls = [[6], [1, {}, None, "Signal", [_said(payload, chance)], []]]
    return b"".join(varint(len(call)) + call for call in map(msgpack.packb, calls))


def _from_signalr_msgpack(content: bytes) -> Any:
    calls, at = [], 0
    while at < len(content):
        size, at = read_varint(content, at)
        calls.append(msgpack.unpackb(content[at : at + size]))
        at += size
    return calls


def _phoenix(payload: bytes, chance: Chance) -> bytes:
    names = (b"1", b"12", b"room:lobby", b"signal")
    return b"\x00" + bytes(map(len, names)) + b"".join(names) + payload


def _from_phoenix(content: bytes) -> Any:
    at = 5 + sum(content[1:5])
    return [content[:at], content[at:]]


def _mqtt(payload: bytes, chance: Chance) -> bytes:
    qos = chance.choice([0, 1])
    body = b"\x00\x09signal/31" + (b"\x00\x35" if qos else b"") + payload
    return bytes([0x30 | qos << 1]) + varint(len(body)) + body + b"\xc0\x00"


def _from_mqtt(content: bytes) -> Any:
    size, at = read_varint(content, 1)
    body, rest = content[at : at + size], content[at + size :]
    assert rest == b"\xc0\x00"
    begin = 11 + (2 if content[0] & 6 else 0)
    return [content[0], body[:begin], body[begin:]]


def _grpc(payload: bytes, chance: Chance) -> bytes:
    message, trailer = _field(1, payload), b"grpc-status:0\r\n"
    frames = ((0, message), (0x80, trailer))
    return b"".join(bytes([flag]) + len(part).to_bytes(4) + part for flag, part in frames)


def _from_grpc(content: bytes) -> Any:
    frames, at = [], 0
    while at < len(content):
        size = int.from_bytes(content[at + 1 : at + 5])
        part = content[at + 5 : at + 5 + size]
        frames.append([content[at], read_protobuf(part) if content[at] == 0 else part])
        at += 5 + size
    return frames


def _rumor(payload: bytes, chance: Chance) -> bytes:
    rest = b"\0\0\x02\x01\x00\x04addr\x01\x00\x01\x00\x31" + payload
    return len(rest).to_bytes(4) + rest


def _from_rumor(content: bytes) -> Any:
    assert int.from_bytes(content[:4]) == len(content) - 4
    return [content[:19], content[19:]]


def _zoom(payload: bytes, chance: Chance) -> bytes:
    body = b"\x00\x31\x37\xf9\x02" + payload
    return b"\x05" + len(body).to_bytes(2) + body + b"\x0a\x00\x02\x00\x31"


def _from_zoom(content: bytes) -> Any:
    records, at = [], 0
    while at < len(content):
        size = int.from_bytes(content[at + 1 : at + 3])
        body = content[at + 3 : at + 3 + size]
        records.append([content[at], body[:5], body[5:]])
        at += 3 + size
    return records


def _bson(payload: bytes, chance: Chance) -> bytes:
    text = payload + b"\0"
    body = b"\x10n\0\x31\0\0\0\x02sdp\0" + len(text).to_bytes(4, "little") + text + b"\x08b\0\x01\0"
    return (len(body) + 4).to_bytes(4, "little") + body


def _from_bson(content: bytes) -> Any:
    assert int.from_bytes(content[:4], "little") == len(content)
    size = int.from_bytes(content[16:20], "little")
    assert content[20 + size - 1] == 0
    return [content[:16], content[20 : 20 + size - 1], content[20 + size :]]


TEXT_LAYERS = (
    Layer("json", _json, read_json),
    Layer("percent", _percent, unquote_to_bytes),
    Layer("form", _form, _from_form),
    Layer("references", _references, _from_references),
    Layer(
        "socket.io",
        _around('42["signal",{"to":"Zoë","data":%s}]', "420[%s]", '42/ns,7["x",%s]\x1e3\x1e2'),
        _after_prefix,
    ),
    Layer("sockjs", _around("a[%s]", 'a["x",%s]'), _after_prefix),
    Layer("trouter", _around('3:::{"id":7,"body":%s}'), _after_prefix),
    Layer("phoenix", _around('["1","2","room:1","signal",{"sdp":%s}]'), read_json),
    Layer(
        "wamp", _around('[16,1,{},"com.x.signal",[%s],{}]', '[48,2,{},"f",[],{"a":%s}]'), read_json
    ),
    Layer("engine.io 3", _engine3, _from_engine3),
    Layer("signalr", _records, _from_records),
    Layer("stomp", _stomp, _from_stomp),
    Layer("sip", _sip, _from_sip),
    Layer("sse", _events, _from_events),
    Layer("ndjson", _lines, lambda content: [read_json(line) for line in content.splitlines()]),
    Layer("multipart", _multipart, _from_multipart),
    Layer("webchannel", _channel, _from_channel),
    Layer("utf-16", _utf16, _from_utf16, gives_bytes=True),
    Layer("utf-16 part", _utf16_part, _from_utf16_part, gives_bytes=True),
    Layer("bson", _bson, _from_bson, gives_bytes=True),
)
BYTE_LAYERS = (
    Layer("base64", _base64, _from_base64, True),
    Layer("hex", _hex, lambda content: bytes.fromhex(content.decode()), True),
    Layer("engine.io binary", _engine_binary, _from_engine_binary, True),
    Layer("protobuf", _protobuf, read_protobuf, True, True),
    Layer("livekit", _livekit, _from_livekit, True, True),
    Layer("chime", _chime, _from_chime, True, True),
    Layer("msgpack", _msgpack, msgpack.unpackb, True, True),
    Layer("cbor", _cbor, cbor2.loads, True, True),
    Layer("signalr msgpack", _signalr_msgpack, _from_signalr_msgpack, True, True),
    Layer("phoenix binary", _phoenix, _from_phoenix, True, True),
    Layer("mqtt", _mqtt, _from_mqtt, True, True),
    Layer("grpc-web", _grpc, _from_grpc, True, True),
    Layer("rumor", _rumor, _from_rumor, True, True),
    Layer("zoom", _zoom, _from_zoom, True, True),
)
COMPRESSING = (
    Layer("gzip", _zip(31), gzip.decompress, True, True, True),
    Layer("zlib", _zip(15), zlib.decompress, True, True, True),
    Layer("deflate", _zip(-15), lambda content: zlib.decompress(content, -15), True, True, True),
)
LAYERS = TEXT_LAYERS + BYTE_LAYERS + COMPRESSING
LENGTH_KEEPING = TEXT_LAYERS + BYTE_LAYERS


def wrap(
    written: Written, layers: tuple[Layer, ...], seed: int = 0, plain: bool = False
) -> Carried:
    """`layers` from the innermost outwards; for a binary payload text layers get base64 between."""
    chance, content, is_bytes = Chance(seed), written.text.encode(), False
    chance.plain = plain
    levels: list[tuple[Layer, bytes]] = []
    for layer in layers:
        if is_bytes and not layer.takes_bytes:
            levels.append((BYTE_LAYERS[0], content := _base64(content, chance)))
        if len(content) > LARGEST // 8:
            break
        levels.append((layer, content := layer.encode(content, chance)))
        is_bytes = layer.gives_bytes
    written_as = written.text.encode()
    return Carried(written.client, written.relays, tuple(reversed(levels)), written_as)


writings = st.one_of(descriptions(), candidates(), structured().map(Structured.written), jingle())
odd_writings = odd_candidates(marked=True)


@st.composite
def carried(
    draw: st.DrawFn,
    layers: tuple[Layer, ...] = LAYERS,
    inside: st.SearchStrategy[Written] = writings,
    deepest: int = 4,
    plain: bool = False,
) -> Carried:
    chosen = draw(st.lists(st.sampled_from(layers), max_size=deepest))
    if sum(layer.compresses for layer in chosen) > 2:
        chosen = [layer for layer in chosen if not layer.compresses]
    return wrap(draw(inside), tuple(chosen), draw(st.integers(0, 999)), plain)


# Opening


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value that is not a list or a mapping, with the way to it."""
    if isinstance(value, list | tuple):
        yield path, (type(value).__name__, len(value))
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif isinstance(value, dict):
        yield path, ("dict", tuple(value))
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def as_bytes(leaf: Any) -> bytes | None:
    if isinstance(leaf, str):
        leaf = leaf.encode("utf-8", "surrogatepass")
    return leaf if isinstance(leaf, bytes) else None


def assume_marked(message: Carried) -> None:
    """Bare deflate has no mark of its own: it is known only where it is all of a text."""
    gives_bytes = {layer.name for layer in LAYERS if layer.gives_bytes}
    pairs = zip(message.names, message.names[1:], strict=False)
    packed = ("gzip", "zlib", "deflate")
    assume(not any(b == "deflate" and a in gives_bytes and a not in packed for a, b in pairs))

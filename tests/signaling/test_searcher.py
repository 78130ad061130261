"""The searcher must find what it is asked about, or the rewriter's properties show nothing."""

import base64
import gzip
import json
import zlib

import cbor2
import msgpack
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from .containers import (
    LAYERS,
    Carried,
    Layer,
    as_bytes,
    assume_marked,
    carried,
    leaves,
    odd_writings,
    wrap,
)
from .searcher import addresses, canonical
from .strategies import Wrapped, Written, candidates, descriptions, wrapped

ADDRESS = "192.168.1.5"
TEXT = f"candidate:1 1 udp 1 {ADDRESS} 9 typ host"


def told(one: Written | Carried) -> set[str]:
    return {canonical(address) or address for address in one.client | one.relays}


@settings(deadline=None)
@given(wrapped(descriptions()) | wrapped(candidates()))
def test_finds_all_that_was_written(message: Wrapped) -> None:
    assert told(message.written) <= addresses(message.content)


@settings(max_examples=300, deadline=None)
@given(carried() | carried(inside=odd_writings))
def test_finds_all_in_containers(message: Carried) -> None:
    assume_marked(message)
    assert told(message) <= addresses(message.content)


@pytest.mark.parametrize("layer", LAYERS, ids=[layer.name for layer in LAYERS])
def test_finds_in_each(layer: Layer) -> None:
    for seed in range(40):
        message = wrap(Written(TEXT, frozenset({ADDRESS})), (layer,), seed)
        assert ADDRESS in addresses(message.content), message.content


@settings(max_examples=200, deadline=None)
@given(carried())
def test_containers_read_back(message: Carried) -> None:
    """The judge's own tools: each layer's parser gives back what the layer wrapped."""
    # XML has no way to write it.
    assume(not any(b"\x1e" in payload for _, _, payload in message.opened))
    for layer, content, payload in message.opened:
        read = [as_bytes(leaf) for _, leaf in leaves(layer.decode(content))]
        expected = payload.replace(b"\r\n", b"\n") if layer.name == "sse" else payload
        assert expected in read, layer.name


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", set()),
        (b"10:30, version 1.2.3, e:1", set()),
        (b"I am at 192.168.1.5.", {"192.168.1.5"}),
        (b'{"a":"1","a":"10.0.0.1","a":"2"}', {"10.0.0.1"}),
        (b'{"a":"\\u0031\\u0030.0.0.1"}', {"10.0.0.1"}),
        (b'["{\\"a\\":\\"\\\\u0031\\\\u0030.0.0.1\\"}"]', {"10.0.0.1"}),
        (b"a=x:[2001:DB8::1]:9", {"2001:db8::1"}),
        (b"\xff\x00 candidate A.LOCAL 0:0:0:0:0:0:0:1", {"a.local", "::1"}),
        (b"192.168.1.5:5000 ::ffff:10.0.0.1 010.001.0.7", {"192.168.1.5", "10.0.0.1", "10.1.0.7"}),
        (b"fe80::1%eth0", {"fe80::1"}),
        (b'"candidate:1 1 udp 1 \\u00310.0.0.', set()),
    ],
)
def test_examples(content: bytes, expected: set[str]) -> None:
    assert addresses(content) == expected


def base64_of(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def deflated(data: str) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(data.encode()) + made.flush()


HIDDEN: dict[str, str | bytes] = {
    "JSON cut off in the string": json.dumps({"a": TEXT}).replace("192", "\\u0031\\u00392")[:-9],
    "JSON cut off before the string": json.dumps({"a": TEXT}).replace("192", "\\u003192")[3:],
    "JSON as code": "x = {sdp: '" + TEXT.replace(".", "\\x2e") + "'};",
    "JSON in words": "so `" + json.dumps(TEXT).replace(".", "\\u002E") + "` it says",
    "percent": "a=1&b=" + "".join(f"%{ord(letter):02X}" for letter in TEXT),
    "percent twice": TEXT.replace(".", "%252e"),
    "a form": "data=" + TEXT.replace(" ", "+").replace(".", "%2E"),
    "base64 in a form": "data=" + base64_of(TEXT + "\xff\xfe??>>").replace("+", "%2B"),
    **{f"base64 after {n} letters": "data" [:n] + base64_of(TEXT) for n in range(4)},
    "base64 without padding, then more": base64_of(TEXT + ".").rstrip("=") + "zzzzz",
    "base64url": base64_of("\xff\xfe??>>" + TEXT).replace("+", "-").replace("/", "_"),
    "base64 in lines": base64.encodebytes(("x" * 90 + TEXT).encode()),
    "base64 in lines with CRLF": base64.encodebytes((TEXT * 3).encode()).replace(b"\n", b"\r\n"),
    "base64 in lines in JSON": json.dumps(base64.encodebytes((TEXT * 3).encode()).decode()),
    "base64 five times": base64_of(base64_of(base64_of(base64_of(base64_of(TEXT))))),
    "hex": TEXT.encode().hex(),
    "hex of odd begin": "F" + TEXT.encode().hex().upper(),
    "UTF-16 LE": TEXT.encode("utf-16-le"),
    "UTF-16 BE": TEXT.encode("utf-16-be"),
    "UTF-16 with BOM": ("Zoë \U0001f600 " + TEXT).encode("utf-16"),
    "UTF-16 in binary": b"\x01\xfe\xff\x00" + ADDRESS.encode("utf-16-le") + b"\xff\xff\x00\x09",
    "UTF-16 BE at an odd place": b"\x01\xfe\xff" + ADDRESS.encode("utf-16-be") + b"\xff\xff",
    "references": "<a>" + "".join(f"&#{ord(letter)};" for letter in TEXT),
    "references twice": TEXT.replace(".", "&amp;#x2e;"),
    "gzip": gzip.compress(TEXT.encode()),
    "gzip in binary": b"\x08\x01\x12\x7f" + gzip.compress(TEXT.encode()) + b"\x18\x01",
    "gzip cut off": gzip.compress((TEXT * 9).encode())[:-9],
    "zlib in binary": b"\x08\x01\x12\x7f" + zlib.compress(TEXT.encode()) + b"\x18\x01",
    "deflate": deflated(TEXT),
    "deflate in binary": b"\x08\x01\x12\x7f" + deflated(TEXT) + b"\x18\x01",
    "deflate in base64": json.dumps({"sdp": base64_of(deflated(TEXT))}),
    "gzip of gzip": gzip.compress(gzip.compress(TEXT.encode())),
    "gzip as characters": json.dumps(gzip.compress(TEXT.encode()).decode("latin-1")),
    # The next field's tag is a digit, as is the next number of msgpack: 0x32, 0x38.
    "protobuf beside a digit": b"\x12\x0b" + ADDRESS.encode() + b"\x32\x01x",
    "protobuf after a header": b"\x00\x00\x00\x00\x0f\x0a\x0b" + ADDRESS.encode() + b"\x38\x01",
    "protobuf in protobuf": b"\x0a\x0f\x0a\x0b" + ADDRESS.encode() + b"\x38\x01",
    "protobuf cut off": b"\x12\x0b" + ADDRESS.encode() + b"\x32\x7fx",
    "msgpack beside a digit": msgpack.packb([ADDRESS, 0x38]),
    "msgpack in SignalR's frame": b"\x0e" + msgpack.packb([ADDRESS, 0x38]),
    "CBOR": cbor2.dumps({"ip": ADDRESS, "b": b"\x01"}),
    "CBOR in chunks": b"\x7f\x64192.\x63168\x64.1.5\xff",
    "in the form of a map key": msgpack.packb({ADDRESS: 1}),
    "all at once": base64_of(gzip.compress(f'["{base64_of(TEXT.encode("utf-16-le"))}"]'.encode())),
}  # fmt: skip


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN.keys())
def test_hidden(content: str | bytes) -> None:
    raw = content.encode("utf-8") if isinstance(content, str) else content
    assert ADDRESS in addresses(raw)


@pytest.mark.parametrize("ip", ["::1", "1.1.1.1", "2001:db8::5", "255.255.255.255"])
def test_short_ones_beside_digits(ip: str) -> None:
    """CBOR's length byte of a short text is a letter of hex, and a tag of protobuf may be `6:`."""
    for content in (
        cbor2.dumps([ip, 1]),
        msgpack.packb({"ip": ip, "n": 0x39}),
        b"\x12" + bytes([len(ip)]) + ip.encode() + b"\x3a\x01a",
        b"\xff" * 20 + bytes([len(ip)]) + ip.encode() + b"5",
    ):
        assert canonical(ip) in addresses(content), content


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
def test_ends_on_anything(content: bytes) -> None:
    addresses(content)


@settings(max_examples=200, deadline=None)
@given(carried(), st.integers(0, 10_000), st.binary(max_size=3), st.booleans())
def test_ends_on_what_is_damaged(message: Carried, at: int, put: bytes, cut: bool) -> None:
    content = message.content
    at %= len(content) + 1
    addresses(content[:at] + put + (b"" if cut else content[at + len(put) :]))


REPEATED = (b'"', b"\\", b"\\u", b"%", b"%25", b"[", b'{"ip":', b"&#49;", b"A", b"1", b"1.", b":")
REPEATED += (
    b"f:",
    b"\x00",
    b"\xff",
    b"\xa1",
    b"\x1f\x8b\x08",
    b"\x78\x9c",
    b"\x9f",
    b"\xdd",
    b"a\0",
)
REPEATED += (b"a.local", b"-", b"\n\x05hello", b"a=candidate:", b"data:\n", b"\xd9\xff", b"\x5f")


@pytest.mark.parametrize("piece", REPEATED)
def test_ends_on_repetition(piece: bytes) -> None:
    addresses(piece * (200_000 // len(piece)))


def test_ends_on_bombs() -> None:
    addresses(gzip.compress(bytes(20_000_000)))
    nested = TEXT
    for _ in range(30):
        nested = base64_of(nested) if len(nested) < 100_000 else json.dumps(nested)
    addresses(nested.encode())

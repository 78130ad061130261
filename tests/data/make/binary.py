"""Family 4, as Python's libraries write it: msgpack and cbor2."""

from __future__ import annotations

import cbor2
import msgpack
from sample import sample, stored

OFFER = stored("browser/chromium-data-offer.sdp")
HOST = "candidate:8421630498 1 udp 2122129151 192.168.1.20 43753 typ host"
MESSAGES: list[tuple[str, object, str]] = [
    (
        "offer",
        {"type": "offer", "sdp": OFFER},
        "A length of two bytes before the SDP.",
    ),
    ("candidate", {"c": HOST, "m": "0"}, "The length byte before the candidate is 0x41 (A)."),
    ("bytes", {"sdp": OFFER.encode()}, "The SDP as a byte string."),
    ("array", ["trickle", HOST, 0, {"ip": "10.20.30.40", "port": 9}], "An array."),
]
for name, value, note in MESSAGES:
    for reader, content, source in (
        ("msgpack", msgpack.packb(value), "msgpack 1.1.2 (PyPI)"),
        ("cbor", cbor2.dumps(value), "cbor2 6.3.0 (PyPI)"),
    ):
        sample(
            f"binary/python-{reader}-{name}.bin",
            content,
            format=reader,
            direction="outbound",
            kind="websocket",
            source=source,
            reader=reader,
            note=note,
        )
# A text of indefinite length: the candidate is in two chunks, cut inside the address.
HALVES = HOST[:44], HOST[44:]
sample(
    "binary/python-cbor-chunks.bin",
    b"\xa1\x61c\x7f" + b"".join(cbor2.dumps(half) for half in HALVES) + b"\xff",
    clear=HOST,
    format="cbor",
    direction="outbound",
    kind="websocket",
    source="cbor2 6.3.0 (PyPI) for the chunks, the indefinite head by hand (RFC 8949, 3.2.3)",
    reader="cbor",
    note=f"The chunks end with {HALVES[0][-9:]!r} and begin with {HALVES[1][:9]!r}.",
)

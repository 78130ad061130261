"""What the makers in Python stand on: `sample`, as in sample.mjs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

FOLDER = Path(os.environ["SAMPLES"])
CLIENT = ["192.168.1.20", "10.20.30.40", "203.0.113.77", "2001:db8:1::5", "fd00:aaaa::17"]
RELAYS = ["198.51.100.7", "2001:db8:feed::9"]
MDNS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local")


def occurs(address: str, text: str) -> bool:
    pattern = rf"(?<![0-9A-Fa-f:.]){re.escape(address)}(?![0-9A-Fa-f:]|\.[0-9])"
    return re.search(pattern, text) is not None


def sample(file: str, content: bytes, *, clear: str | None = None, **entry: object) -> None:
    """Write one message and its entry; `clear` is the text when the content hides it."""
    text = content.decode("latin-1") if clear is None else clear
    path = FOLDER / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    whole = {
        "file": file,
        "client": [a for a in CLIENT if occurs(a, text)] + list(dict.fromkeys(MDNS.findall(text))),
        "relays": [a for a in RELAYS if occurs(a, text)],
    }
    with Path(os.environ["ENTRIES"]).open("a") as entries:
        entries.write(json.dumps(whole | entry) + "\n")


def stored(file: str) -> str:
    return (FOLDER / file).read_bytes().decode()

"""What the kernel says of the table, read: is it ours, unchanged, and what did it count.

The table bears a mark of its own: the digest of the text that was applied, and that of what the
kernel then listed. So nothing has to be remembered elsewhere to see a change by hand.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

from rtcguard.network.firewall import Endpoint

type Listing = list[dict[str, Any]]

MARK: Final = "applied"  # a counter that counts nothing; its comment is the mark
_LEARNED: Final = ("approved4", "approved6")  # sets whose elements come and go


@dataclass(frozen=True, slots=True)
class Count:
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table as it was found."""

    text: str  # the digest of the text that it was made from; "" where it bears no mark
    unchanged: bool
    counts: dict[str, Count] = field(default_factory=dict)
    approved: tuple[Endpoint, ...] = ()  # `seconds` are those that are left


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def mark(text: str, listing: Listing) -> str:
    """The line of the table's text that marks it."""
    return f'counter {MARK} {{ comment "{digest(text)} {fingerprint(listing)}"; }}'


def fingerprint(listing: Listing) -> str:
    """What all of a table's objects say, but for what changes by itself: handles, counts, and the
    elements of the sets that are kept fresh."""
    said = [
        (kind, value.get("chain", ""), json.dumps(_lasting(kind, value), sort_keys=True))
        for entry in listing
        for kind, value in entry.items()
        if kind not in ("metainfo", "table", "dormant") and value.get("name") != MARK
    ]
    # Of rules the order counts, within their chain; objects are listed in one order or another.
    said.sort(key=lambda one: (*one[:2], "" if one[0] == "rule" else one[2]))
    return digest("\n".join(text for _, _, text in said))


def _lasting(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    fleeting = {"handle", "table", "index"}
    if kind == "counter":
        fleeting |= {"packets", "bytes"}
    if kind == "set" and value["name"] in _LEARNED:
        fleeting |= {"elem"}
    return {kind: {key: said for key, said in value.items() if key not in fleeting}}


def read(listing: Listing, names: frozenset[str]) -> Loaded:
    """`names` are the hosts of the approved servers: another element was put there by hand."""
    counters = {e["counter"]["name"]: e["counter"] for e in listing if "counter" in e}
    text, _, print_ = counters.get(MARK, {}).get("comment", "").partition(" ")
    approved = tuple(
        endpoint
        for entry in listing
        if entry.get("set", {}).get("name") in _LEARNED
        for endpoint in map(_endpoint, entry["set"].get("elem", ()))
    )
    known = {name[:120] for name in names}
    return Loaded(
        text,
        print_ == fingerprint(listing)
        and not any("dormant" in entry for entry in listing)
        and all(endpoint.name in known for endpoint in approved),
        {
            name: Count(counter["packets"], counter["bytes"])
            for name, counter in counters.items()
            if name != MARK
        },
        approved,
    )


def _endpoint(element: dict[str, Any]) -> Endpoint:
    inner = element.get("elem", element)
    address, transport, port = inner.get("val", inner)["concat"]
    return Endpoint(address, transport, port, inner.get("comment", ""), inner.get("expires", 0))


def problem(loaded: Loaded | None, text: str) -> str:
    """Why the table is not the one that `text` makes; empty where it is."""
    if loaded is None:
        return "the table is not there: run `rtcguard gateway up`"
    if not loaded.unchanged:
        return "the table was changed by hand: run `rtcguard gateway up` to put it right"
    if loaded.text != digest(text):
        return "the table was made from another configuration: run `rtcguard gateway up`"
    return ""

"""What the leak test asks the site: what the network saw, and what reached a site's server. Pure.

A packet of the test is known by its ICE user name fragment, which only the page that made it knows;
one to a STUN server has none, and counts where it is this client's. A client is told of no packets
but its own.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rtcguard.errors import ParseError
from rtcguard.ice import address as addresses
from rtcguard.ice import candidate as candidates
from rtcguard.ledger.event import Event, timestamp
from rtcguard.network.folding import MINUTE
from rtcguard.policy.record import Record
from rtcguard.web.hand_over import AS_OTHERS

PAGE: Final = "/leaktest"
BEFORE: Final = "/leaktest/before"
AFTER, SIGNAL = AS_OTHERS
BEGIN: Final = "/leaktest/begin"
SEEN: Final = "/leaktest/seen"

MOST_BODY: Final = 262_144  # bytes
_LONGEST: Final = 600.0  # seconds that a test may be asked about
_MOST_UFRAGS: Final = 64
_NAMES: Final = re.compile(r"stun\.[a-z0-9]{1,40}\.rtcguard\.test")
# `TCP: Binding request: refused …`: responder.py and tcp.py write it.
_PACKET: Final = re.compile(r"(TCP: )?(Binding|Allocate) request:")
# What the proxy decides of a CONNECT tunnel (decide.py). A rule's name tells neither: such a packet
# is taken for UDP.
_TUNNELS: Final = ("relay:", "default:")
_TOMBSTONE: Final = ("a=candidate:", "a=x-rtcguard", "c=", "o=")


@dataclass(frozen=True, slots=True)
class Asked:
    """`since`: an event's time. `ufrags`: those of the test's own connections."""

    since: str
    ufrags: frozenset[str]


def read_asked(content: Any, now: float) -> Asked:
    """What a page asks for. Without a time, from the beginning of the minute. Raises ParseError."""
    if not isinstance(content, dict) or not set(content) <= {"since", "ufrags"}:
        raise ParseError("an object with `since` and `ufrags` is expected")
    since = content.get("since", timestamp(now - now % MINUTE))
    ufrags = content.get("ufrags", [])
    if not isinstance(ufrags, list) or len(ufrags) > _MOST_UFRAGS:
        raise ParseError(f"`ufrags` is a list of at most {_MOST_UFRAGS}")
    if not all(isinstance(one, str) and 4 <= len(one) <= 256 for one in ufrags):
        raise ParseError("an ICE user name fragment has 4 to 256 characters")
    try:
        began = datetime.fromisoformat(since)
    except (TypeError, ValueError) as error:
        raise ParseError("`since` is a time, as the answer's `now`") from error
    if began.tzinfo is None or now - began.timestamp() > _LONGEST:
        raise ParseError(f"`since` is a time in UTC, of the last {_LONGEST:.0f} s")
    return Asked(timestamp(began.astimezone(UTC).timestamp()), frozenset(ufrags))


def seen(
    events: Iterable[Event], asked: Asked, is_client: Callable[[str], bool]
) -> list[dict[str, Any]]:
    """The packets, and the names asked for, of one client among the events since then. `is_client`
    says whether an address, as the ledger has it, is this client's."""
    events = list(events)
    own = {one.record.client for one in events if one.record.ufrag in asked.ufrags}
    return [
        _shown(event)
        for event in events
        if _is_tests(event.record, asked)
        and (event.record.client in own or is_client(event.record.client))
    ]


def wait(events: Iterable[Event], is_client: Callable[[str], bool], now: float) -> float:
    """Seconds until packets of this client without a fragment are told one by one again: the
    responder tells the first of a minute, and counts those that follow. The proxy tells each."""
    if any(
        one.record.kind == "stun"
        and not one.record.ufrag
        and not one.record.rule.startswith(_TUNNELS)
        and is_client(one.record.client)
        for one in events
    ):
        return MINUTE - now % MINUTE
    return 0.0


def _is_tests(record: Record, asked: Asked) -> bool:
    if record.kind == "name":
        return _NAMES.fullmatch(record.name) is not None
    packet = _PACKET.search(record.reason)
    return packet is not None and (not record.ufrag or record.ufrag in asked.ufrags)


def _shown(event: Event) -> dict[str, Any]:
    record = event.record
    packet = _PACKET.search(record.reason)
    tcp = packet is not None and (packet[1] or record.rule.startswith(_TUNNELS))
    address = record.address or record.client
    if addresses.scope(address) == "loopback":
        # It came by the proxy on this machine; without that, from this machine's address.
        address, _ = addresses.host_and_port(record.destination)
    return {
        "time": event.time,
        "method": packet[2] if packet else "name",
        "transport": "tcp" if tcp else "udp",
        "address": address,
        "destination": record.destination,
        "name": record.name,
        "ufrag": record.ufrag,
        "action": record.action,
    }


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a site's server got: how many lines that may name an address, and those that do."""

    lines: int
    told: tuple[str, ...]


def arrived(content: Any) -> Arrived:
    """Reads descriptions and candidates as a site's server would. Raises ParseError."""
    try:
        texts = [str(one["candidate"]) for one in content["candidates"]]
        for one in content["descriptions"]:
            lines = str(one["sdp"]).splitlines()
            texts += [line for line in lines if line.startswith(_TOMBSTONE)]
    except (KeyError, TypeError) as error:
        raise ParseError("descriptions with `sdp`, candidates with `candidate`") from error
    relays = {address for text in texts if (address := _relay(text))}
    told = dict.fromkeys(address for text in texts for address in _told(text))
    return Arrived(len(texts), tuple(one for one in told if one not in relays))


def _relay(text: str) -> str:
    """The address of a relay, which is not the client's, in a candidate."""
    try:
        parsed = candidates.parse(text)
    except ParseError:
        return ""  # another line
    return parsed.address if parsed.type == "relay" else ""


def _told(text: str) -> Iterable[str]:
    """The addresses in a line that are somebody's."""
    found = [text[start:end] for start, end in addresses.spans(text)]
    nobodys = ("loopback", "unspecified", "unknown", "name")
    return (
        one
        for one in found
        if addresses.scope(one) not in nobodys and not addresses.is_unroutable(one)
    )

"""Events as rings make them, and as bad as a page can make them."""

from dataclasses import replace
from typing import Any

from rtcguard.ledger.event import Event
from rtcguard.policy.record import Record

STRIPPED = Event(
    "2026-11-23T04:15:05.120Z",
    "0193a1b2c3d4aabbccddeeff0011",
    "gw1.example",
    Record(
        ring="signaling",
        kind="candidate",
        action="stripped",
        direction="outbound",
        site="app.example.org",
        client="192.168.1.20",
        address="203.0.113.7",
        port=53142,
        scope="public",
        candidate_type="srflx",
        destination="signal.example.org:443",
        ufrag="ZxLm",
        rule="default:outbound",
        reason="only relay candidates pass",
        policy="4f2a",
    ),
    "2026-11-23T04:15:05.120Z",
)


def event(number: int = 0, **of: Any) -> Event:
    """One like it, with an id of its own and other values in its record."""
    return replace(STRIPPED, id=f"{number:032x}", record=replace(STRIPPED.record, **of))


# What would end a parameter, a line, a header or a value too early.
BAD = event(
    7,
    site='a"b]c\\d|e=f',
    reason='line\nbreak\r\x1b[31m\x00 "quoted" [bracket] pipe| equals= back\\slash'
    " \u2028 ü漢\U0001f600",
    rule="",
    user="jürgen",
)

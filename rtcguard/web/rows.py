"""An event as a row of the ledger's pages: what stands there is the same, whether the server wrote
it into the page or the stream brings it."""

from collections.abc import Callable
from typing import Final, TypedDict

from rtcguard.ledger.event import Event
from rtcguard.ledger.report import visible
from rtcguard.ledger.span import local
from rtcguard.ledger.story import sentence

RuleLink = Callable[[str], str]  # from a rule's name to the page with its lines, or ""

_LONGEST: Final = 400  # letters: what a page on the web chose may be as long as it likes
_IN_CALLS: Final = ("connection", "candidate", "description", "server", "stun")


class Row(TypedDict):
    """`time` as events have it; `day` and `clock` by the local clock. `done` is what was done in
    words; `action` colours it. `call`: whether it may be of a call."""

    id: str
    time: str
    day: str
    clock: str
    action: str
    done: str
    ring: str
    client: str
    site: str
    text: str
    times: str
    rule: str
    link: str
    call: bool


def row(event: Event, rule_link: RuleLink) -> Row:
    record = event.record
    day, _, clock = local(event.time).partition(" ")
    action = record.would or record.action
    return Row(
        id=event.id,
        time=event.time,
        day=day,
        clock=clock,
        action=action,
        done=f"would be {action}" if record.would else action,
        ring=record.ring,
        client=shown(record.client),
        site=shown(record.site),
        text=shown(sentence(record)),
        times=f"×{record.count}" if record.count > 1 else "",
        rule=shown(record.rule),
        link=rule_link(record.rule),
        call=record.kind in _IN_CALLS,
    )


def no_link(rule: str) -> str:
    """Where rules are not to be shown."""
    return ""


def shown(text: str) -> str:
    """What a page on the web chose, without what cannot be seen, and not too long."""
    text = visible(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

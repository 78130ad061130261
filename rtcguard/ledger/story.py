"""A call's story: its events in order, each as a plain sentence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from rtcguard.ledger.calls import Call, seconds_between
from rtcguard.ledger.event import Event
from rtcguard.ledger.outcome import Outcome
from rtcguard.policy.record import Record

_TOGETHER: Final = 10.0  # seconds
_DONE: Final = {
    "kept": "passed",
    "scrubbed": "passed, without the related address",
    "stripped": "taken out",
    "refused": "answered with an error",
    "blocked": "blocked",
    "observed": "seen, and nothing done",
}
_EVIDENCE: Final = {
    "ufrag": "tied to the page by its ICE user name fragment",
    "server": "tied to the page by its list of servers",
    "name": "tied to a name that was asked for",
    "time": "tied to the page by time alone, which is a guess",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What happened, once or `count` times. `events` are those that it tells of."""

    time: str
    ring: str
    text: str
    action: str
    would: str
    evidence: str
    count: int
    last: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A call with what became of it."""

    call: Call
    outcome: Outcome

    @property
    def lines(self) -> list[Line]:
        """Its story."""
        return story(self.call)


def story(call: Call) -> list[Line]:
    """The call's events in order; what says the same within a few seconds is one line."""
    lines: list[Line] = []
    known: dict[tuple[str, str], int] = {}  # the last line of each text
    for event in call.events:
        record = event.record
        line = Line(event.time, record.ring, sentence(record), record.action, record.would,
                    record.evidence, record.count, event.last, (event.id,))  # fmt: skip
        at = known.get((line.ring, line.text))
        if at is not None and seconds_between(lines[at].last, line.time) <= _TOGETHER:
            before = lines[at]
            lines[at] = replace(
                before,
                count=before.count + line.count,
                last=max(before.last, line.last),
                events=before.events + line.events,
            )
        else:
            known[line.ring, line.text] = len(lines)
            lines.append(line)
    return lines


def sentence(record: Record) -> str:
    """One event in plain words, with what was done, why, and what ties it to the page."""
    done = _DONE[record.action]
    if record.would:
        done = f"{done}; in force it would have been {_DONE[record.would]}"
    about = _about(record)
    if record.kind in ("guard", "connection", "rtcguard"):  # their reason is a sentence
        return _sentence(record.reason or about)
    tied = f"; {_EVIDENCE[record.evidence]}" if record.evidence else ""
    plain = not record.reason or record.rule == "default:relay"  # that is said already
    why = "" if plain else f" ({record.reason})"
    return _sentence(f"{about}: {done}{why}{tied}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _about(record: Record) -> str:
    match record.kind:
        case "candidate":
            return " ".join(_of_candidate(record))
        case "description":
            whose = "far side's" if record.direction == "inbound" else "client's"
            return f"a description had the {whose} address {record.address}"
        case "server":
            who = "page" if record.ring == "page" else "site"
            return f"the {who} named the server {record.name or record.destination}"
        case "name":
            what = f" and was told {record.destination}" if record.destination else ""
            return f"the client asked for the name {record.name}{what}"
        case "stun":
            named = f" ({record.name})" if record.name else ""
            return f"a STUN packet went to {record.destination}{named}"
        case "udp":
            return f"a UDP packet went to {record.destination}"
        case "payload":
            return f"a message to {record.destination}"
    return record.kind


def _of_candidate(record: Record) -> Iterator[str]:
    if record.ring == "page":
        yield "the page saw"
    else:
        yield "the far side offered" if record.direction == "inbound" else "the client offered"
    yield f"a {record.candidate_type or 'unknown'} candidate"
    if record.address:
        yield record.address
    if record.scope and record.scope != "public":
        yield f"({record.scope})"


def to_dict(call: Call, line: Line) -> dict[str, Any]:
    """A line as it stands in JSON; `events` are whole events."""
    by_id: dict[str, Event] = {event.id: event for event in call.events}
    made = {name: getattr(line, name) for name in Line.__slots__}
    return {**made, "events": [by_id[id].to_dict() for id in line.events]}

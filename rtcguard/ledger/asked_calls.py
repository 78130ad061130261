"""Calls that are asked for: those of a span of time, or one by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rtcguard.errors import StartError
from rtcguard.ledger import calls
from rtcguard.ledger.outcome import outcome
from rtcguard.ledger.query import Filter
from rtcguard.ledger.questions import Questions
from rtcguard.ledger.story import Told
from rtcguard.policy.model import Config

_MOST_OF_ONE: Final = 200_000  # events of a client, among which one call is looked for


class UnknownCall(StartError):
    """No call has this name, or more than one."""


@dataclass(frozen=True, slots=True)
class Listed:
    """`cut`: the time of the earliest event that was looked at, where there are earlier ones in the
    span; else ""."""

    calls: list[Told]
    cut: str = ""


def listed(
    store: Questions, asked: Filter, places: Mapping[str, str], most: int = calls.MOST
) -> Listed:
    """The calls of a span that have an event of a filter, the last one first. No more than `most`
    events are looked through."""
    since = calls.around(asked.since, asked.since)[0] if asked.since else ""
    events = store.events(Filter(since, asked.until, client=asked.client), most)
    found = [
        told_of(call, places)
        for call in calls.split(events)
        if call.last >= asked.since and any(map(asked.takes, call.events))
    ]
    complete = len(events) < most or events[0].time < asked.since
    newest_first = sorted(found, key=lambda one: one.call.began, reverse=True)
    return Listed(newest_first, "" if complete else events[0].time)


def told_of(call: calls.Call, places: Mapping[str, str]) -> Told:
    return Told(call, outcome(call, places))


def find(store: Questions, name: str, asked: Filter, places: Mapping[str, str]) -> Told:
    """The call that a name is of: an ICE user name fragment, or how the id of one of its events
    begins. Raises UnknownCall."""
    named = [event for event in store.named(name, calls.MOST) if asked.takes(event)]
    ids = {event.id for event in named}
    found: list[calls.Call] = []
    for client in {event.record.client for event in named} - {""}:
        times = [event.time for event in named if event.record.client == client]
        since, until = calls.around(min(times), max(times))
        events = store.events(Filter(since, until, client=client), _MOST_OF_ONE)
        found += [call for call in calls.split(events) if ids & {e.id for e in call.events}]
    # The far side of a call may be a client of ours too; a fragment is of the one that made it.
    own = [call for call in found if name in call.ufrags] or found
    if not own:
        raise UnknownCall(
            f"{name}: no call has such a fragment or id; see `rtcguard report --calls`"
        )
    if len(own) > 1:
        told = ", ".join(f"{call.id} ({call.client} {call.site})" for call in own[:5])
        raise UnknownCall(f"{name}: {len(own)} calls have this; name one by its id: {told}")
    return told_of(own[0], places)


def places_of(config: Config) -> dict[str, str]:
    """File and line of the rules in force now, by their name."""
    return {rule.name: f"{rule.file}:{rule.line}" for rule in config.rules if rule.line}

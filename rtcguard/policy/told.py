"""What the ledger is told of a decision: one record for what was done, and in monitor mode for what
would have been, in the same words in all rings.

A ring makes the record of what it does when it enforces. `told` makes of it what is true: under
`mode: monitor` nothing was done, so the action is `observed`, and `would` has the other. A rule in
monitor mode that matched has a record of its own, beside that of the rule which decided.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from rtcguard.policy.decide import Decision
from rtcguard.policy.record import Record
from rtcguard.policy.rule import Mode

# The end of the reason of a connection that was made relay-only for nothing.
NO_RELAY: Final = "no approved TURN server is configured: add one under relay.servers"
# What a ring does by a decision's action, as its records say it; of names and of pages apart.
DONE: Final[Mapping[str, str]] = {
    "keep": "kept",
    "scrub": "scrubbed",
    "strip": "stripped",
    "block": "blocked",
    "observe": "observed",
    "drop": "stripped",
    "replace": "stripped",
}
DONE_TO_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(DONE, "refused"),
    "keep": "kept",
    "observe": "observed",
}
DONE_TO_PAGES: Final[Mapping[str, str]] = {**dict.fromkeys(DONE, "scrubbed"), "block": "blocked"}
DONE_TO_FLOWS: Final[Mapping[str, str]] = {
    **dict.fromkeys(DONE, "blocked"),
    "keep": "kept",
    "observe": "observed",
}


def in_mode(record: Record, mode: Mode) -> Record:
    """The record of something that is done in `enforce` mode only, as it is in this mode."""
    if mode == "enforce" or record.action == "observed":
        return record
    return replace(record, action="observed", would=record.action)


def monitored(
    record: Record, decision: Decision, done: Mapping[str, str] = DONE
) -> tuple[Record, ...]:
    """What the rules in monitor mode that matched would have done, each as a record like this."""
    return tuple(
        replace(record, action="observed", would=done[one.action], rule=one.rule, reason=one.reason)
        for one in decision.monitored
    )


def told(
    record: Record, decision: Decision, mode: Mode, done: Mapping[str, str] = DONE
) -> tuple[Record, ...]:
    """All records of a decision; `record` is what would be told of it in `enforce` mode."""
    return (*monitored(record, decision, done), in_mode(record, mode))

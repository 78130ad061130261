"""Why a decision came out as it did: the rules in their order, and what each one lacked."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from rtcguard.policy.decide import Decision
from rtcguard.policy.index import Index
from rtcguard.policy.model import Config
from rtcguard.policy.rule import OPAQUE, Match, Subject


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was asked. `lacked` are the keys of its match that do not hold, `not` among
    them; where there is none, the rule matches."""

    rule: str
    lacked: tuple[str, ...]


def tried(config: Config, subject: Subject, decision: Decision) -> Iterator[Tried]:
    """The rules that were asked before the decision, the deciding one included; all of them where
    a default decided."""
    for rule in config.rules:
        yield Tried(rule.name, tuple(lacking(rule.match, subject)))
        if rule.name == decision.rule:
            return


def lacking(match: Match, subject: Subject) -> Iterator[str]:
    """The keys of a match that do not hold for the subject, each asked by itself."""
    if subject.candidate == OPAQUE and OPAQUE not in match.candidate:
        yield "candidate"  # what cannot be read is decided by rules that name it
        return
    for field in fields(match):
        value = getattr(match, field.name)
        if field.name == "negated":
            if value is not None and _holds(value, subject):
                yield "not"
        elif value and not _holds(Match(**{field.name: value}), subject):
            yield field.name


def _holds(match: Match, subject: Subject) -> bool:
    return Index([match]).first(subject) is not None

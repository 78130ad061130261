"""Why a decision came out as it did: the rules in their order, and what each one lacked."""

from collections.abc import Iterator
from dataclasses import dataclass

from rtcguard.policy.decide import Decision
from rtcguard.policy.index import Index
from rtcguard.policy.model import Config
from rtcguard.policy.questions import Question, named, unknown
from rtcguard.policy.rule import Match, Rule, Subject


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was asked. `lacked` are the keys of its match that do not hold, `not` among
    them; where there is none, the rule matches. One that does not `speak` of the question was
    passed over: it is about other things, or names those of `lacked`, which nobody knows there."""

    rule: Rule
    lacked: tuple[str, ...]
    speaks: bool


def tried(
    config: Config, question: Question, subject: Subject, decision: Decision
) -> Iterator[Tried]:
    """The rules that were asked before the decision, the deciding one included; all of them where
    a default decided."""
    for place, rule in enumerate(config.rules):
        speaks = config.index.speaks(place, question)
        if speaks:
            yield Tried(rule, tuple(lacking(rule.match, question, subject)), speaks)
        else:
            yield Tried(rule, tuple(sorted(unknown(rule.match, question))), speaks)
        if rule.name == decision.rule:
            return


def lacking(match: Match, question: Question, subject: Subject) -> Iterator[str]:
    """The keys of a match that do not hold for the subject, each asked by itself; those that do not
    count for a page or a flow as a whole are left out."""
    apart = unknown(match, question)
    for key in sorted(named(match) - apart, key=list(Match.__dataclass_fields__).index):
        if not _holds(Match(**{key: getattr(match, key)}), subject):
            yield key
    inner = match.negated
    if inner is not None and not named(inner) & apart and _holds(inner, subject):
        yield "not"


def _holds(match: Match, subject: Subject) -> bool:
    return Index([match]).first(subject) is not None

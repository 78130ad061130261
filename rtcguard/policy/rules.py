"""All rules of a configuration, indexed for each question, and those that can never decide one."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Final

from rtcguard.policy.index import Index
from rtcguard.policy.questions import QUESTIONS, WHOLE, Question, Spoken, spoken
from rtcguard.policy.rule import OF_SERVERS, Match, Rule, ServerPattern, Subject
from rtcguard.policy.tables import Bits

_NOTHING: Final = Spoken(frozenset(), frozenset())


class Rules:
    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = rules
        self._index = Index([rule.match for rule in rules])
        impossible = self._index.impossible()
        self._spoken = [
            _NOTHING if impossible >> place & 1 else spoken(rule)
            for place, rule in enumerate(rules)
        ]
        self._speaking: dict[Question, Bits] = dict.fromkeys(QUESTIONS, 0)
        for place, of in enumerate(self._spoken):
            for question in of.questions:
                self._speaking[question] |= 1 << place
        self._of: dict[Question, Index] = {
            question: self._index.part(bits, WHOLE.get(question))
            for question, bits in self._speaking.items()
        }
        self._monitoring = sum(
            1 << place for place, rule in enumerate(rules) if rule.mode == "monitor"
        )
        self._of_servers = sum(
            1 << place for place, rule in enumerate(rules) if rule.action in OF_SERVERS
        )
        self.monitors = bool(self._monitoring)
        self.names_paths = self._index.names("path")
        self.names_times = self._index.names("time")

    def __reduce__(self) -> tuple[type["Rules"], tuple[tuple[Rule, ...]]]:
        """Tables are made anew in the process that it is sent to."""
        return Rules, (self._rules,)

    def first(self, question: Question, subject: Subject) -> Rule | None:
        """The first rule that matches; None where none does."""
        place = self._of[question].first(subject)
        return None if place is None else self._rules[place]

    def all(self, question: Question, subject: Subject) -> Iterator[Rule]:
        """Every rule that matches, in their order."""
        return (self._rules[place] for place in self._of[question].all(subject))

    def has(self, question: Question) -> bool:
        """Whether any rule speaks of it."""
        return bool(self._of[question])

    def speaks(self, place: int, question: Question) -> bool:
        return question in self._spoken[place].questions

    def of_servers(self, page: Subject) -> Iterator[tuple[Rule, tuple[ServerPattern, ...]]]:
        """The rules that speak of servers in a page's lists, in their order, each with those
        servers that its `not` excludes there: all that is known of them but the server itself.
        Those in monitor mode are left out: a guard that got them would act by them."""
        if not self.has("server"):
            return
        matching, excluding = self._lists
        excluded = set(excluding.all(page))
        for place in matching.all(page):
            rule = self._rules[place]
            if rule.mode == "monitor":
                continue
            negated = rule.match.negated
            if negated is None or place not in excluded:
                yield rule, ()
            elif negated.server:
                yield rule, negated.server

    @cached_property
    def _lists(self) -> tuple[Index, Index]:
        """The rules that speak of servers, and what they exclude, whatever the server is."""
        matches = [rule.match for rule in self._rules]
        inner = [match.negated or Match() for match in matches]
        speaking = self._speaking["server"]
        return (
            Index([replace(match, server=(), negated=None) for match in matches]).part(speaking),
            Index([replace(match, server=()) for match in inner]).part(speaking),
        )

    # Rules that can never decide --------------------------------------------------------------

    def idle(self) -> Iterator[tuple[Rule, Rule | None]]:
        """Rules without which every decision would be the same: None beside one that can match
        nothing, else the first rule that leaves it nothing."""
        for place, rule in enumerate(self._rules):
            if not self._spoken[place].questions:
                yield rule, None
            elif (shadow := self._shadow(place)) is not None:
                yield rule, self._rules[shadow]

    def _shadow(self, place: int) -> int | None:
        """The first rule before it that matches wherever it does, and decides all that it could."""
        rule, of = self._rules[place], self._spoken[place]
        covering = (1 << place) - 1
        for question in of.questions:
            covering &= self._closing(question, rule)
            if not covering:
                return None
        covering = self._index.covering(rule.match, among=covering)
        while covering:
            first = (covering & -covering).bit_length() - 1
            if self._index.excludes_no_more(first, place):
                return first
            covering &= covering - 1
        return None

    def _closing(self, question: Question, rule: Rule) -> Bits:
        """The rules behind which, where they match, this one is not asked."""
        bits = self._speaking[question] & ~self._monitoring
        if question == "flow" and rule.action not in OF_SERVERS:
            return bits & ~self._of_servers  # they pass on what is an approved server's
        return bits

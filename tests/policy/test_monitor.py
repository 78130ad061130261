"""Rules in monitor mode: they change no decision, and each tells what it would have changed."""

from itertools import product

import pytest

from rtcguard.ice.server import parse_uri
from rtcguard.page.server_rules import server_rules
from rtcguard.policy.decide import (
    Decision,
    decide,
    decide_name,
    decide_page,
    decide_server,
    decide_tls,
    decide_tunnel,
    decide_udp,
    server_rule,
)
from rtcguard.policy.model import Config
from rtcguard.policy.record import Record
from rtcguard.policy.rule import Match, Mode, Rule, RuleAction, ServerPattern, Subject
from rtcguard.policy.told import DONE_TO_NAMES, told

GUESTS = "10.9.0.5"
CANDIDATE = Subject("a.example.org", GUESTS, "outbound", candidate="host", address=GUESTS)
PAGE = Subject("a.example.org", GUESTS, "outbound", ring="page")
FLOW = Subject("", GUESTS, "outbound", ring="network", destination="192.0.2.1", port=3478)
STUN = parse_uri("stun:192.0.2.1")


def rule(name: str, action: RuleAction, mode: Mode = "enforce", **match: object) -> Rule:
    return Rule(name, Match(**match), action, mode)  # type: ignore[arg-type]


def config(*rules: Rule) -> Config:
    return Config(rules=rules)


def monitored(decision: Decision) -> list[tuple[str, str]]:
    return [(one.rule, one.action) for one in decision.monitored]


def test_the_search_goes_on_behind_it() -> None:
    made = decide(
        config(
            rule("first", "block", "monitor"),
            rule("of others", "block", "monitor", site=("b.example.org",)),
            rule("second", "keep", "monitor"),
            rule("decides", "scrub"),
            rule("behind", "block", "monitor"),
        ),
        CANDIDATE,
    )
    assert (made.action, made.rule) == ("scrub", "decides")
    assert monitored(made) == [("first", "block"), ("second", "keep")]
    assert made.monitored[0].reason == "rule 'first', in monitor mode, says block"


def test_the_defaults_decide_where_no_other_rule_does() -> None:
    made = decide(config(rule("one", "keep", "monitor")), CANDIDATE)
    assert (made.action, made.rule) == ("strip", "default:outbound")
    assert monitored(made) == [("one", "keep")]


def test_a_page_rule_neither_blocks_nor_loosens_the_guard() -> None:
    block = rule("guests", "block", client=("private",))
    made = decide_page(config(rule("none", "block", "monitor"), rule("open", "keep")), PAGE)
    assert (made.action, monitored(made)) == ("scrub", [("none", "block")])
    made = decide_page(config(rule("some", "keep", "monitor", candidate=("host",)), block), PAGE)
    assert (made.action, made.rule) == ("block", "guests")
    assert monitored(made) == [("some", "scrub")]  # in force, it would keep the page open
    made = decide_page(config(rule("some", "keep", "monitor", candidate=("host",))), PAGE)
    assert (made.action, monitored(made)) == ("scrub", [])  # in force, it would change nothing


def test_the_page_guard_does_not_hear_of_rules_on_servers() -> None:
    """It would let the page have the server."""
    server = (ServerPattern("turn", "turn.example.org"),)
    for mode, count in (("enforce", 1), ("monitor", 0)):
        made = config(rule("theirs", "keep", mode, server=server))  # type: ignore[arg-type]
        assert len(server_rules(made, PAGE)) == count
        decision = server_rule(made, PAGE, parse_uri("turn:turn.example.org"))
        assert decision is not None
        assert (decision.action == "keep") == (mode == "enforce")
        assert monitored(decision) == ([("theirs", "keep")] if mode == "monitor" else [])


@pytest.mark.parametrize("of", ["tunnel", "udp", "name", "server", "tls"])
def test_every_other_question(of: str) -> None:
    def ask(rules: Config) -> Decision:
        if of == "tunnel":
            return decide_tunnel(rules, FLOW, STUN, approved=True)
        if of == "udp":
            return decide_udp(rules, FLOW, "DTLS", approved=True)
        if of == "server":
            return decide_server(rules, CANDIDATE, STUN)
        subject = Subject("bank.example", GUESTS, "", destination="bank.example", port=443)
        return decide_tls(rules, subject) if of == "tls" else decide_name(rules, FLOW)

    action: RuleAction = "pass" if of == "tls" else "keep" if of in ("name", "server") else "block"
    match = (
        {"server": (ServerPattern("stun", "192.0.2.1"),)}
        if of == "server"
        else {"client": ("private",)}
    )
    without = ask(config())
    watched = ask(config(rule("watched", action, "monitor", **match)))
    enforced = ask(config(rule("watched", action, **match)))
    assert (watched.action, watched.rule, watched.reason) == (
        *(without.action, without.rule, without.reason),
    )
    assert monitored(watched) == [("watched", enforced.action)]
    assert enforced.action != without.action


ACTIONS: tuple[RuleAction, ...] = ("keep", "block")


@pytest.mark.parametrize("actions", list(product(ACTIONS, repeat=3)))
@pytest.mark.parametrize("modes", list(product(("enforce", "monitor"), repeat=3)))
def test_the_effect_is_that_of_the_policy_without_them(
    actions: tuple[RuleAction, ...], modes: tuple[Mode, ...]
) -> None:
    """And what is told of each is what it does in force."""
    made = [
        rule(str(place), action, mode)
        for place, (action, mode) in enumerate(zip(actions, modes, strict=True))
    ]
    enforced = [one for one in made if one.mode == "enforce"]
    for ask, subject in ((decide, CANDIDATE), (decide_page, PAGE), (decide_name, FLOW)):
        decision = ask(config(*made), subject)
        without = ask(config(*enforced), subject)
        assert (decision.action, decision.rule) == (without.action, without.rule)
        for one in decision.monitored:
            tried = [x for x in made if x.mode == "enforce" or x.name == one.rule]
            in_force = [Rule(x.name, x.match, x.action) for x in tried]
            assert ask(config(*in_force), subject).action == one.action


def test_what_the_ledger_is_told() -> None:
    """One event of each rule in monitor mode, and one of the decision; in monitor mode throughout
    that one too says what would have been."""
    record = Record(ring="network", kind="name", action="refused", rule="r", reason="why")
    would = Decision("keep", "watched", "says keep")
    decision = Decision("strip", "r", "why", (would,))
    for mode, last in (("enforce", ("refused", "")), ("monitor", ("observed", "refused"))):
        first, second = told(record, decision, mode, DONE_TO_NAMES)  # type: ignore[arg-type]
        assert (first.action, first.would, first.rule) == ("observed", "kept", "watched")
        assert (second.action, second.would) == last
        assert (second.rule, second.reason) == ("r", "why")
    seen = Record(ring="network", kind="name", action="observed")
    assert told(seen, Decision("observe", "r", ""), "monitor") == (seen,)

"""Who is answered, and how often; and what the ledger is told of the others."""

import ipaddress
from typing import Any

import pytest

from rtcguard.network import stun
from rtcguard.network.admission import Admission
from rtcguard.network.reception import Reception
from rtcguard.policy.load import load
from rtcguard.policy.model import NEAR, Config, Policy, Stun
from rtcguard.policy.record import Record

NOON = 1_800_000_000.0
SERVER = ("10.0.0.1", 3478)
PLAIN = stun.encode(stun.BINDING, stun.REQUEST, bytes(range(12)))


def reception(**keys: Any) -> Reception:
    return Reception(Policy(Config(stun=Stun(**keys))))


def told(one: Reception) -> list[Record]:
    return one.records(NOON) + one.rest()


def test_each_packet_is_told_as_what_its_own_policy_decided() -> None:
    """What was counted when the policy is replaced, too."""
    policies = Policy(Config()), Policy(Config(stun=Stun(answer="decoy")))
    one = Reception(policies[0])
    for policy in (*policies, policies[0]):
        one.use(policy)
        for _ in range(5):
            one.judge(PLAIN, ("127.0.0.1", 5), SERVER, NOON)
    found = [(record.policy, "403" in record.reason, record.count) for record in told(one)]
    first, second = (policy.version for policy in policies)
    # The first of each is told at once, the others as one.
    assert found == [
        *((first, True, 1), (first, True, 4)),
        *((second, False, 1), (second, False, 4)),
        *((first, True, 1), (first, True, 4)),
    ]


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("127.9.8.7", True),
        ("10.255.0.1", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.5", True),
        ("100.64.0.9", True),
        ("100.128.0.9", False),
        ("169.254.7.7", True),
        ("192.0.2.1", False),
        ("8.8.8.8", False),
        ("::1", True),
        ("fe80::1", True),
        ("fd00::5", True),
        ("2001:db8::5", False),
        ("::ffff:10.0.0.5", True),
        ("::ffff:8.8.8.8", False),
        ("nobody", False),
    ],
)
def test_only_what_is_near_is_answered_unless_told_otherwise(host: str, near: bool) -> None:
    assert Admission(NEAR, 1).is_client(host) == near
    one = reception()
    judged = one.judge(PLAIN, (host, 5), SERVER, NOON)
    assert (judged.datagram is not None) == near == (judged.known is not None)
    (record,) = told(one)
    if not near:
        assert (record.action, record.rule) == ("blocked", "stun:clients")
        assert record.reason.startswith("Binding request: no answer: ")


def test_in_monitor_mode_it_refuses_and_says_why() -> None:
    """What is refused is told as refused: a responder has nothing that it could pass on."""
    one = Reception(Policy(Config(mode="monitor")))
    assert one.judge(PLAIN, ("10.0.0.9", 5000), SERVER, NOON).datagram is not None
    (record,) = told(one)
    assert (record.action, record.would) == ("refused", "")
    assert record.reason.endswith("in monitor mode too, for a responder has nothing to pass on")


def test_the_networks_are_the_configured_ones() -> None:
    one = reception(clients=(ipaddress.ip_network("2001:db8::/64"),))
    assert one.judge(PLAIN, ("2001:db8::5", 5), SERVER, NOON).datagram
    assert not one.judge(PLAIN, ("10.0.0.5", 5), SERVER, NOON).datagram
    assert not reception(clients=()).judge(PLAIN, ("127.0.0.1", 5), SERVER, NOON).datagram


def test_an_interface_can_vouch_for_a_source() -> None:
    asked: list[bool] = []

    def vouched() -> bool:
        return asked.pop()

    one = reception()
    for host, word, answered in (("2001:db8::5", True, True), ("2001:db8::5", False, False)):
        asked.append(word)
        judged = one.judge(PLAIN, (host, 5), SERVER, NOON, vouched=vouched)
        assert (judged.datagram is not None) == answered
    assert one.judge(PLAIN, ("10.0.0.5", 5), SERVER, NOON, vouched=vouched).datagram, "not asked"


def test_a_source_gets_so_many_answers_a_second() -> None:
    one = reception(rate=3)
    for second in range(3):
        answers = [one.judge(PLAIN, ("10.0.0.5", 5), SERVER, NOON + second) for _ in range(10)]
        assert [answer.datagram is not None for answer in answers] == [True] * 3 + [False] * 7
    assert one.judge(PLAIN, ("10.0.0.6", 5), SERVER, NOON + 2).datagram, "another has its own"
    counts = {}
    for record in told(one):
        key = (record.client, record.rule)
        counts[key] = counts.get(key, 0) + record.count
    assert counts == {
        ("10.0.0.5", "stun:refuse"): 9,
        ("10.0.0.5", "stun:rate"): 21,
        ("10.0.0.6", "stun:refuse"): 1,
    }


def test_what_is_known_has_the_same_limit() -> None:
    one = reception(rate=10)
    known = one.judge(PLAIN, ("10.0.0.5", 5), SERVER, NOON).known
    assert known is not None
    assert one.again(known, 9, NOON)
    assert not one.again(known, 1, NOON)
    assert not one.again(known, 11, NOON + 1)
    assert one.again(known, 10, NOON + 1)
    assert not one.again(known, 1, NOON + 60), "a new minute is told anew"
    assert sum(record.count for record in told(one)) == 20


def test_silence_costs_no_answer() -> None:
    one = reception(rate=1)
    indication = stun.encode(stun.BINDING, stun.INDICATION, bytes(12))
    for _ in range(5):
        assert one.judge(indication, ("10.0.0.5", 5), SERVER, NOON).datagram is None
    assert one.judge(PLAIN, ("10.0.0.5", 5), SERVER, NOON).datagram


@pytest.mark.parametrize(
    ("rule", "decided", "words"),
    [
        ("match: {client: 10.0.0.0/8}, action: block", "r", "rule 'r' says block"),
        ("match: {destination: 192.0.2.0/24, port: 3478}, action: block", "r", "says block"),
        ("match: {server: 'stun:192.0.2.1'}, action: drop", "r", "says drop"),
        ("match: {protocol: stun, time: mon 10:00-10:01}, action: block", "r", "says block"),
        ("match: {protocol: stun, time: mon 10:01-10:02}, action: block", "stun:refuse", ""),
        ("match: {protocol: turn}, action: block", "stun:refuse", ""),
        ("match: {site: a.example}, action: block", "stun:refuse", ""),
        (
            "match: {server: 'stun:*'}, action: keep",
            "stun:refuse",
            "rule 'r' says keep, but it was led to the responder: the firewall opens to",
        ),
    ],
)
def test_the_ledger_is_told_which_rule_speaks_of_a_packet(
    rule: str, decided: str, words: str
) -> None:
    """What is answered stays the same: the packet goes nowhere in any case."""
    config = load(f"version: 1\nrules:\n  - {{name: r, {rule}}}\n", "f.yaml")
    one = Reception(Policy(config), lambda: 600)
    judged = one.judge(PLAIN, ("10.0.0.9", 5000), ("192.0.2.1", 3478), NOON)
    assert judged.datagram is not None
    assert stun.parse(judged.datagram).message_class == stun.ERROR
    (record,) = told(one)
    assert (record.action, record.rule) == ("refused", decided)
    assert words in record.reason

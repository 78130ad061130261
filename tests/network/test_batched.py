"""What is answered many at a time is answered, and told, as if it came one by one."""

import contextlib
import dataclasses
import socket
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtcguard.network import batch, stun
from rtcguard.network.batched import BatchedPort
from rtcguard.network.failures import Failures
from rtcguard.network.reception import Reception
from rtcguard.network.responder import template
from rtcguard.network.udp import UdpPort
from rtcguard.policy.model import Config, Policy, Stun
from rtcguard.policy.record import Record

pytestmark = pytest.mark.skipif(not batch.AVAILABLE, reason="recvmmsg is Linux's")

NOON = 1_800_000_000.0
CLASSIC = stun.encode(stun.BINDING, stun.REQUEST, bytes(16))
PLAIN = stun.encode(stun.BINDING, stun.REQUEST, bytes(range(12)))

transactions = st.binary(min_size=12, max_size=12)
plain = st.builds(stun.encode, st.just(stun.BINDING), st.just(stun.REQUEST), transactions)
others = st.builds(
    stun.encode,
    st.sampled_from([stun.BINDING, stun.ALLOCATE, 0x080, 0xFFF]),
    st.integers(0, 3),
    st.one_of(transactions, st.binary(min_size=16, max_size=16)),
    st.lists(
        st.tuples(
            st.sampled_from([0x6, 0x8, 0x24, 0x7FFF, 0x8022, 0x8028]),
            st.one_of(st.binary(max_size=20), st.just(b"ours:theirs")),
        ),
        max_size=3,
    ),
    fingerprint=st.booleans(),
)
# Like a plain one in the eight bytes that are looked up, and yet another thing.
near = st.builds(lambda one, more: one[: 8 + more] + bytes(more), plain, st.integers(0, 14))
packets = st.one_of(plain, plain, plain, others, near, st.binary(max_size=40))


def policy(mode: str, rate: int = 10**6) -> Policy:
    return Policy(Config(stun=Stun(answer=mode, rate=rate)))  # type: ignore[arg-type]


def bare(record: Record) -> Record:
    """Without what differs between two pairs of sockets."""
    return dataclasses.replace(record, port=int(record.port != 0), destination="")


@dataclasses.dataclass
class Side:
    """One kind of port, with a client of its own."""

    port: UdpPort
    client: socket.socket
    reception: Reception
    failures: Failures

    def say(self, packets: list[bytes], now: float) -> list[bytes]:
        host = "127.0.0.1" if self.client.family == socket.AF_INET else "::1"
        for packet in packets:
            self.client.sendto(packet, (host, self.port.local[1]))
        self.port.turn(self.reception, self.failures, now)
        answers = []
        with contextlib.suppress(BlockingIOError):
            while True:
                answers.append(self.client.recv(1000))
        return answers


@contextlib.contextmanager
def side(make: type[UdpPort], host: str, client: str, policy: Policy) -> Iterator[Side]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.bind((host, 0))
        bound.setblocking(False)
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.bind((client, 0))
            sender.setblocking(False)
            yield Side(make(bound), sender, Reception(policy), Failures("STUN"))


several = st.lists(st.lists(packets, max_size=12), max_size=5)
modes = st.sampled_from(["refuse", "decoy", "silent"])
pairs = st.sampled_from([("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1")])


@settings(max_examples=100, deadline=None)
@given(several, modes, pairs)
def test_a_batch_is_decided_as_its_packets_are(
    rounds: list[list[bytes]], mode: str, hosts: tuple[str, str]
) -> None:
    rules = policy(mode)
    with side(BatchedPort, *hosts, rules) as fast, side(UdpPort, *hosts, rules) as slow:
        for number, packets in enumerate(rounds):
            now = NOON + number * 25  # two of five rounds begin a minute
            assert fast.say(packets, now) == slow.say(packets, now)
            told = fast.reception.records(now), slow.reception.records(now)
            assert list(map(bare, told[0])) == list(map(bare, told[1]))
        rest = fast.reception.rest(), slow.reception.rest()
        assert list(map(bare, rest[0])) == list(map(bare, rest[1]))
        assert sum(record.count for record in rest[0]) <= sum(map(len, rounds))


@settings(max_examples=100, deadline=None)
@given(several, modes, pairs)
@example([[PLAIN], [PLAIN, PLAIN, CLASSIC, PLAIN]], "refuse", ("127.0.0.1", "127.0.0.1"))
def test_as_many_of_a_batch_are_answered_as_the_rate_allows(
    rounds: list[list[bytes]], mode: str, hosts: tuple[str, str]
) -> None:
    """As many, and not always the same ones: where the rate ends within a batch, what is known of
    it is counted before the rest. All of them are told."""
    rules = policy(mode, rate=3)
    counts = {BatchedPort: 0, UdpPort: 0}
    with side(BatchedPort, *hosts, rules) as fast, side(UdpPort, *hosts, rules) as slow:
        for number, packets in enumerate(rounds):
            now = NOON + number * 25
            assert len(fast.say(packets, now)) == len(slow.say(packets, now))
            for one in (fast, slow):
                counts[type(one.port)] += told(one.reception.records(now))
        for one in (fast, slow):
            counts[type(one.port)] += told(one.reception.rest())
    assert counts[BatchedPort] == counts[UdpPort]


def told(records: list[Record]) -> int:
    """How many packets they tell of."""
    return sum(record.count for record in records)


def test_full_batches_of_known_and_unknown_packets_get_their_own_answers() -> None:
    with side(BatchedPort, "127.0.0.1", "127.0.0.1", policy("refuse")) as one:
        sent = []
        for number in range(150):
            identity = number.to_bytes(12)
            attributes = [(stun.SOFTWARE, b"lab!")] if number % 7 == 3 else []
            sent.append((identity, stun.encode(stun.BINDING, stun.REQUEST, identity, attributes)))
        for _ in range(2):
            answers = one.say([packet for _, packet in sent], NOON)
            assert [stun.parse(answer).transaction_id for answer in answers] == [i for i, _ in sent]
            assert {stun.parse(answer).message_class for answer in answers} == {stun.ERROR}
        told = one.reception.rest()
        assert sum(record.count for record in told) == 300
        assert len(told) == 2, "the first, and the others"


def test_a_new_policy_holds_for_what_was_known() -> None:
    with side(BatchedPort, "127.0.0.1", "127.0.0.1", policy("refuse")) as one:
        for mode, kind in (("refuse", 3), ("decoy", 2), ("refuse", 3)):
            one.reception.use(policy(mode))
            for _ in range(3):
                (answer,) = one.say([PLAIN], NOON)
                assert stun.parse(answer).message_class == kind
        one.reception.use(policy("silent"))
        assert one.say([PLAIN, PLAIN], NOON) == []


@pytest.mark.parametrize("mode", ["refuse", "decoy", "silent"])
@pytest.mark.parametrize("source", ["192.168.1.5", "2001:db8::5"])
def test_no_template_where_answers_differ_by_more_than_their_transaction(
    mode: str, source: str
) -> None:
    found = template((source, 5), (source, 3478), policy(mode))
    assert (found is None) == (mode == "silent" or (mode == "decoy" and ":" in source))

"""Records of one kind are told at once, and then as one a minute; the table never grows."""

from rtcguard.network.folding import MINUTE, SIZE, Folding
from rtcguard.policy.record import Record

NOON = 1_800_000_000.0


def record(client: str = "10.0.0.5", port: int = 5000, **others: str) -> Record:
    return Record("network", "stun", "refused", client=client, address=client, port=port, **others)


def test_the_first_is_told_at_once_and_the_others_when_the_minute_ends() -> None:
    folding = Folding()
    for second in (1, 2, 5):
        folding.add(record(), NOON + second)
    assert folding.take() == [record()]
    assert folding.due == NOON + MINUTE
    folding.add(record(), NOON + MINUTE + 3)
    folded, again = folding.take()
    assert (folded.count, folded.began, folded.ended) == (2, NOON + 2, NOON + 5)
    assert again == record()
    folding.settle()
    assert folding.take() == []
    assert folding.due == float("inf")


def test_kinds_are_apart() -> None:
    folding = Folding()
    kinds = [
        record(),
        record("10.0.0.6"),
        record(user="alice"),
        record(destination="192.0.2.1:3478"),
        record(rule="stun:rate"),
        record(reason="Binding request"),
    ]
    for one in kinds * 3:
        folding.add(one, NOON)
    assert folding.take() == kinds
    folding.settle()
    assert [one.count for one in folding.take()] == [2] * 6


def test_what_they_have_not_in_common_is_left_out() -> None:
    folding = Folding()
    for port in (1, 2, 2):
        folding.add(record(port=port, ufrag="abcd"), NOON)
    folding.settle()
    first, folded = folding.take()
    assert (first.port, folded.port, folded.ufrag, folded.count) == (1, 0, "abcd", 2)


def test_each_fragment_is_told_once_up_to_a_bound() -> None:
    folding = Folding()
    for number in range(1000):
        for _ in range(2):
            folding.add(record(ufrag=f"frag{number}"), NOON)
    told = folding.take()
    assert [one.ufrag for one in told] == [f"frag{number}" for number in range(16)]
    folding.settle()
    (folded,) = folding.take()
    assert (folded.ufrag, folded.count) == ("", 2000 - 16)


def test_a_client_that_makes_up_kinds_fills_no_ledger() -> None:
    folding, told = Folding(), []
    for number in range(10_000):
        for client in ("10.0.0.5", "10.0.0.6") if number < 10 else ("10.0.0.5",):
            folding.add(record(client, reason=f"method {number}"), NOON)
    folding.settle()
    told = folding.take()
    assert sum(one.count for one in told) == 10_010
    assert len(told) == 256 + 10 + 2, "the rest of the first is one kind, told first and as folded"
    rest = told[-1]
    assert (rest.client, rest.destination, rest.action) == ("10.0.0.5", "", "refused")
    assert "beyond the 256 kinds" in rest.reason
    folding.add(record(reason="method 9999"), NOON)
    assert folding.take()[0].reason == "method 9999", "the next minute begins anew"


def test_a_tally_goes_on_until_it_is_settled() -> None:
    folding = Folding()
    tally = folding.add(record(), NOON)
    rounds = folding.rounds
    tally.add(40, NOON + 1)
    tally.add(2, NOON + 2)
    assert folding.rounds == rounds
    folding.settle()
    assert folding.rounds != rounds
    assert [one.count for one in folding.take()] == [1, 42]


def test_ever_new_sources_take_no_more_room_than_the_table_has() -> None:
    folding, told = Folding(), 0
    for number in range(200_000):
        folding.add(Record("network", "stun", "refused", client=str(number)), NOON)
        if number % 64 == 63:
            told += sum(one.count for one in folding.take())
            assert len(folding) <= SIZE
    assert told == 200_000, "each was told at once, and none twice"

"""How much one client may ask for."""

from rtcguard.network.limits import Budget


def test_a_burst_and_then_the_rate() -> None:
    budget = Budget(rate=10, burst=3)
    assert [budget.spend("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert budget.spend("b", 0.0), "another's bucket"
    assert [budget.spend("a", 0.1) for _ in range(2)] == [True, False]
    assert [budget.spend("a", 1e6) for _ in range(4)] == [True, True, True, False]


def test_many_clients_take_no_more_than_the_bound() -> None:
    budget = Budget(rate=1, burst=1, clients=100)
    for number in range(100_000):
        budget.spend(str(number), 0.0)
    assert len(budget) == 100

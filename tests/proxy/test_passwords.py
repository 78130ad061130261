"""Looking at passwords: what is remembered, who has to wait, and for how long."""

import asyncio
from collections.abc import Iterator

import bcrypt
import pytest

from rtcguard.policy.users import User
from rtcguard.proxy import passwords as module
from rtcguard.proxy.passwords import Passwords, Verdict

CLIENT = "10.1.2.3"


def user(name: str, password: str = "secret") -> User:
    return User(name, bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode())


USERS = (user("alice"), user("bob"))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords(clock: Clock) -> Iterator[Passwords]:
    made = Passwords(USERS, clock)
    yield made
    made.close()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that bcrypt was given."""
    seen: list[str] = []
    fits = module._fits

    def counted(password: str, hashed: str) -> bool:
        seen.append(password)
        return fits(password, hashed)

    monkeypatch.setattr(module, "_fits", counted)
    return seen


def guess(passwords: Passwords, number: int, client: str = CLIENT, name: str = "alice") -> Verdict:
    return asyncio.run(passwords.look(client, name, f"wrong{number}"))


def test_what_was_right_is_not_looked_at_again(passwords: Passwords, looks: list[str]) -> None:
    async def main() -> None:
        for client in (CLIENT, CLIENT, "10.9.9.9"):
            assert await passwords.look(client, "alice", "secret") is Verdict.RIGHT
        assert await passwords.look(CLIENT, "alice", "secret ") is Verdict.WRONG
        assert await passwords.look(CLIENT, "bob", "secret") is Verdict.RIGHT

    asyncio.run(main())
    assert looks == ["secret", "secret ", "secret"]


def test_the_same_at_once_is_looked_at_once(passwords: Passwords, looks: list[str]) -> None:
    """A browser opens several connections when it starts."""

    async def main() -> list[Verdict]:
        return await asyncio.gather(*(passwords.look(CLIENT, "alice", "secret") for _ in range(30)))

    assert asyncio.run(main()) == [Verdict.RIGHT] * 30
    assert looks == ["secret"]


def test_a_name_that_there_is_not_takes_as_long(passwords: Passwords, looks: list[str]) -> None:
    assert asyncio.run(passwords.look(CLIENT, "carol", "secret")) is Verdict.WRONG
    assert looks == ["secret"]


def test_who_guesses_has_to_wait(passwords: Passwords, clock: Clock) -> None:
    assert [guess(passwords, number) for number in range(12)] == (
        [Verdict.WRONG] * 10 + [Verdict.TOO_MANY] * 2
    )
    # Not even what is right tells one who guesses anything.
    assert asyncio.run(passwords.look(CLIENT, "alice", "secret")) is Verdict.TOO_MANY
    # Others are not held up: other clients, other users, those who have signed in.
    assert asyncio.run(passwords.look("10.1.2.4", "alice", "secret")) is Verdict.RIGHT
    assert asyncio.run(passwords.look(CLIENT, "bob", "secret")) is Verdict.RIGHT
    assert asyncio.run(passwords.look(CLIENT, "alice", "secret")) is Verdict.RIGHT
    clock.now += 6.0
    assert [guess(passwords, number) for number in (20, 21)] == [Verdict.WRONG, Verdict.TOO_MANY]


def test_names_that_there_are_not_share_one_measure(passwords: Passwords) -> None:
    verdicts = [guess(passwords, number, name=f"nobody{number}") for number in range(11)]
    assert verdicts == [Verdict.WRONG] * 10 + [Verdict.TOO_MANY]


def test_the_addresses_of_one_machine_share_one_measure(passwords: Passwords) -> None:
    verdicts = [guess(passwords, number, f"2001:db8::{number:x}") for number in range(11)]
    assert verdicts[-1] is Verdict.TOO_MANY
    assert guess(passwords, 12, "2001:db8:0:1::1") is Verdict.WRONG


def test_only_so_many_wait(passwords: Passwords) -> None:
    async def main() -> list[Verdict]:
        looks = (passwords.look(f"10.0.0.{n}", "alice", f"wrong{n}") for n in range(20))
        return await asyncio.gather(*looks)

    verdicts = asyncio.run(main())
    assert verdicts.count(Verdict.BUSY) == 12
    assert guess(passwords, 30) is Verdict.WRONG, "later there is room again"


def test_another_table(passwords: Passwords) -> None:
    async def look(name: str, password: str) -> Verdict:
        return await passwords.look(CLIENT, name, password)

    assert asyncio.run(look("alice", "secret")) is Verdict.RIGHT
    passwords.use((user("alice", "other"), user("carol")))
    assert asyncio.run(look("alice", "secret")) is Verdict.WRONG, "what is remembered is gone"
    assert asyncio.run(look("alice", "other")) is Verdict.RIGHT
    assert asyncio.run(look("bob", "secret")) is Verdict.WRONG
    passwords.use(())
    assert not passwords


@pytest.mark.parametrize("password", ["x" * 73, "", "a\0b", "\udc80"])
def test_what_bcrypt_does_not_take_is_wrong(passwords: Passwords, password: str) -> None:
    assert asyncio.run(passwords.look(CLIENT, "alice", password)) is Verdict.WRONG

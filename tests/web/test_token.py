"""The token, and how often it may be guessed."""

import pytest

from rtcguard.web.guesses import MOST_WRONG, WITHIN, Guesses
from rtcguard.web.token import cookie_of, is_cookie, is_token, token_of

TOKEN = token_of(b"k" * 32)


def test_a_token() -> None:
    assert len(TOKEN) == 23 and TOKEN.count("-") == 3
    assert token_of(b"j" * 32) != TOKEN
    for written in (TOKEN, TOKEN.upper(), TOKEN.replace("-", ""), f" {TOKEN.replace('-', ' ')}\n"):
        assert is_token(TOKEN, written)
    for wrong in ("", "-", TOKEN[:-1], TOKEN + "a", token_of(b"j" * 32), "é", "\udcff"):
        assert not is_token(TOKEN, wrong)


def test_its_cookie_does_not_tell_it() -> None:
    cookie = cookie_of(TOKEN)
    assert is_cookie(TOKEN, cookie)
    assert not any(part in cookie for part in TOKEN.split("-"))
    for wrong in ("", TOKEN, cookie[:-1], cookie_of(token_of(b"j" * 32)), "é", "\udcff"):
        assert not is_cookie(TOKEN, wrong)


def test_guesses_are_counted_client_by_client() -> None:
    guesses = Guesses()
    for number in range(MOST_WRONG):
        assert guesses.allows("a", float(number))
        guesses.wrong("a", float(number))
    assert not guesses.allows("a", float(MOST_WRONG))
    assert guesses.allows("b", float(MOST_WRONG))
    assert not guesses.allows("a", WITHIN - 0.1)
    assert guesses.allows("a", WITHIN)  # the first is forgotten


@pytest.mark.parametrize("clients", [5_000])
def test_of_many_clients_the_last_are_remembered(clients: int) -> None:
    guesses = Guesses()
    for client in range(clients):
        for _ in range(MOST_WRONG):
            guesses.wrong(str(client), 0.0)
    assert guesses.allows("0", 0.0)
    assert not guesses.allows(str(clients - 1), 0.0)

"""Who visits the site, and what is refused: as values."""

import pytest

from rtcguard.web.access import (
    FROM_ELSEWHERE,
    NOT_OURS,
    NOT_SIGNED,
    Refusal,
    Visitor,
    is_loopback,
    refusal,
)

OWN = ("127.0.0.1", 8081)
HERE, THROUGH = Visitor("127.0.0.1", True, False), Visitor("192.0.2.7", False, True)
CROSS = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
FOLLOWED = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}


@pytest.mark.parametrize(
    ("host", "own", "visitor", "ours"),
    [
        ("127.0.0.1:8081", OWN, HERE, True),
        ("localhost:8081", OWN, HERE, True),
        ("[::1]:8081", ("::1", 8081), HERE, True),
        ("192.0.2.1:8081", ("::ffff:192.0.2.1", 8081), HERE, True),
        ("127.0.0.1", ("127.0.0.1", 80), HERE, True),
        ("127.0.0.1:8082", OWN, HERE, False),
        ("127.0.0.1", OWN, HERE, False),
        ("192.0.2.1:8081", OWN, HERE, False),
        ("rebound.example:8081", OWN, HERE, False),
        ("localhost.example:8081", OWN, HERE, False),
        ("rtcguard.test", OWN, HERE, False),  # only who comes through the proxy is there
        ("rtcguard.test:8081", OWN, HERE, False),
        ("", OWN, HERE, False),
        ("[::1:8081", OWN, HERE, False),
        ("127.0.0.1:99999", OWN, HERE, False),
        ("rtcguard.test", OWN, THROUGH, True),
        ("RTCguard.test.:443", OWN, THROUGH, True),
        ("www.rtcguard.test", OWN, THROUGH, False),
        ("rtcguard.test.example", OWN, THROUGH, False),
        ("127.0.0.1:8081", OWN, THROUGH, False),
    ],
)
def test_names(host: str, own: tuple[str, int], visitor: Visitor, ours: bool) -> None:
    found = refusal("GET", "/", {"host": host}, own, visitor)
    assert found is (None if ours else NOT_OURS)


@pytest.mark.parametrize(
    ("method", "path", "headers", "refused"),
    [
        ("GET", "/", {}, None),
        ("GET", "/", FOLLOWED, None),
        ("HEAD", "/", FOLLOWED, None),
        ("GET", "/ledger", CROSS, FROM_ELSEWHERE),
        ("GET", "/", FOLLOWED | {"sec-fetch-dest": "iframe"}, FROM_ELSEWHERE),
        ("POST", "/token", FOLLOWED, FROM_ELSEWHERE),
        ("GET", "/", CROSS | {"sec-fetch-site": "same-site"}, FROM_ELSEWHERE),
        ("GET", "/", CROSS | {"sec-fetch-site": "same-origin"}, None),
        ("GET", "/", {"sec-fetch-site": "none"}, None),
        ("GET", "/probe.svg", CROSS, None),
        ("POST", "/probe.svg", CROSS, FROM_ELSEWHERE),
        ("GET", "/probe.svgz", CROSS, FROM_ELSEWHERE),
        ("GET", "/", {"origin": "http://other.example"}, FROM_ELSEWHERE),
        ("GET", "/", {"origin": "null"}, FROM_ELSEWHERE),
        ("POST", "/token", {"origin": "http://127.0.0.1:8081"}, None),
        ("POST", "/token", {"origin": "http://127.0.0.1:9000"}, FROM_ELSEWHERE),
        ("POST", "/token", {"origin": "null"}, FROM_ELSEWHERE),
        ("POST", "/token", {"sec-fetch-site": "same-origin"}, None),
        ("POST", "/token", {}, FROM_ELSEWHERE),
        ("DELETE", "/token", {}, FROM_ELSEWHERE),
    ],
)
def test_senders(method: str, path: str, headers: dict[str, str], refused: Refusal | None) -> None:
    assert refusal(method, path, {"host": "127.0.0.1:8081", **headers}, OWN, HERE) is refused


def test_nobody() -> None:
    nobody = Visitor("", False, True)
    assert refusal("GET", "/", {"host": "rtcguard.test"}, OWN, nobody) is NOT_SIGNED
    assert not nobody.sees_own and not nobody.sees_all


def test_what_is_seen() -> None:
    assert HERE.sees_own and HERE.sees_all
    assert not THROUGH.sees_own and not THROUGH.sees_all
    known = Visitor("192.0.2.7", False, True, token_ok=True)
    assert known.sees_own and not known.sees_all


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True),
     ("0.0.0.0", False), ("10.0.0.1", False), ("localhost", False), ("", False)],
)  # fmt: skip
def test_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback

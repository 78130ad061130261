"""Interim responses in front of the one that counts."""

import pytest

from tests.process import Running
from tests.raw import RawOrigin, response

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: <stun:192.0.2.1>; rel=ice-server\r\n\r\n"
OTHER = b"HTTP/1.1 102 Processing\r\n\r\n"
PAGE = response(b"<!DOCTYPE html>hello")


@pytest.mark.parametrize(
    "pieces",
    [
        [HINTS + PAGE],
        [HINTS, PAGE],
        [HINTS[:30], HINTS[30:] + OTHER + PAGE[:20], PAGE[20:]],
    ],
    ids=["at once", "apart", "in pieces"],
)
def test_they_are_left_out(proxy: Running, raw: RawOrigin, pieces: list[bytes]) -> None:
    raw.answers["/"] = lambda asked: iter(pieces)
    answer, body = proxy.request("GET", f"{raw.url}/", headers={"accept": "text/html"})
    assert answer.status == 200
    assert b"<script>" in body and body.endswith(b"hello")

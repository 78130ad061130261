"""The searcher must find what it is asked about, or the rewriter's properties show nothing."""

import pytest
from hypothesis import given

from .searcher import addresses, canonical
from .strategies import Wrapped, candidates, descriptions, wrapped


@given(wrapped(descriptions()) | wrapped(candidates()))
def test_finds_all_that_was_written(message: Wrapped) -> None:
    written = message.written.client | message.written.relays
    assert {canonical(one) or one for one in written} <= addresses(message.content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", set()),
        (b"10:30, version 1.2.3, e:1", set()),
        (b"I am at 192.168.1.5.", {"192.168.1.5"}),
        (b'{"a":"1","a":"10.0.0.1","a":"2"}', {"10.0.0.1"}),
        (b'{"a":"\\u0031\\u0030.0.0.1"}', {"10.0.0.1"}),
        (b'["{\\"a\\":\\"\\\\u0031\\\\u0030.0.0.1\\"}"]', {"10.0.0.1"}),
        (b"a=x:[2001:DB8::1]:9", {"2001:db8::1"}),
        (b"\xff\x00 candidate A.LOCAL 0:0:0:0:0:0:0:1", {"a.local", "::1"}),
    ],
)
def test_examples(content: bytes, expected: set[str]) -> None:
    assert addresses(content) == expected

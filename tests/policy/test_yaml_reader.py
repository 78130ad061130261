"""Single values of the configuration."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.policy.yaml_reader import (
    Yaml,
    boolean,
    list_of,
    parse_duration,
    parse_host_port,
    suggestion,
    text,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("45s", 45),
        ("30m", 1800),
        ("12h", 43200),
        ("90d", 7776000),
        ("2w", 1209600),
        ("1 h", 3600),
        ("0s", None),
        ("000d", None),
        ("12", None),
        ("h", None),
        ("", None),
        ("1.5h", None),
        ("-1h", None),
        ("1h30m", None),
        ("1H", None),
        ("1y", None),
        ("12h\n", None),
        ("٣h", None),
        ("1000000s", None),
    ],
)
def test_duration(value: str, seconds: int | None) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("proxy.example.org:1", ("proxy.example.org", 1)),
        ("localhost:65535", ("localhost", 65535)),
        ("localhost:65536", None),
        ("localhost:0", None),
        ("localhost", None),
        (":8080", None),
        ("::1:8080", None),
        ("[::1]", None),
        ("[host]:1", None),
        ("a b:1", None),
        ("http://a:1", None),
        ("a:1\n", None),
        ("a:-1", None),
        ("", None),
    ],
)
def test_host_port(value: str, parsed: tuple[str, int] | None) -> None:
    assert parse_host_port(value) == parsed


@given(st.text())
def test_total(value: str) -> None:
    seconds = parse_duration(value)
    assert seconds is None or seconds > 0
    place = parse_host_port(value)
    assert place is None or 0 < place[1] < 65536


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("lisen", "; did you mean 'listen'?"),
        ("mod", "; did you mean 'mode'?"),
        ("zzz", "; known are listen, mode"),
        (7, "; known are listen, mode"),
    ],
)
def test_suggestion(word: object, told: str) -> None:
    assert suggestion(word, ["listen", "mode"]) == told


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "ON"])
def test_true(word: str) -> None:
    assert boolean(Yaml("f"), yaml.compose(word, Loader=yaml.SafeLoader), "x") is True


@pytest.mark.parametrize("word", ["false", "No", "off"])
def test_false(word: str) -> None:
    assert boolean(Yaml("f"), yaml.compose(word, Loader=yaml.SafeLoader), "x") is False


@pytest.mark.parametrize(
    ("written", "values"),
    [("[a, b]", ("a", "b")), ("a", ("a",)), ("[]", ()), ("null", ()), ("- 1\n- 0x2", ("1", "0x2"))],
)
def test_list(written: str, values: tuple[str, ...]) -> None:
    reader = Yaml("f")
    node = yaml.compose(written, Loader=yaml.SafeLoader)
    assert list_of(text)(reader, node, "x") == values
    assert not reader.mistakes

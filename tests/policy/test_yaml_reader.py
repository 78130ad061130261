"""Single values of the configuration."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rtcguard.policy.yaml_reader import Yaml, boolean, list_of, suggestion, text
from rtcguard.policy.yaml_values import parse_duration, parse_host_port


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


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False)]
    + [(word, None) for word in ("yes", "on", "No", "off", "tRue", "1", "y", "'true'", "~")],
)
def test_boolean(word: str, value: bool | None) -> None:
    reader = Yaml("f")
    node = reader.compose(f"[{word}]")
    assert isinstance(node, yaml.SequenceNode)
    assert boolean(reader, node.value[0], "x") is value
    assert bool(reader.mistakes) == (value is None)


@pytest.mark.parametrize(
    ("written", "values"),
    [("[a, b]", ("a", "b")), ("a", ("a",)), ("[]", ()), ("null", ()), ("- 1\n- 0x2", ("1", "0x2"))],
)
def test_list(written: str, values: tuple[str, ...]) -> None:
    reader = Yaml("f")
    whole = reader.compose(f"x:\n {written.replace(chr(10), chr(10) + ' ')}")
    assert isinstance(whole, yaml.MappingNode)
    assert list_of(text)(reader, whole.value[0][1], "x") == values
    assert not reader.mistakes

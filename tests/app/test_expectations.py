"""Expectations in YAML: read strictly, asked of the policy, and told."""

from pathlib import Path

import pytest

from rtcguard.app.expectations import read, run
from rtcguard.errors import ConfigError

POLICY = """version: 1
relay:
  servers: [{urls: "turn:192.0.2.7", username: u, credential: c}]
rules:
  - {name: guests, match: {client: 10.9.0.0/16}, action: block}
  - {name: try, match: {client: 10.8.0.0/16}, action: block, mode: monitor}
  - {name: never, match: {client: 10.7.0.0/16}, action: block}
"""
HOST = '"candidate:1 1 udp 2113937151 10.1.0.5 50000 typ host"'


def test_what_is_asked_and_what_comes_out(tmp_path: Path) -> None:
    (tmp_path / "office.yaml").write_text(POLICY)
    file = tmp_path / "office.expect.yaml"
    file.write_text(f"""tests:
  - {{name: a, given: {{site: A.example.org, client: 10.9.0.5}}, expect: {{action: block}}}}
  - name: b
    given: {{client: 10.1.0.5, candidate: {HOST}}}
    expect: {{action: keep, rule: guests}}
  - {{name: c, given: {{client: 10.8.0.5}}, expect: {{action: scrub, monitored: try}}}}
  - {{name: d, given: {{client: 10.8.0.5}}, expect: {{monitored: []}}}}
  - {{name: e, given: {{stun: "192.0.2.7:3478"}}, expect: {{rule: "relay:servers"}}}}
  - {{name: f, given: {{stun: "192.0.2.8:3478"}}, expect: {{action: keep}}}}
  - {{name: g, given: {{server: "turn:192.0.2.8"}}, expect: {{action: strip}}}}
  - {{name: h, given: {{name: stun.example.org}}, expect: {{rule: "sinkhole:form"}}}}
  - {{name: i, given: {{tls: "a.example:443", time: mon 09:30}}, expect: {{action: intercept}}}}
""")
    report = run(file)
    assert report.config_file == str(tmp_path / "office.yaml")
    assert [(one.test.name, one.test.line) for one in report.failed] == [
        *(("b", 3), ("d", 7), ("f", 9)),
    ]
    assert [rule.name for rule in report.unreached] == ["never"]
    assert report.place("guests") == f"{tmp_path / 'office.yaml'}:5"
    assert report.place("default:page") == ""


def test_the_policy_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "office.yaml").write_text(POLICY)
    file = tmp_path / "tests.yaml"
    test = "{name: a, given: {client: 10.9.0.5}, expect: {action: block}}"
    file.write_text(f"config: policies/office.yaml\ntests: [{test}]\n")
    assert not run(file).failed
    file.write_text(f"tests: [{test}]\n")
    with pytest.raises(ConfigError, match=r"`config` is missing: a name without .expect"):
        run(file)


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, "f.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


def given(text: str) -> str:
    return f"tests:\n  - name: a\n    given: {{{text}}}\n    expect: {{action: keep}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: a.yaml\n", "1:1: `tests` is missing, or empty: nothing is expected"),
        ("tests: []\n", "1:1: `tests` is missing, or empty: nothing is expected"),
        ("test: []\n", "1:1: unknown key 'test'; did you mean 'tests'?"),
        ("tests:\n  - {name: a}\n", "2:5: tests[0] needs given and expect"),
        (given("clinet: 10.1.0.5"), "3:13: unknown key 'clinet'; did you mean 'client'?"),
        (given("client: 10.1.0.0/8"), "3:21: tests[0].given.client is an IP address, found '10."),
        (given("direction: outwards"), "3:24: tests[0].given.direction is one of outbound, inb"),
        (given("time: monday 9:30"), "3:19: tests[0].given.time is a day and a time such as mon "),
        (given("time: mon 24:00"), "3:19: tests[0].given.time is a day and a time such as mon 09"),
        (given("candidate: typ host"), "3:24: tests[0].given.candidate is a candidate's line, or"),
        (given("server: example.org"), "3:21: tests[0].given.server: 'example.org' is not a stun"),
        (given("stun: example.org"), "3:19: tests[0].given.stun is HOST:PORT or [IPV6]:PORT, fou"),
        (
            given('stun: "a:1", name: stun.a.example'),
            "3:12: tests[0].given asks about one thing, found stun and name",
        ),
        (
            "tests:\n  - {name: a, given: {}, expect: {action: stripp}}\n",
            "2:43: tests[0].expect.action is one of keep, scrub, strip,",
        ),
        (
            "tests:\n  - {name: a, given: {}, expect: {}}\n",
            "2:34: tests[0].expect expects nothing; known are action, rule, monitored",
        ),
        (
            given("") + "  - {name: a, given: {}, expect: {action: keep}}\n",
            "5:12: two tests are named 'a'; the other one is at f.yaml:2",
        ),
        ("", ""),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    (found,) = mistakes(text)
    assert found.startswith("f.yaml") and message in found


def test_every_mistake_is_told() -> None:
    text = given("clinet: 1") + "  - {name: b, given: {time: x}, expect: {acton: keep}}\n"
    assert len(mistakes(text)) == 3


def test_a_bad_policy_is_told_by_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nmode: monitr\n")
    file = tmp_path / "a.expect.yaml"
    file.write_text(given(""))
    with pytest.raises(ConfigError, match=r"a.yaml:2:7: mode is one of enforce, monitor"):
        run(file)
    (tmp_path / "a.yaml").unlink()
    with pytest.raises(ConfigError, match=r"a.yaml: cannot be read"):
        run(file)


@pytest.mark.parametrize("name", ["personal", "strict", "gateway", "monitor"])
def test_the_presets_decide_as_they_say(name: str) -> None:
    """And every rule of theirs is reached; they are free of warnings."""
    report = run(Path(__file__).parents[2] / "configs" / f"{name}.expect.yaml")
    assert not report.failed
    assert not report.unreached
    assert not report.config.warnings

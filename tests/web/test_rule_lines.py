"""The configuration's files as they are shown: with each line's number, and without secrets."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from rtcguard.policy.load import load
from rtcguard.web.in_force import rules_for
from rtcguard.web.rule_lines import HIDDEN, Line, labels, masked, rule_links

SECRETS = """\
relay:
  servers:
    - urls: ["turn:turn.example.org"]
      username: alice-1
      credential: "top#secret-1, still"  # password: secret-2
    - {urls: "turn:b.example.org", username: alice-3, credential: 'se''cret-3'}
    # credential: secret-4
    - urls: turn:c.example.org
      "credential": secret-5
      shared_secret_file: /etc/rtcguard/turn.secret
    - credential: |
        secret-6
        secret-7
      urls: turn:d.example.org
    - credential:
        secret-8
    - credential: "secret-9
        secret-10"  # behind it
ledger: {store: "postgresql://writer:secret-11@db.example.org/rtcguard"}
upstream: {proxy: http://me:secret-12@192.0.2.1:3128}
exports:
  - to: opentelemetry
    headers: {Authorization: Bearer secret-13, X-Tenant: secret-14}
  - to: opentelemetry
    headers:
      X-Tenant: secret-15

      Authorization: secret-16
    endpoint: https://collector.example.org
  - {to: opentelemetry, headers: {X-Any: secret-17}, endpoint: "https://c.example.org"}
  - {to: opentelemetry, headers: {X-Any: secret-18,
       X-Other: secret-19}}
"""


def shown_of(text: str) -> list[Line]:
    lines = masked(text)
    assert lines is not None
    return lines


def test_secrets_are_hidden() -> None:
    shown = "\n".join(line.text for line in shown_of(SECRETS))
    assert "secret-" not in shown.replace("turn.secret", "")
    assert "alice" not in shown
    assert shown.count(HIDDEN) >= 15


def test_all_else_is_shown() -> None:
    lines = {line.number: line.text for line in shown_of(SECRETS)}
    assert list(lines) == list(range(1, len(SECRETS.splitlines()) + 1))
    assert lines[3] == '    - urls: ["turn:turn.example.org"]'
    assert lines[10] == "      shared_secret_file: /etc/rtcguard/turn.secret"
    assert lines[14] == "      urls: turn:d.example.org"
    assert lines[18].endswith("  # behind it")
    assert "db.example.org/rtcguard" in lines[19]
    assert "192.0.2.1:3128" in lines[20]
    assert (
        lines[SECRETS[: SECRETS.index("    endpoint")].count("\n") + 1]
        == "    endpoint: https://collector.example.org"
    )
    assert shown_of("credential: ${TURN_PASSWORD}\n")[0].text == "credential: ${TURN_PASSWORD}"


@pytest.mark.parametrize("name", ["personal", "strict", "gateway", "monitor"])
def test_the_shipped_ones_are_shown_but_for_secrets(name: str) -> None:
    text = (Path(__file__).parents[2] / "configs" / f"{name}.yaml").read_text()
    changed = [
        line
        for line, was in zip(shown_of(text), text.splitlines(), strict=True)
        if line.text != was
    ]
    assert all(HIDDEN in line.text for line in changed)
    assert len(changed) <= 12, changed


def test_a_file_that_cannot_be_read_is_not_shown() -> None:
    assert masked("credential: 'secret\n") is None
    assert shown_of("# nothing\n") == [Line(1, "# nothing")]
    assert shown_of("") == []


def test_files_are_told_apart() -> None:
    found = labels(["/etc/rtcguard/a.yaml", "/etc/rtcguard/rules.d/a.yaml", "b.yaml"])
    assert list(found.values()) == ["rtcguard/a.yaml", "rules.d/a.yaml", "b.yaml"]


CONFIG = load(
    """\
version: 1
rules:
  - {name: "guests' own", match: {client: [10.9.0.0/16]}, action: block}
  - {name: loop, match: {client: loopback, site: "*.example.org"}, action: keep}
  - {name: not guests, match: {not: {client: [10.9.0.0/16]}}, action: strip, mode: monitor}
  - {name: not guests there, match: {not: {client: [10.9.0.0/16], site: a.example}}, action: strip}
  - {name: hours, match: {server: "turn:*.example:443", time: "mon-tue 08:00-18:00"}, action: keep}
  - {name: of a user, match: {user: joe, port: [443, 8000-8010]}, action: keep}
""",
    "/etc/rtcguard/my rules.yaml",
)


def test_a_rule_is_led_to() -> None:
    assert unquote(rule_links(CONFIG).get("guests' own", "")) == "/rules#my rules.yaml:3"
    assert " " not in rule_links(CONFIG).get("guests' own", "")
    assert rule_links(CONFIG).get("default:opaque", "") == ""
    assert rule_links(CONFIG).get("", "") == ""


def test_rules_that_can_match_a_client() -> None:
    def names(client: str) -> list[str]:
        return [rule.name for rule in rules_for(CONFIG, client, whole=True)]

    assert names("10.9.1.1") == ["guests' own", "not guests there", "hours", "of a user"]
    assert names("127.0.0.1") == ["loop", "not guests", "not guests there", "hours", "of a user"]


def test_rules_say_nothing_of_others_to_others() -> None:
    rules = {rule.name: rule for rule in rules_for(CONFIG, "10.9.1.1", whole=False)}
    assert rules["hours"].keys == (
        ("server", "turn:*.example:443"),
        ("time", "mon 08:00–17:59, tue 08:00–17:59"),
    )
    assert rules["guests' own"].keys == rules["not guests there"].keys == ()
    assert rules["of a user"].keys == (("port", "443, 8000–8010"),)
    assert not any(rule.link for rule in rules.values())

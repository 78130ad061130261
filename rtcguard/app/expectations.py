"""Expectations of a policy, in YAML beside it: what is asked, and what has to come out.

    config: office.yaml              # the default: the file of the same name without `.expect`
    tests:
      - name: guests can make no call
        given: {site: app.example.org, client: 10.9.0.5}
        expect: {action: block, rule: no WebRTC for guests}

`given` has the words of a question (`question.py`), `expect` one or more parts of the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from rtcguard.app import settings
from rtcguard.app.question import THINGS, Answer, Given, ask, minute_of
from rtcguard.errors import ConfigError, Mistake, ParseError
from rtcguard.ice import candidate as candidates
from rtcguard.ice.server import parse_uri
from rtcguard.policy.model import Config
from rtcguard.policy.rule import DIRECTIONS, OPAQUE, PROTOCOLS, RULE_ACTIONS, TRANSPORTS, Rule
from rtcguard.policy.yaml_reader import (
    TEXT,
    Keys,
    Yaml,
    choice,
    list_of,
    mapping_schema,
    scalar,
    shown,
    suggestion,
    takes,
    text,
)
from rtcguard.policy.yaml_values import address, host_name, host_port, path_prefix, port

_SUFFIX: Final = ".expect"


@dataclass(frozen=True, slots=True)
class Expected:
    """None: whatever it is. `monitored` are names of rules in monitor mode that matched."""

    action: str | None = None
    rule: str | None = None
    monitored: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Test:
    name: str
    given: Given
    expect: Expected
    line: int


@dataclass(frozen=True, slots=True)
class Outcome:
    test: Test
    answer: Answer

    @property
    def came(self) -> Expected:
        decision = self.answer.decision
        names = tuple(one.rule for one in decision.monitored)
        return Expected(decision.action, decision.rule, names)

    @property
    def holds(self) -> bool:
        wanted, came = self.test.expect, self.came
        return (
            wanted.action in (None, came.action)
            and wanted.rule in (None, came.rule)
            and wanted.monitored in (None, came.monitored)
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What came out of one file of expectations."""

    file: str
    config_file: str
    config: Config
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(one for one in self.outcomes if not one.holds)

    @property
    def unreached(self) -> tuple[Rule, ...]:
        """The rules that no test has reached: none decided by them, or told what they would do."""
        reached = set[str]()
        for outcome in self.outcomes:
            reached |= {outcome.came.rule or "", *(outcome.came.monitored or ())}
        return tuple(rule for rule in self.config.rules if rule.name not in reached)

    def place(self, name: str) -> str:
        """Where a rule of that name stands; empty for defaults."""
        return next((f"{r.file}:{r.line}" for r in self.config.rules if r.name == name), "")


def run(path: Path) -> Report:
    """Asks all that a file of expectations has. Raises ConfigError for it, or its policy."""
    try:
        source = settings.read_file(path)
    except ParseError as error:
        raise ConfigError([Mistake(str(path), 0, 0, str(error))]) from error
    named, tests = read(source.content, str(path))
    policy = path.parent / named if named else path.with_name(path.name.replace(_SUFFIX, "", 1))
    if not named and policy.name == path.name:
        message = f"`config` is missing: a name without {_SUFFIX} does not tell which file is meant"
        raise ConfigError([Mistake(str(path), 0, 0, message)])
    config = settings.read_config(policy)
    outcomes = tuple(Outcome(test, ask(config, test.given)) for test in tests)
    return Report(str(path), str(policy), config, outcomes)


def read(content: bytes | str, file: str) -> tuple[str | None, Sequence[Test]]:
    """The value of `config`, and the tests. Raises ConfigError with every mistake."""
    reader = Yaml(file)
    root = reader.compose(content)
    values = reader.mapping(root, "", _FILE) if root is not None else {}
    if root is not None and not reader.mistakes and not values.get("tests"):
        reader.mistake(root, "`tests` is missing, or empty: nothing is expected")
    if reader.mistakes:
        raise ConfigError(sorted(reader.mistakes, key=lambda one: (one.line, one.column)))
    return values.get("config"), values["tests"]


@takes(TEXT)
def _candidate(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    line = scalar(reader, node, path, "a candidate's line, or opaque")
    if line is not None and line != OPAQUE:
        try:
            candidates.parse(line)
        except ParseError as error:
            reader.mistake(node, f"{path} is a candidate's line, or opaque: {error}")
    return line


@takes(TEXT)
def _server(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    uri = scalar(reader, node, path, "an ICE server's URI such as stun:stun.example.org")
    if uri is not None:
        try:
            parse_uri(uri)
        except ParseError as error:
            reader.mistake(node, f"{path}: {error}")
    return uri


@takes(TEXT)
def _minute(reader: Yaml, node: yaml.Node, path: str) -> int | None:
    meant = "a day and a time such as mon 09:30"
    value = scalar(reader, node, path, meant)
    minute = None if value is None else minute_of(value)
    if value is not None and minute is None:
        reader.mistake(node, f"{path} is {meant}, found {shown(value)}")
    return minute


_GIVEN: Keys = {
    "site": host_name.about("The page that speaks."),
    "path": path_prefix.about("The URL's path that it speaks to."),
    "client": address.about("The client's own address."),
    "user": text.about("Who has signed in at the proxy."),
    "direction": choice(*DIRECTIONS).about("outbound, the default: the client sends it."),
    "confirmed": choice("page", "network").about("The ring that is known to hold the client."),
    "time": _minute.about("Of the week: mon 09:30."),
    "destination": text.about("The host that a message goes to."),
    "port": port.about("And its port."),
    "protocol": choice(*PROTOCOLS).about("What was found in it."),
    "transport": choice(*TRANSPORTS).about("What stun goes over; udp is the default."),
    "candidate": _candidate.about("A candidate's line, or opaque."),
    "server": _server.about("An ICE server in a list."),
    "stun": host_port.about("Where a STUN or TURN request goes."),
    "name": host_name.about("A host name that DNS is asked for."),
    "tls": host_port.about("Where a TLS connection goes."),
}


@takes(mapping_schema(_GIVEN))
def _given(reader: Yaml, node: yaml.Node, path: str) -> Given | None:
    before = len(reader.mistakes)
    values = reader.mapping(node, path, _GIVEN)
    things = [key for key in THINGS if key in values]
    if len(things) > 1:
        reader.mistake(node, f"{path} asks about one thing, found {' and '.join(things)}")
    if len(reader.mistakes) > before:
        return None
    if "time" in values:
        values["minute"] = values.pop("time")
    return Given(**values)


_EXPECT: Keys = {
    "action": choice(*RULE_ACTIONS).about("What is done."),
    "rule": text.about("The rule, or the default, that decides."),
    "monitored": list_of(text).about("The rules in monitor mode that would have acted."),
}


@takes(mapping_schema(_EXPECT) | {"type": "object", "minProperties": 1})
def _expect(reader: Yaml, node: yaml.Node, path: str) -> Expected | None:
    before = len(reader.mistakes)
    values = reader.mapping(node, path, _EXPECT)
    if not values and len(reader.mistakes) == before:
        reader.mistake(node, f"{path} expects nothing{suggestion('', _EXPECT)}")
    return Expected(**values) if len(reader.mistakes) == before else None


@takes(TEXT)
def _name(reader: Yaml, node: yaml.Node, path: str) -> str | None:
    value = scalar(reader, node, path, "text")
    if value is not None:
        reader.unique("tests", value, node)
    return value


_TEST: Keys = {
    "name": _name.about("What is told where it fails; no two tests have one name."),
    "given": _given.about("The question: what is sent or asked for, by whom, where."),
    "expect": _expect.about("What has to come out."),
}


@takes(mapping_schema(_TEST, list(_TEST)))
def _test(reader: Yaml, node: yaml.Node, path: str) -> Test | None:
    before = len(reader.mistakes)
    values = reader.mapping(node, path, _TEST)
    missing = [key for key in _TEST if key not in values]
    if missing and len(reader.mistakes) == before:
        reader.mistake(node, f"{path} needs {' and '.join(missing)}")
    if len(reader.mistakes) > before:
        return None
    return Test(**values, line=node.start_mark.line + 1)


_FILE: Keys = {
    "config": text.about("The policy, relative to this file."),
    "tests": list_of(_test).about("Each question with its answer."),
}

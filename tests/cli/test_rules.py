"""`rtcguard rules test`: what it prints, and its exit codes."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.process import rtcguard

POLICY = """version: 1
rules:
  - {name: guests, match: {client: 10.9.0.0/16}, action: block}
  - {name: never, match: {client: 10.7.0.0/16}, action: block}
"""
GOOD = "  - {name: one, given: {client: 10.9.0.5}, expect: {action: block, rule: guests}}\n"
BAD = "  - {name: two, given: {client: 10.1.0.5}, expect: {action: block, rule: gusts}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "office.yaml").write_text(POLICY)
    return tmp_path / "office.expect.yaml"


def test_all_hold(file: Path, tmp_path: Path) -> None:
    file.write_text(f"tests:\n{GOOD}")
    made = rtcguard(["rules", "test", str(file), "--cover"], tmp_path)
    assert made.returncode == 0, made.stderr
    policy = tmp_path / "office.yaml"
    assert made.stdout.decode().splitlines() == [
        f"{file}: 1 expectation holds for {policy}",
        f"{policy}:4: no test has reached the rule 'never'",
    ]


def test_one_fails(file: Path, tmp_path: Path) -> None:
    file.write_text(f"tests:\n{GOOD}{BAD}")
    junit = tmp_path / "junit.xml"
    made = rtcguard(["rules", "test", str(file), "--junit", str(junit)], tmp_path)
    assert made.returncode == 1
    assert made.stdout.decode().splitlines() == [
        f"{file}:3: two",
        "    pages of any site",
        "    expected: block, by gusts",
        "    came out: scrub, by default:page",
        "    because: WebRTC goes through approved relays only",
        "    there is no rule 'gusts'; did you mean 'guests'?",
        f"{file}: 1 of 2 expectations of {tmp_path / 'office.yaml'} failed",
    ]
    (suite,) = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [(case.get("name"), len(case)) for case in suite] == [("one", 0), ("two", 1)]


def test_as_json(file: Path, tmp_path: Path) -> None:
    file.write_text(f"tests:\n{GOOD}{BAD}")
    made = rtcguard(["rules", "test", str(file), "--json"], tmp_path)
    assert made.returncode == 1
    told = json.loads(made.stdout)
    (one,) = told["files"]
    assert (told["ok"], one["ok"], one["file"]) == (False, False, str(file))
    assert [test["ok"] for test in one["tests"]] == [True, False]
    assert one["tests"][0] == {
        "name": "one",
        "line": 2,
        "ok": True,
        "what": "pages of any site",
        "expected": {"action": "block", "rule": "guests"},
        "came": {
            "action": "block",
            "rule": "guests",
            "monitored": [],
            "place": f"{tmp_path / 'office.yaml'}:3",
            "reason": "rule 'guests' says block",
        },
    }
    assert one["unreached"] == [
        {"rule": "never", "file": str(tmp_path / "office.yaml"), "line": 4},
    ]


def test_files_that_cannot_be_read(file: Path, tmp_path: Path) -> None:
    """Each is told, the others are tested."""
    file.write_text(f"tests:\n{GOOD}")
    missing = tmp_path / "no.expect.yaml"
    wrong = tmp_path / "wrong.expect.yaml"
    wrong.write_text("test: []\n")
    made = rtcguard(["rules", "test", str(missing), str(wrong), str(file)], tmp_path)
    assert made.returncode == 2
    errors = made.stderr.decode()
    assert f"{missing}: cannot be read" in errors
    assert f"{wrong}:1:1: unknown key 'test'; did you mean 'tests'?" in errors
    assert f"{file}: 1 expectation holds" in made.stdout.decode()

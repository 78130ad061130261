"""`rtcguard check` as scripts and editors use it."""

import json
from pathlib import Path

from tests.process import rtcguard

ODD = "version: 1\nrelay: {servers: [{urls: 'turn:a', username: b, credential: c}]}\n"


def test_warnings_leave_the_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(ODD)
    file.chmod(0o644)
    made = rtcguard(["check", str(file)], tmp_path)
    assert made.returncode == 0
    assert made.stdout.decode().startswith(f"{file}: ok, policy ")
    assert made.stderr.decode().startswith(f"{file}:2:61: warning: relay.servers[0].credential")


def test_lines_of_json(tmp_path: Path) -> None:
    odd, bad, more = tmp_path / "odd.yaml", tmp_path / "bad.yaml", tmp_path / "more.yaml"
    odd.write_text(ODD)
    odd.chmod(0o644)
    bad.write_text("version: 1\ninclude: more.yaml\nmod: enforce\n")
    more.write_text("rules: [\n")
    made = rtcguard(["check", "--json", str(odd), str(bad), str(tmp_path / "none")], tmp_path)
    assert made.returncode == 2
    assert not made.stderr
    told = [json.loads(line) for line in made.stdout.splitlines()]
    assert [set(one) for one in told] == [{"file", "line", "column", "severity", "message"}] * 4
    assert [(one["file"], one["line"], one["column"], one["severity"]) for one in told] == [
        (str(odd), 2, 61, "warning"),
        (str(bad), 3, 1, "error"),
        (str(more), 2, 1, "error"),
        (str(tmp_path / "none"), 0, 0, "error"),
    ]


def test_the_schema_is_printed(tmp_path: Path) -> None:
    made = rtcguard(["check", "--schema"], tmp_path)
    published = Path(__file__).parents[2] / "configs" / "rtcguard.schema.json"
    assert made.stdout == published.read_bytes()


def test_something_is_to_be_named(tmp_path: Path) -> None:
    for argv in ([], ["--schema", "c.yaml"]):
        made = rtcguard(["check", *argv], tmp_path)
        assert made.returncode == 2
        assert b"name a FILE to check, or --schema alone" in made.stderr

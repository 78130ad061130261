"""`rtcguard rules`: work on a policy's rules. So far: `test`, which asks what they decide."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from rtcguard.app.expectations import Expected, Outcome, Report, run
from rtcguard.errors import ConfigError, StartError
from rtcguard.policy.yaml_reader import close


@click.group()
def command() -> None:
    """Test what a policy's rules decide."""


@command.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option("--cover", is_flag=True, help="Tell also which rules no test has reached.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE",
              help="Write a report in JUnit's XML, too.")  # fmt: skip
def test(files: tuple[Path, ...], cover: bool, as_json: bool, junit: Path | None) -> None:
    """Test policies by the expectations in FILE.

    Each is a question as explain takes it, and the answer. Exit code 1 if one does not hold, 2 for
    a file that cannot be read.
    """
    reports = []
    wrong = False
    for file in files:
        try:
            reports.append(run(file))
        except ConfigError as error:
            wrong = True
            click.echo(error, err=True)
    if as_json:
        made = [_as_json(report) for report in reports]
        ok = not wrong and all(one["ok"] for one in made)
        click.echo(json.dumps({"ok": ok, "files": made}, indent=2))
    else:
        for report in reports:
            for line in _lines(report, cover=cover):
                click.echo(line)
    if junit is not None:
        _write_junit(junit, reports)
    if wrong:
        sys.exit(ConfigError.exit_code)
    sys.exit(1 if any(report.failed for report in reports) else 0)


def _lines(report: Report, *, cover: bool) -> Iterator[str]:
    for outcome in report.failed:
        yield f"{report.file}:{outcome.test.line}: {outcome.test.name}"
        yield from (f"    {line}" for line in _told(report, outcome))
    failed, count = len(report.failed), len(report.outcomes)
    if failed:
        yield f"{report.file}: {failed} of {count} expectations of {report.config_file} failed"
    else:
        hold = "expectation holds" if count == 1 else "expectations hold"
        yield f"{report.file}: {count} {hold} for {report.config_file}"
    if cover:
        for rule in report.unreached:
            yield f"{rule.file}:{rule.line}: no test has reached the rule {rule.name!r}"


def _told(report: Report, outcome: Outcome) -> Iterator[str]:
    """What was asked, expected, and came out, and why."""
    yield outcome.answer.what
    wanted = outcome.test.expect
    yield f"expected: {_shown(wanted, report)}"
    came = outcome.came
    if wanted.monitored is None and not came.monitored:
        came = replace(came, monitored=None)
    yield f"came out: {_shown(came, report)}"
    yield f"because: {outcome.answer.decision.reason}"
    names = [rule.name for rule in report.config.rules]
    for name in (wanted.rule, *(wanted.monitored or ())):
        if name is not None and ":" not in name and name not in names:
            yield f"there is no rule {name!r}{close(name, names)}"


def _shown(answer: Expected, report: Report) -> str:
    parts = [answer.action or "anything"]
    if answer.rule is not None:
        place = report.place(answer.rule)
        parts.append(f"by {answer.rule}" + (f" ({place})" if place else ""))
    if answer.monitored:
        parts.append(f"monitored {', '.join(answer.monitored)}")
    elif answer.monitored is not None:
        parts.append("nothing monitored")
    return ", ".join(parts)


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "file": report.file,
        "config": report.config_file,
        "ok": not report.failed,
        "tests": [
            {
                "name": outcome.test.name,
                "line": outcome.test.line,
                "ok": outcome.holds,
                "what": outcome.answer.what,
                "expected": _answer(outcome.test.expect),
                "came": {
                    **_answer(outcome.came),
                    "place": report.place(outcome.answer.decision.rule),
                    "reason": outcome.answer.decision.reason,
                },
            }
            for outcome in report.outcomes
        ],
        "unreached": [
            {"rule": rule.name, "file": rule.file, "line": rule.line} for rule in report.unreached
        ],
    }


def _answer(answer: Expected) -> dict[str, Any]:
    parts = {"action": answer.action, "rule": answer.rule, "monitored": answer.monitored}
    return {key: value for key, value in parts.items() if value is not None}


def _write_junit(file: Path, reports: list[Report]) -> None:
    """One suite a file, as CI servers read it."""
    # Imported here: nothing else needs it.
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites")
    for report in reports:
        tests, failures = str(len(report.outcomes)), str(len(report.failed))
        suite = ElementTree.SubElement(
            root, "testsuite", name=report.file, tests=tests, failures=failures
        )
        for outcome in report.outcomes:
            case = ElementTree.SubElement(
                suite, "testcase", name=outcome.test.name, classname=report.file,
                file=report.file, line=str(outcome.test.line),
            )  # fmt: skip
            if not outcome.holds:
                told = "\n".join(_told(report, outcome))
                ElementTree.SubElement(case, "failure", message="not as expected").text = told
    try:
        ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise StartError(f"{file}: cannot be written: {error.strerror}") from error

"""What documents show is true: command lines, YAML, links, counts."""

import re
from pathlib import Path

import click
import pytest
import yaml

from rtcguard import __version__
from rtcguard.app.settings import read_config
from rtcguard.policy import load as loader
from rtcguard.policy import rule
from rtcguard.policy.export_keys import _KINDS
from rtcguard.policy.rule_keys import _MATCH
from rtcguard.signaling.opening import _OPENERS, MAX_DEPTH
from rtcguard.signaling.scan import Kind
from tests.data.samples import load as samples
from tests.documents import (
    DOCUMENTS,
    README,
    ROOT,
    anchors,
    arguments,
    blocks,
    command_lines,
    links,
    parse,
)
from tests.lab import senders, ways
from tests.lab.test_ways import OPEN_BOTH, RACES

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
THREATS = ROOT / "rtcguard" / "web" / "help" / "threat-model.md"
TEXT = README.read_text()


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def comments(file: Path) -> str:
    """A configuration's comments, as the text that they are."""
    return "\n".join(
        line.partition("#")[2] for line in file.read_text().splitlines() if line.startswith("#")
    )


@pytest.mark.parametrize("file", [*DOCUMENTS, *CONFIGS], ids=name)
def test_command_lines_parse(file: Path) -> None:
    text = file.read_text() if file.suffix == ".md" else comments(file)
    lines = command_lines(text)
    wrong = []
    for line in lines:
        try:
            parse(arguments(line))
        except click.exceptions.NoArgsIsHelpError:  # a group is named, and nothing below it
            continue
        except click.exceptions.Exit:  # --help, --version
            continue
        except click.MissingParameter as error:
            # Where it is all of the line, a command is named, and no call of it shown.
            if error.ctx is None or error.ctx.command_path != line:
                wrong.append(f"{line}: {error.format_message()}")
        except (click.ClickException, ValueError) as error:
            told = error.format_message() if isinstance(error, click.UsageError) else str(error)
            wrong.append(f"{line}: {told}")
    assert not wrong
    assert lines or file != README


def test_a_wrong_command_line_would_be_seen() -> None:
    text = "Use `rtcguard run --confg x.yaml`, then:\n\n    rtcguard reprot --since 7d   # so\n"
    assert command_lines(text) == ["rtcguard reprot --since 7d", "rtcguard run --confg x.yaml"]
    for line in command_lines(text):
        with pytest.raises(click.ClickException):
            parse(arguments(line))


@pytest.mark.parametrize("file", DOCUMENTS, ids=name)
def test_yaml_is_a_valid_configuration(file: Path, tmp_path: Path) -> None:
    shown = 0
    for block in blocks(file.read_text()):
        begins = re.match(r"([a-z]+):(?:\s|$)", block.text)
        if block.language not in ("", "yaml") or begins is None or begins[1] not in loader._TOP:
            continue
        text = block.text if begins[1] == "version" else f"version: 1\n{block.text}"
        made = tmp_path / f"{shown}.yaml"
        made.write_text(text)
        read_config(made)
        shown += 1
    assert shown or file != README


@pytest.mark.parametrize("file", DOCUMENTS, ids=name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in links(file.read_text()):
        path, _, anchor = target.partition("#")
        there = file.parent / path if path else file
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there.read_text()), target


def test_files_that_the_readme_names_are_there() -> None:
    for path in re.findall(r"`((?:configs|tests|addons|rtcguard)/[\w./*-]+)`", TEXT):
        assert list(ROOT.glob(path)), path


def test_every_action_key_and_export_is_in_the_readme_and_in_personal() -> None:
    personal = (ROOT / "configs" / "personal.yaml").read_text()
    table = TEXT.partition("| a rule may name | |")[2].partition("\n\n")[0]
    assert set(re.findall("`([a-z]+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.M)))) == set(
        _MATCH
    )
    for key in _MATCH:
        assert re.search(rf"\b{key}\b.*:", personal)
    for action in rule.RULE_ACTIONS:
        assert f"`{action}`" in TEXT and re.search(rf"\b{action}\b", personal)
    for kind in _KINDS:
        assert f"to: {kind}" in personal


# What the README calls the views that a row opens.
VIEWS = {
    Kind.PERCENT: ["percent-encoding and forms"],
    Kind.RUN: ["base64 and base64url", "hex"],
    Kind.WIDE: ["UTF-16"],
    Kind.GZIP: ["gzip"],
    Kind.ZLIB: ["zlib"],
    Kind.REFERENCE: ["XML character references"],
}


def test_every_view_is_in_the_readme() -> None:
    part = TEXT.partition("## What ring 2 looks through\n")[2].partition("\n## ")[0]
    told = " ".join(part.partition("tested by samples")[0].split())
    assert set(VIEWS) == {kind for kind, _ in _OPENERS}
    assert not [word for words in VIEWS.values() for word in words if word not in told]
    assert f"up to {['seven', 'eight', 'nine'][MAX_DEPTH - 7]} deep" in told


@pytest.mark.parametrize("file", [README, THREATS], ids=name)
def test_counts_are_those_of_the_tests(file: Path) -> None:
    text = " ".join(file.read_text().split())
    assert f"{len(ways.names())} ways around the page guard" in text
    assert re.search(rf"[Aa]ll but {len(OPEN_BOTH) + len(RACES)} sent nothing", text)
    assert f"{len(senders.SHOTS)} raw attempts of {len(senders.ROWS)} kinds" in text


def test_the_changelog_counts_the_samples() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert f"{len(list(samples()))} samples of real clients" in changes


def test_what_is_installed_is_this_version() -> None:
    install = (THREATS.parent / "install.md").read_text()
    assert set(re.findall(r"rtcguard-(\S+)-py3-none-any\.whl", install)) == {__version__}


def test_schema_describes_every_key() -> None:
    """What editors show; the keys themselves are held by the schema's own tests."""

    def bare(schema: object, path: str) -> list[str]:
        if isinstance(schema, list):
            return [found for one in schema for found in bare(one, path)]
        if not isinstance(schema, dict):
            return []
        found = [
            f"{path}.{key}"
            for key, inner in schema.get("properties", {}).items()
            if isinstance(inner, dict) and "description" not in inner and "const" not in inner
        ]
        for key, inner in schema.items():
            found += bare(inner, f"{path}.{key}" if key != "properties" else path)
        return found

    assert bare(yaml.safe_load((ROOT / "configs" / "rtcguard.schema.json").read_text()), "") == []

"""What a reader is told is there: commands, options, keys, configurations."""

import dataclasses
from pathlib import Path
from typing import Any

import click
import pytest

from rtcguard.app.settings import read_config
from rtcguard.cli.main import COMMANDS, load
from rtcguard.policy import load as loader
from rtcguard.policy.export import JsonLines, OpenTelemetry
from rtcguard.policy.model import Config, RelayServer
from rtcguard.policy.rule import Match
from tests.desktop.session import COMMANDS as COMMANDS_OF_DESKTOPS
from tests.lab.requirements import COMMANDS as COMMANDS_OF_LAB

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PERSONAL = ROOT / "configs" / "personal.yaml"
CONFIGS = [
    file for file in sorted((ROOT / "configs").glob("*.yaml")) if ".expect." not in file.name
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_the_readme(name: str) -> None:
    command = load(name)
    usage = README.partition(f"\n    rtcguard {name} ")[2].partition("\n    rtcguard ")[0]
    assert usage
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in usage


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_every_configuration_is_valid_and_listed(file: Path) -> None:
    read_config(file)
    assert f"(configs/{file.name})" in README
    assert file.with_suffix(".expect.yaml").is_file()


def test_personal_is_the_default_in_words() -> None:
    assert read_config(PERSONAL) == Config()


def test_the_setup_installs_what_the_lab_needs() -> None:
    script = (ROOT / ".ci" / "lab-packages").read_text()
    packages = {*COMMANDS_OF_LAB.values(), *COMMANDS_OF_DESKTOPS.values()}
    assert not [package for package in packages if f":{package}" not in script]


def keys(value: Any) -> set[str]:
    found = set()
    for field in dataclasses.fields(value):
        if not field.compare:
            continue
        found.add({"negated": "not"}.get(field.name, field.name))
        inner = getattr(value, field.name)
        if dataclasses.is_dataclass(inner):
            found |= keys(inner)
    return found


def test_every_key_is_explained() -> None:
    text = PERSONAL.read_text()
    known = keys(Config()) | keys(Match()) | keys(RelayServer(()))
    known |= keys(JsonLines("")) | keys(OpenTelemetry("")) | {"to", "address", "format"}
    assert not [key for key in known if f"{key}:" not in text and f"{key}, " not in text]
    fields = {field.name for field in dataclasses.fields(Config) if field.compare}
    assert set(loader._TOP) - {"include", "networks", "sites"} == fields

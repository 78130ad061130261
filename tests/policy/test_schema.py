"""The JSON Schema for editors: it is current, and agrees with what `rtcguard check` says."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rtcguard.policy.load import schema
from tests.policy import editor, table

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = [file for file in sorted(CONFIGS.glob("*.yaml")) if file.suffixes == [".yaml"]]
PUBLISHED = CONFIGS / "rtcguard.schema.json"


def test_the_published_one_is_current() -> None:
    """`rtcguard check --schema > configs/rtcguard.schema.json` makes it."""
    assert json.loads(PUBLISHED.read_text()) == schema()


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def mappings(found: Any) -> list[dict[str, Any]]:
    """All that describe keys, at any depth."""
    if isinstance(found, list):
        return [one for inner in found for one in mappings(inner)]
    if not isinstance(found, dict):
        return []
    return [one for inner in found.values() for one in mappings(inner)] + (
        [found["properties"]] if "properties" in found else []
    )


def test_every_key_is_described() -> None:
    found = mappings(schema())
    assert len(found) > 10
    assert not [key for keys in found for key, told in keys.items() if not told.get("description")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_shipped_files_are_valid_and_name_it(file: Path) -> None:
    content = file.read_text()
    assert content.startswith(f"# yaml-language-server: $schema={PUBLISHED.name}\n")
    assert editor.accepts(content)


@pytest.mark.parametrize("piece", table.pieces(), ids=lambda piece: piece.content[:40])
def test_an_editor_sees_what_the_table_says(piece: table.Piece) -> None:
    assert editor.accepts(f"version: 1\n{piece.content}\n") is not piece.seen


@pytest.mark.parametrize("content", ["", "mode: monitor", "version: 2", "- version: 1", "text"])
def test_version_is_needed(content: str) -> None:
    assert not editor.accepts(content)

"""`rtcguard init`: a file to begin with, and nobody's file lost."""

from pathlib import Path

import pytest

from rtcguard.cli.init import PRESETS
from tests.process import rtcguard

CONFIGS = Path(__file__).parents[2] / "configs"


def test_the_presets_are_the_shipped_configurations() -> None:
    shipped = {file.stem for file in CONFIGS.glob("*.yaml") if ".expect" not in file.name}
    assert set(PRESETS) == shipped


@pytest.mark.parametrize("preset", PRESETS)
def test_each_can_be_printed(tmp_path: Path, preset: str) -> None:
    made = rtcguard(["init", "--preset", preset, "-"], tmp_path)
    assert made.stdout == (CONFIGS / f"{preset}.yaml").read_bytes()
    assert not list(tmp_path.iterdir())


def test_it_writes_personal_and_says_what_is_next(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    made = rtcguard(["init", str(file)], tmp_path)
    assert made.returncode == 0
    assert file.read_bytes() == (CONFIGS / "personal.yaml").read_bytes()
    assert f"    rtcguard check {file}\n    rtcguard run --config {file}\n" in made.stdout.decode()


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine\n")
    link = tmp_path / "link.yaml"
    link.symlink_to(tmp_path / "elsewhere.yaml")  # nor one made where a link leads
    for name in (file, link):
        made = rtcguard(["init", str(name)], tmp_path)
        told = f"rtcguard: {name}: is there already, and is left as it is\n"
        assert (made.returncode, made.stderr.decode()) == (2, told)
    assert file.read_text() == "mine\n"
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "my.yaml"
    made = rtcguard(["init", str(file)], tmp_path)
    told = f"rtcguard: {file}: cannot be written (No such file or directory)\n"
    assert (made.returncode, made.stderr.decode()) == (2, told)

"""The man page: made of the commands, and what a reader of man pages takes."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rtcguard.cli.main import COMMANDS
from tests.lab.requirements import cannot_run

from .conftest import ROOT

FOLDER = ROOT / "configs" / "deploy" / "man"
PAGE = FOLDER / "rtcguard.1"


def test_it_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_man", FOLDER / "make.py")
    assert spec is not None and spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert make.page() == PAGE.read_text(), "run: make man"


@pytest.fixture
def mandoc() -> str:
    found = shutil.which("mandoc")
    if found is None:
        cannot_run("the man page was not read: mandoc is missing (Debian's package mandoc)")
    return found


def test_mandoc_has_nothing_to_say(mandoc: str, tmp_path: Path) -> None:
    lint = [mandoc, "-T", "lint", "-W", "style"]
    done = subprocess.run([*lint, str(PAGE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    bad = tmp_path / "bad.1"  # it would say so otherwise
    bad.write_text(PAGE.read_text().replace(".SH FILES", ".SX FILES"))
    assert subprocess.run([*lint, str(bad)], capture_output=True).returncode != 0


def test_it_reads_as_it_should(mandoc: str) -> None:
    shown = [mandoc, "-T", "utf8", "-O", "width=100", str(PAGE)]
    text = subprocess.run(shown, capture_output=True, check=True).stdout.decode()
    text = re.sub(".\b", "", text)  # bold and underlined, as a terminal would overstrike them
    for name in COMMANDS:
        assert f"rtcguard {name}" in text
    assert "\\" not in text

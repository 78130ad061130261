"""A short run of the fuzzer, and all that longer runs have found."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from .checks import judge, read
from .seeds import LAYERS, STRUCTURED, case_of, inputs

FOUND = sorted((Path(__file__).parent / "found").glob("*.json"))
# atheris has wheels for these; there its absence is a fault of the setup, not a reason to skip.
HAS_WHEELS = (
    sys.platform == "linux"
    and platform.machine() == "x86_64"
    and platform.python_implementation() == "CPython"
    and sys.version_info[:2] == (3, 12)
)


@pytest.mark.skipif(not HAS_WHEELS, reason="atheris has wheels for Linux x86_64, CPython 3.12")
def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        # A number of messages, not a time: a quick machine is not to look further than a slow one.
        [
            sys.executable,
            "-m",
            "tests.fuzz",
            "--runs",
            "1500",
            "--seed",
            "2",
            "--findings",
            str(tmp_path),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "stat::number_of_executed_units" in done.stderr, "it did not run"


def test_found_before() -> None:
    for path in FOUND:
        judge(read(path))


@pytest.mark.parametrize("index", range(len(LAYERS)), ids=[layer.name for layer in LAYERS])
def test_seeds(index: int) -> None:
    """What the fuzzer starts from holds, so that what it finds is its own."""
    case = case_of(bytes([STRUCTURED, index, index, 7, index]))
    assert case is not None and case.client
    judge(case)


def test_there_are_seeds() -> None:
    assert len(inputs()) > 80

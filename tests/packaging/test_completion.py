"""Tab, pressed in real shells."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.lab.requirements import cannot_run
from tests.process import rtcguard

from .shells import terminal

ENVIRONMENT = {**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}


@pytest.fixture
def script(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The completion for the shell that the test names, as its user would keep it."""
    shell = request.param
    if shutil.which(shell) is None:
        cannot_run(f"completion was not tried: {shell} is missing (Debian's package {shell})")
    made = rtcguard(["completion", shell], tmp_path)
    assert (made.returncode, made.stderr) == (0, b"")
    file = tmp_path / "_rtcguard"
    file.write_bytes(made.stdout)
    return file


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash(script: Path, tmp_path: Path) -> None:
    (tmp_path / "a-file.yaml").touch()
    with terminal(["bash", "--norc", "-i"], ENVIRONMENT) as bash:
        start = f"cd {tmp_path}; bind 'set enable-bracketed-paste off'; . {script}"
        bash.type(f"{start}; echo rea''dy\n")
        bash.wait("ready")
        bash.type("rtcguard rel\t")
        bash.wait("rtcguard reload ")
        bash.type("\025rtcguard browser-policy fi\t")
        bash.wait("rtcguard browser-policy firefox ")
        bash.type("\025rtcguard run --conf\t")
        bash.wait("rtcguard run --config ")
        bash.type("a-f\t")
        bash.wait("a-file.yaml")


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh(script: Path, tmp_path: Path) -> None:
    (tmp_path / "a-file.yaml").touch()
    with terminal(["zsh", "-f", "-i"], ENVIRONMENT) as zsh:
        start = f"cd {tmp_path}; fpath=({script.parent} $fpath); autoload -Uz compinit; compinit -D"
        zsh.type(f"{start}; echo rea''dy\n")
        zsh.wait("ready")
        zsh.type("rtcguard rel\t")
        zsh.wait("rtcguard reload ")
        zsh.type("\025rtcguard browser-policy fi\t")
        zsh.wait("rtcguard browser-policy firefox ")
        zsh.type("\025rtcguard run --config a-f\t")
        zsh.wait("rtcguard run --config a-file.yaml ")
    with terminal(["zsh", "-f", "-i"], ENVIRONMENT) as zsh:  # read at once, as .zshrc may do
        start = f"autoload -Uz compinit; compinit -D; . {script}"
        zsh.type(f"{start}; echo rea''dy\n")
        zsh.wait("ready")
        zsh.type("rtcguard rel\t")
        zsh.wait("rtcguard reload ")


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish(script: Path, tmp_path: Path) -> None:
    (tmp_path / "a-file.yaml").touch()

    def completed(line: str) -> str:
        ask = f"source {script}; complete --do-complete '{line}'"
        environment = {**ENVIRONMENT, "HOME": str(tmp_path)}
        asked = ["fish", "--no-config", "-c", ask]
        return subprocess.run(
            asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert completed("rtcguard rel").startswith("reload\t")
    assert completed("rtcguard browser-policy fi") == "firefox\n"
    assert "a-file.yaml" in completed("rtcguard run --config a-f")

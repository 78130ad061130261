"""What somebody has who installs rtcguard from its wheel."""

import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from rtcguard import __version__
from rtcguard.cli.init import PRESETS
from tests.origin import free_port
from tests.process import environment, running

from .conftest import ROOT, Built

CANDIDATE = b'{"candidate":"candidate:1 1 udp 1 192.168.7.5 54400 typ host"}'


def call(
    programs: Path, folder: Path, *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """The installed `rtcguard`, called in a folder that has nothing of the checkout."""
    return subprocess.run(
        [programs / "rtcguard", *arguments],
        cwd=folder,
        env=environment(folder / "state"),
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


def tracked(folder: str) -> set[str]:
    """The files of this checkout, but what git is told to ignore."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard", folder]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    return set(names.split("\0")) - {""}


def test_every_file_of_the_package_is_in_the_wheel_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if name.startswith("rtcguard/")}
        others = {name.partition("/")[2] for name in set(wheel.namelist()) - names}
        presets = {name: wheel.read(f"rtcguard/presets/{name}.yaml") for name in PRESETS}
    assert {"rtcguard/page/script/doors.js", "rtcguard/ledger/style.css"} < names
    assert names == tracked("rtcguard")
    assert "data/share/man/man1/rtcguard.1" in others
    for name, content in presets.items():  # the file itself, not a link to where it was
        assert content == (ROOT / "configs" / f"{name}.yaml").read_bytes()


def test_the_source_distribution_is_this_checkout(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert names >= tracked(".")


def test_it_says_its_version(installed: Path, tmp_path: Path) -> None:
    made = call(installed, tmp_path, "--version")
    assert made.stdout.decode() == f"rtcguard, version {__version__}\n"
    where = [installed / "python", "-c", "import rtcguard; print(rtcguard.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(installed.parent))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_there_and_valid(installed: Path, tmp_path: Path, preset: str) -> None:
    made = call(installed, tmp_path, "init", "--preset", preset)
    assert made.returncode == 0, made.stderr
    assert "rtcguard run --config rtcguard.yaml" in made.stdout.decode()
    checked = call(installed, tmp_path, "check", "rtcguard.yaml")
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_it_filters(installed: Path, tmp_path: Path) -> None:
    made = call(installed, tmp_path, "filter", stdin=CANDIDATE)
    assert (made.returncode, len(made.stdout)) == (0, len(CANDIDATE))
    assert b"192.168.7.5" not in made.stdout


def test_it_runs_and_answers_with_its_site(installed: Path, tmp_path: Path) -> None:
    config = f'web: {{listen: "127.0.0.1:{free_port()}"}}\n'
    with running(tmp_path, config, program=[str(installed / "rtcguard")]) as run:
        response, page = run.request("GET", "http://rtcguard.test/")
        assert response.status == 200
        assert b"This browser comes through rtcguard" in page
        assert run.request("GET", "http://rtcguard.test/ca.pem")[0].status == 200
        style = re.search(rb'href="(/static/[^"]+\.css)"', page)  # what the plain page has not
        assert style is not None
        assert run.request("GET", f"http://rtcguard.test{style[1].decode()}")[0].status == 200
        for name in ("install", "recipes", "threat-model", "troubleshooting"):
            response, text = run.request("GET", f"http://rtcguard.test/help/{name}")
            assert response.status == 200 and b"<h2" in text
        assert run.stop() == 0
        assert run.log.read_text() == ""

"""Policy files below a folder that stands for the machine's root."""

import base64
import json
import stat
from pathlib import Path

import pytest

from rtcguard.app.browser_policy import install, read_authority, remove
from rtcguard.errors import RtcguardError, StartError
from rtcguard.page.browser_policy import Browser, policies
from rtcguard.page.policy_files import SHADOWED
from tests.lab.ca import LabCA

FIREFOX = "etc/firefox/policies/policies.json"
PLACES: dict[Browser, list[str]] = {
    "chrome": [
        "etc/chromium/policies/managed/rtcguard.json",
        "etc/opt/chrome/policies/managed/rtcguard.json",
    ],
    "edge": ["etc/opt/edge/policies/managed/rtcguard.json"],
    "firefox": [FIREFOX],
}


def files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("browser", PLACES)
def test_written_read_back_changed_and_removed(tmp_path: Path, browser: Browser) -> None:
    paths = [tmp_path / name for name in PLACES[browser]]
    for proxy in ("127.0.0.1:8080", "10.0.0.1:3128"):  # the second over the first
        made = policies(browser, proxy)
        assert install(browser, made, tmp_path) == paths
        assert files(tmp_path) == set(paths), "something is left beside them"
        for path in paths:
            assert json.loads(path.read_text()) == made
            assert stat.S_IMODE(path.stat().st_mode) == 0o644  # browsers run as anybody
    assert remove(browser, tmp_path) == (paths, [])
    assert not files(tmp_path)
    assert remove(browser, tmp_path) == ([], [])


@pytest.mark.parametrize("browser", PLACES)
@pytest.mark.parametrize("content", ['{"policies": {"DisableAppUpdate": true}}', "no JSON", "{}"])
def test_what_is_not_ours_is_left(tmp_path: Path, browser: Browser, content: str) -> None:
    foreign = tmp_path / PLACES[browser][-1]
    foreign.parent.mkdir(parents=True)
    foreign.write_text(content)
    with pytest.raises(RtcguardError, match="left as it is") as told:
        install(browser, policies(browser, "127.0.0.1:8080"), tmp_path)
    assert str(foreign) in str(told.value) and "\n" not in str(told.value)
    assert told.value.exit_code == 1
    assert remove(browser, tmp_path) == ([], [foreign])
    assert files(tmp_path) == {foreign}, "nothing was to be written, nor removed"
    assert foreign.read_text() == content


def test_neighbours_of_chromium_stay(tmp_path: Path) -> None:
    """Chromium merges all files of the folder."""
    neighbour = tmp_path / "etc/chromium/policies/managed/company.json"
    neighbour.parent.mkdir(parents=True)
    neighbour.write_text('{"HomepageLocation": "https://example.org"}')
    install("chrome", policies("chrome", "127.0.0.1:8080"), tmp_path)
    remove("chrome", tmp_path)
    assert files(tmp_path) == {neighbour}


@pytest.mark.parametrize("shadowed", SHADOWED)
def test_firefox_reads_one_file_only(tmp_path: Path, shadowed: str) -> None:
    other = tmp_path / shadowed
    other.parent.mkdir(parents=True)
    other.write_text('{"policies": {"DisableAppUpdate": true}}')
    with pytest.raises(RtcguardError, match="would not read it any more"):
        install("firefox", policies("firefox", "127.0.0.1:8080"), tmp_path)
    assert files(tmp_path) == {other}


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file in its place")
    with pytest.raises(StartError, match="cannot be written"):
        install("edge", policies("edge", "127.0.0.1:8080"), tmp_path)
    (tmp_path / "etc").unlink()
    (tmp_path / PLACES["edge"][0]).mkdir(parents=True)
    with pytest.raises(StartError, match="cannot be read"):
        install("edge", policies("edge", "127.0.0.1:8080"), tmp_path)


def test_an_authority(tmp_path: Path) -> None:
    ca = LabCA(tmp_path)
    read = read_authority(ca.certificate)
    assert read.path == str(ca.certificate)
    pem = "".join(ca.certificate.read_text().splitlines()[1:-1])
    assert base64.b64decode(read.base64) == base64.b64decode(pem)
    for content, problem in (
        ("no certificate", "is not one certificate"),
        (None, "cannot be read"),
    ):
        bad = tmp_path / "bad.pem"
        bad.unlink(missing_ok=True)
        if content is not None:
            bad.write_text(content)
        with pytest.raises(StartError, match=problem):
            read_authority(bad)

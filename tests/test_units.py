"""The units for systemd: read by systemd itself, and by how much they could do."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.lab.requirements import cannot_run

UNITS = Path(__file__).parents[1] / "configs" / "deploy" / "systemd"
INSTALLED = "/opt/rtcguard/bin/rtcguard"
EXPOSURE = 20  # tenths, of 100: systemd calls up to 20 "OK", a usual service has 96


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with the program where it is here."""
    if shutil.which("systemd-analyze") is None:
        message = "the units were not tried: systemd-analyze is missing (Debian's package systemd)"
        cannot_run(message)
    here = str(Path(sysconfig.get_path("scripts")) / "rtcguard")
    made = []
    for unit in sorted(UNITS.glob("*.service")):
        content = unit.read_text()
        assert INSTALLED in content
        made.append(tmp_path / unit.name)
        made[-1].write_text(content.replace(INSTALLED, here))
    assert len(made) == 2
    return made


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def test_systemd_understands_them(units: list[Path], tmp_path: Path) -> None:
    done = analyze("verify", *map(str, units))
    assert (done.returncode, done.stderr) == (0, "")
    bad = tmp_path / "bad.service"  # it would say so otherwise
    bad.write_text(units[0].read_text().replace("Type=", "Tpye="))
    assert "Tpye" in analyze("verify", str(bad)).stderr


def test_they_can_do_little(units: list[Path]) -> None:
    for unit in units:
        done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(unit))
        assert done.returncode == 0, done.stdout


def test_the_user_can_be_made() -> None:
    if shutil.which("systemd-sysusers") is None:
        cannot_run("systemd-sysusers is missing (Debian's package systemd)")
    made = ["systemd-sysusers", "--dry-run", str(UNITS / "rtcguard.sysusers")]
    assert subprocess.run(made, capture_output=True).returncode == 0

"""`rtcguard browser-policy` as it is called; installing is tested in tests/app and in the lab."""

import json
import plistlib
from pathlib import Path

import pytest

from tests.lab.ca import LabCA
from tests.process import rtcguard


def test_it_prints_the_file_and_says_where_it_belongs(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nlisten: 127.0.0.1:3128\n")
    made = rtcguard(["browser-policy", "chrome", "--config", str(config)], tmp_path)
    assert made.returncode == 0
    assert json.loads(made.stdout)["ProxySettings"]["ProxyServer"] == "127.0.0.1:3128"
    assert b"/etc/chromium/policies/managed/rtcguard.json" in made.stderr


def test_with_an_authority_and_another_address(tmp_path: Path) -> None:
    ca = LabCA(tmp_path).certificate
    told = ["--ca", str(ca), "--proxy", "192.0.2.1:8080"]
    made = json.loads(rtcguard(["browser-policy", "firefox", *told], tmp_path).stdout)["policies"]
    assert made["Certificates"] == {"Install": [str(ca)]}
    assert made["Proxy"]["HTTPProxy"] == "192.0.2.1:8080"


def test_for_another_system(tmp_path: Path) -> None:
    made = rtcguard(["browser-policy", "edge", "--system", "macos"], tmp_path)
    assert plistlib.loads(made.stdout)["PayloadType"] == "Configuration"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["safari"], "'safari' is not one of"),
        (["edge", "--install", "--remove"], "one or the other"),
        (["edge", "--install", "--system", "windows"], "places of Linux only"),
        (["edge", "--proxy", "8080"], "is not HOST:PORT"),
        (["edge", "--ca", "/nowhere.pem"], "/nowhere.pem: cannot be read"),
        (["edge", "--config", "/nowhere.yaml"], "/nowhere.yaml: cannot be read"),
    ],
)
def test_bad_input(tmp_path: Path, arguments: list[str], problem: str) -> None:
    made = rtcguard(["browser-policy", *arguments], tmp_path)
    assert made.returncode == 2
    assert made.stdout == b""
    assert problem in made.stderr.decode().splitlines()[-1]
    assert b"Traceback" not in made.stderr


def test_an_address_that_no_browser_can_be_told(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nlisten: 0.0.0.0:8080\n")
    argv = ["browser-policy", "chrome", "--config", str(config)]
    made = rtcguard(argv, tmp_path)
    assert (made.returncode, made.stdout) == (2, b"")
    (line,) = made.stderr.decode().splitlines()
    assert "--proxy HOST:PORT" in line
    assert rtcguard([*argv, "--proxy", "10.0.0.1:8080"], tmp_path).returncode == 0

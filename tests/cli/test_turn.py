"""`rtcguard turn` and `rtcguard doctor` as a user calls them."""

import json
import stat
from pathlib import Path

import pytest

from rtcguard.ice.server import timed_credentials
from tests.origin import free_port
from tests.process import rtcguard
from tests.turn import PASSWORD, USER, coturn

CONFIG = """\
version: 1
stun: {{listen: []}}
relay:
  servers:
    - urls: ["turn:relay.example", "turn:relay.example?transport=tcp"]
      shared_secret_file: {0}
      lifetime: 45m
    - {{urls: "turn:192.0.2.7", username: alice, credential: wonder}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    secret, file = tmp_path / "turn.secret", tmp_path / "c.yaml"
    secret.write_text("the-secret\n")
    secret.chmod(0o600)
    file.write_text(CONFIG.format(secret))
    return file


def test_a_configuration_is_printed(config: Path, tmp_path: Path) -> None:
    made = rtcguard(["turn", "config", "--config", str(config)], tmp_path)
    assert made.returncode == 0
    written = made.stdout.decode().splitlines()
    assert {"static-auth-secret=the-secret", "realm=relay.example", "user-quota=50"} <= set(written)
    assert "The secret is in it" in made.stderr.decode()


def test_it_is_written_for_its_owner_and_over_its_own_only(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "turnserver.conf"
    command = ["turn", "config", "--config", str(config), "--output", str(output)]
    assert rtcguard(command, tmp_path).returncode == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    first = output.read_text()
    output.write_text(first + "verbose\n")
    output.chmod(0o644)
    assert rtcguard(command, tmp_path).returncode == 0
    assert output.read_text() == first
    assert stat.S_IMODE(output.stat().st_mode) == 0o640, "others must not read the secret"
    for foreign in ("listening-port=3478\n", ""):
        output.write_text(foreign)
        made = rtcguard(command, tmp_path)
        assert made.returncode == 1
        told = f"rtcguard: {output}: was not written by rtcguard, so it is left as it is\n"
        assert made.stderr.decode() == told
        assert output.read_text() == foreign
    nowhere = rtcguard([*command[:-1], str(tmp_path / "no" / "file")], tmp_path)
    assert nowhere.returncode == 2
    assert nowhere.stderr.decode().count("\n") == 1
    assert not list(tmp_path.glob(".*"))


def test_which_server(config: Path, tmp_path: Path) -> None:
    command = ["turn", "config", "--config", str(config), "--server"]
    assert rtcguard([*command, "relay.example"], tmp_path).returncode == 0
    for host in ("192.0.2.7", "other.example"):
        made = rtcguard([*command, host], tmp_path)
        assert made.returncode == 2
        assert f"with the host {host}, none has a shared_secret_file" in made.stderr.decode()
    made = rtcguard(["turn", "config"], tmp_path)
    assert made.returncode == 2
    assert made.stderr.decode().startswith("rtcguard: of relay.servers, none has a shared_secret")


def test_credentials(config: Path, tmp_path: Path) -> None:
    command = ["turn", "credentials", "--config", str(config)]
    one, two = json.loads(rtcguard(command, tmp_path).stdout)
    assert two == {"urls": ["turn:192.0.2.7"], "username": "alice", "credential": "wonder"}
    expiry, _, name = one["username"].partition(":")
    assert name == "test"
    assert timed_credentials(b"the-secret", int(expiry), "test")[1] == one["credential"]
    later = json.loads(rtcguard([*command, "--user", "bob", "--lifetime", "10d"], tmp_path).stdout)
    assert later[0]["username"].endswith(":bob")
    # 45 minutes and ten days: apart by that, and by what the two commands took.
    assert int(later[0]["username"].partition(":")[0]) - int(expiry) >= 10 * 86400 - 45 * 60
    made = rtcguard(["turn", "credentials"], tmp_path)
    assert (made.returncode, made.stdout) == (2, b"")


def test_the_doctor_tells_everything(tmp_path: Path) -> None:
    user = ("--lt-cred-mech", f"--user={USER}:{PASSWORD}", "--allow-loopback-peers", "--no-tls")
    with coturn(tmp_path / "turn", *user) as port:
        file, proxy = tmp_path / "c.yaml", free_port()
        file.write_text(
            f"version: 1\nlisten: 127.0.0.1:{proxy}\nstun: {{listen: []}}\nrelay:\n"
            f'  servers: [{{urls: ["turn:127.0.0.1:{port}"], username: {USER}, '
            f"credential: {PASSWORD}}}]\n"
        )
        rows = rtcguard(["doctor", "--config", str(file)], tmp_path / "state")
        as_json = rtcguard(["doctor", "--config", str(file), "--json"], tmp_path / "state")
    assert rows.returncode == as_json.returncode == 1  # there is no proxy
    shown = rows.stdout.decode()
    assert shown.startswith("configuration\n ✓ ")
    assert " ✗ nothing listens there" in shown
    assert "   → start it: rtcguard run" in shown
    assert " ✓ carries datagrams between two allocations, both ways" in shown
    assert " ! lets its clients reach" in shown
    document = json.loads(as_json.stdout)
    assert document["passed"] is False
    names = list(dict.fromkeys(row["check"] for row in document["results"]))
    told = ["configuration", "state folder", f"proxy 127.0.0.1:{proxy}", f"turn:127.0.0.1:{port}"]
    assert [name for name in names if name in told] == told  # what others stand on comes first
    assert {row["status"] for row in document["results"]} == {"ok", "warning", "failed", "off"}
    assert all(set(row) == {"check", "status", "what", "next"} for row in document["results"])
    assert all(row["next"] for row in document["results"] if row["status"] == "failed")


def test_the_doctor_of_a_bad_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\nmode: monitr\nlisten: 1\n")
    made = rtcguard(["doctor", "--config", str(file), "--json"], tmp_path)
    assert made.returncode == 1
    results = json.loads(made.stdout)["results"]
    assert [row["status"] for row in results] == ["failed", "failed"]
    assert f"{file}:2:7: mode is one of enforce, monitor" in results[0]["what"]

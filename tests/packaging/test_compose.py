"""The compose file, its image and what they mount: as far as can be told without an engine."""

import json
import os
import re
import shutil
import stat
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.process import rtcguard

from .conftest import ROOT

DEPLOY = ROOT / "configs" / "deploy"
SCHEMA = json.loads((Path(__file__).parent / "data" / "compose-spec.json").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
POLICY = DEPLOY / "compose" / "rtcguard.yaml"


def test_it_follows_the_specification() -> None:
    checker = jsonschema.Draft7Validator(SCHEMA)
    assert [error.message for error in checker.iter_errors(COMPOSE)] == []
    bad = {**COMPOSE, "services": {"coturn": {"imag": "coturn/coturn"}}}
    assert list(checker.iter_errors(bad))


def test_it_is_whole() -> None:
    assert set(SERVICES) == {"rtcguard", "coturn", "postgres", "prometheus", "grafana"}
    used = {name for one in SERVICES.values() for name in one.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    for one in SERVICES.values():
        for volume in one.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("."):
                assert (DEPLOY / source).is_file() and rest.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"]
        for name in one.get("networks", []):
            assert name in COMPOSE["networks"]
        for name in one.get("depends_on", {}):
            assert "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_each_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert service["healthcheck"]["test"][0] == "CMD"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
    for key, value in service.get("environment", {}).items():
        if "PASSWORD" in key:  # in a file, not in what `docker inspect` tells
            assert value.startswith("/run/secrets/")
        assert not re.search("://[^/]*:[^/]*@", value)
    # No image that another is put in place of.
    assert not service["image"].endswith(":latest") and ":" in service["image"]


def test_its_policy_is_valid(tmp_path: Path) -> None:
    environment = SERVICES["rtcguard"]["environment"]
    called = [sysconfig.get_path("scripts") + "/rtcguard", "check", str(POLICY)]
    made = subprocess.run(
        called, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    policy = yaml.safe_load(POLICY.read_text())
    port = policy["metrics"]["listen"].rpartition(":")[2]
    prometheus = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())
    targets = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == [f"rtcguard:{port}"]
    secret = policy["relay"]["servers"][0]["shared_secret_file"]
    assert secret == "/run/secrets/turn.secret" and "turn.secret" in COMPOSE["secrets"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to the containers' users: root")
def test_its_secrets_are_made_once_and_for_one_user_each(tmp_path: Path) -> None:
    script = shutil.copy(DEPLOY / "compose" / "secrets.sh", tmp_path)
    subprocess.run(["sh", script], check=True)
    made = {file.name: file for file in (tmp_path / "secrets").iterdir()}
    assert set(made) | {"turnserver.conf"} == set(COMPOSE["secrets"])
    for file in made.values():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"USER {made['turn.secret'].stat().st_uid}\n" in (DEPLOY / "Dockerfile").read_text()
    password = made["postgres.password"].read_text()
    assert re.fullmatch("[0-9a-f]{48}", password)
    assert made["pgpass"].read_text() == f"postgres:5432:rtcguard:rtcguard:{password}\n"
    before = {name: file.read_text() for name, file in made.items()}
    assert len(set(before.values())) == len(before)
    subprocess.run(["sh", script], check=True)
    assert before == {name: file.read_text() for name, file in made.items()}


def test_coturn_has_a_configuration_for_the_policys_server(tmp_path: Path) -> None:
    secret, config = tmp_path / "turn.secret", tmp_path / "c.yaml"
    secret.write_text("the-secret\n")
    secret.chmod(0o600)
    text = POLICY.read_text().replace("/run/secrets/turn.secret", str(secret))
    config.write_text(text.replace("${LEDGER_STORE}", "sqlite"))
    made = rtcguard(["turn", "config", "--config", str(config)], tmp_path)
    assert made.returncode == 0, made.stderr
    lines = made.stdout.decode().splitlines()
    assert {"listening-port=3478", "static-auth-secret=the-secret"} <= set(lines)


def test_hadolint_has_nothing_to_say_of_the_image(tmp_path: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    dockerfile = DEPLOY / "Dockerfile"
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    bad = tmp_path / "Dockerfile"
    bad.write_text(dockerfile.read_text().replace(":3.13-slim-trixie\n", ":latest\n"))
    assert subprocess.run([hadolint, bad], capture_output=True, check=False).returncode != 0
    for line in re.findall("^COPY (?!--)(.*) \\S+$", dockerfile.read_text(), re.M):
        assert all((ROOT / name).exists() for name in line.split())

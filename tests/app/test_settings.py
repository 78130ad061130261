"""Configuration files, secrets and the state folder."""

from pathlib import Path

import pytest

from rtcguard.app.settings import State, read_config, read_policy, state
from rtcguard.errors import ConfigError, StartError
from rtcguard.policy.model import Config


def test_without_a_file_the_defaults_hold() -> None:
    assert read_config(None) == Config()


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read_config(file) == Config()


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes("version: 1 # Käse".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"c\.yaml:1:15: not UTF-8: the byte 0xE4 \('ä' in"):
        read_config(file)


def test_secrets_are_read_from_their_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("north\n")
    secret.chmod(0o640)  # its group may read it: rtcguard's own, under systemd
    file = tmp_path / "c.yaml"
    server = f"{{urls: ['turn:192.0.2.1'], shared_secret_file: {secret}, lifetime: 1h}}"
    file.write_text(f"version: 1\nrelay: {{servers: [{server}]}}\n")
    (made,) = read_policy(read_config(file)).servers
    assert made.secret == b"north"
    assert made.lifetime == 3600


def test_the_state_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTCGUARD_STATE_DIR", str(tmp_path / "s"))
    assert state().ledger == tmp_path / "s" / "ledger.sqlite3"


def test_the_key_is_made_once(tmp_path: Path) -> None:
    made = State(tmp_path / "s")
    made.prepare()
    assert len(made.key()) == 32
    assert made.key() == State(tmp_path / "s").key()


def test_a_damaged_key_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "guard.key").write_bytes(b"short")
    with pytest.raises(StartError, match="is not a key"):
        State(tmp_path).key()

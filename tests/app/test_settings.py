"""Configuration files, secrets and the state folder."""

import os
import socket
from pathlib import Path

import pytest

from rtcguard.app.settings import State, read_config, read_policy, state
from rtcguard.errors import ConfigError, RtcguardError, StartError
from rtcguard.policy.model import Config
from rtcguard.policy.users import User


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


SERVER = "relay: {servers: [{urls: 'turn:192.0.2.1', %s}]}"


def refused(file: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        read_config(file)
    return str(raised.value).replace(f"{file.parent}{os.sep}", "")


def test_what_is_no_file_is_refused_and_waited_for_never(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    folder = tmp_path / "folder"
    folder.mkdir()
    assert refused(tmp_path / "pipe") == "pipe: cannot be read: it is a pipe, not a file"
    assert refused(tmp_path / "link") == "link: cannot be read: it is a pipe, not a file"
    assert refused(tmp_path / "s") == "s: cannot be read: it is a socket, not a file"
    assert refused(folder) == "folder: cannot be read: it is a folder, not a file"
    assert refused(Path("/dev/zero")) == "zero: cannot be read: it is a device, not a file"
    assert refused(tmp_path / "no") == "no: cannot be read: No such file or directory"
    assert refused(tmp_path / "loop") == "loop: cannot be read: Too many levels of symbolic links"
    assert refused(tmp_path / "a\0b") == "a\0b: cannot be read: embedded null byte"
    listening.close()


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with open(tmp_path / "c.yaml", "wb") as file:
        file.truncate(1 << 40)  # of holes
    assert refused(tmp_path / "c.yaml") == ("c.yaml: has more than 4 MiB; that is no configuration")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty; it begins with `version: 1`"),
        (b"\xef\xbb\xbf", "the file is empty; it begins with `version: 1`"),
        (b"\xef\xbb\xbf#\n\xe4", "2:1: not UTF-8: the byte 0xE4 ('ä' in Latin-1); save the file "
         "as UTF-8"),
        (b"version: 1\r\nmode: \xff", "2:7: not UTF-8: the byte 0xFF ('ÿ' in Latin-1); save the "
         "file as UTF-8"),
        (b"version: \x80", "1:10: not UTF-8: the byte 0x80; save the file as UTF-8"),
        ("version: 1\n".encode("utf-16"), "1:1: not UTF-8 but UTF-16; save the file as UTF-8"),
        (b"\xfe\xff\0v", "1:1: not UTF-8 but UTF-16; save the file as UTF-8"),
        ("version: 1\n".encode("utf-32"), "1:1: not UTF-8 but UTF-32; save the file as UTF-8"),
        ("version: 1\n".encode("utf-16-le"), "1:2: a character that may not stand here: a NUL "
         "byte, as in UTF-16; save the file as UTF-8"),
        ("version: 1\n".encode("utf-16-be"), "1:1: a character that may not stand here: a NUL "
         "byte, as in UTF-16; save the file as UTF-8"),
        (b"version: 1\n\0", "2:1: a character that may not stand here: a NUL byte"),
        (b"version: 1\r\nmode: x\r\n", "2:7: mode is one of enforce, monitor, found 'x'"),
        ("version: 1 # \u202e".encode(), "1:14: a character that may not stand here: U+202E"),
        ("version: 1 # ä\nmode: \ufeff".encode(), "2:7: a character that may not stand here: "
         "U+FEFF"),
    ],
)  # fmt: skip
def test_bytes(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "c.yaml").write_bytes(content)
    assert refused(tmp_path / "c.yaml").partition(":")[2].strip() == told


def test_files_are_included_by_their_place_beside_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "rules.d"
    folder.mkdir()
    for name in ("b.yaml", "a.yaml", ".hidden.yaml", "c.yaml~"):
        (folder / name).write_text(f"rules: [{{name: {name}, match: {{}}, action: keep}}]\n")
    main = tmp_path / "main.yaml"
    main.write_text("version: 1\ninclude: rules.d/*.yaml\n")
    assert [one.name for one in read_config(main).rules] == ["a.yaml", "b.yaml"]
    assert read_config(main).files == tuple(
        str(tmp_path / name) for name in ("main.yaml", "rules.d/a.yaml", "rules.d/b.yaml")
    )
    main.write_text("version: 1\ninclude: rules.d\n")
    assert refused(main) == (
        "main.yaml:2:10: include: rules.d cannot be read: it is a folder, not a file"
    )
    main.write_text("version: 1\ninclude: [a*.yaml]\n")
    assert refused(main) == "main.yaml:2:11: include: a*.yaml fits no file"
    (folder / "a.yaml").write_bytes(b"\xe4")
    main.write_text("version: 1\ninclude: rules.d/a.yaml\n")
    assert refused(main).startswith("rules.d/a.yaml:1:1: not UTF-8")


def test_a_file_is_the_same_by_any_name(tmp_path: Path) -> None:
    main = tmp_path / "main.yaml"
    main.write_text("version: 1\ninclude: sub/link.yaml\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "link.yaml").symlink_to(main)
    assert refused(main) == (
        "main.yaml:2:10: include: sub/link.yaml would include itself: main.yaml → sub/link.yaml"
    )


def test_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN_USER", "alice")
    monkeypatch.setenv("TURN_PASSWORD", "${s3cret}: *x")
    monkeypatch.setenv("PROXY", "http://192.0.2.9:3128")
    monkeypatch.delenv("UNSET", raising=False)
    monkeypatch.setenv("EMPTY", " ")
    file = tmp_path / "c.yaml"
    named = SERVER % "username: '${TURN_USER}', credential: '${TURN_PASSWORD}'"
    file.write_text(f"version: 1\n{named}\nupstream: {{proxy: '${{PROXY}}'}}\n")
    file.chmod(0o644)
    config = read_config(file)
    assert (config.relay.servers[0].username, config.relay.servers[0].credential) == (
        "alice",
        "${s3cret}: *x",
    )
    assert config.upstream.proxy == "http://192.0.2.9:3128"
    assert not config.warnings
    file.write_text(f"version: 1\n{SERVER % "username: '${UNSET}', credential: '${EMPTY}'"}\n")
    assert refused(file).splitlines() == [
        "c.yaml:2:54: relay.servers[0].username: the environment's variable UNSET is not set",
        "c.yaml:2:78: relay.servers[0].credential: the environment's variable EMPTY is empty",
    ]


def test_a_credential_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"version: 1\n{SERVER % 'username: a, credential: b'}\n")
    file.chmod(0o640)
    assert not read_config(file).warnings
    file.chmod(0o644)
    (warning,) = read_config(file).warnings
    assert str(warning) == (
        f"{file}:2:69: relay.servers[0].credential stands in a file that everybody can read; run: "
        f"chmod o= {file}, or write ${{NAME}} for a variable of the environment"
    )
    link = tmp_path / "link.yaml"  # what counts is what it leads to
    link.symlink_to(file)
    assert read_config(link).warnings
    file.chmod(0o600)
    assert not read_config(link).warnings


def test_a_file_that_everybody_can_write_is_a_warning(tmp_path: Path) -> None:
    main, more = tmp_path / "main.yaml", tmp_path / "more.yaml"
    main.write_text("version: 1\ninclude: more.yaml\n")
    more.write_text("# rules\nversion: 1\n")
    assert not read_config(main).warnings
    more.chmod(0o646)
    (warning,) = read_config(main).warnings
    assert str(warning) == (
        f"{more}:2:1: everybody can write this file, and so the rules; run: chmod o-w {more}"
    )


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"north", 0o644, "can be read by everybody; run: chmod o= "),
        (b"north", 0o642, "can be written by everybody; run: chmod o= "),
        (b" \n", 0o600, "is empty; it holds coturn's static-auth-secret"),
        (b"two\nlines\n", 0o600, "is not one line; it holds coturn's static-auth-secret"),
        (b"no\0rth\n", 0o600, "is not one line; it holds coturn's static-auth-secret"),
        (b"x" * 2000, 0o600, "is not one line; it holds coturn's static-auth-secret"),
        (b"north", 0o660, None),
    ],
)
def test_secret_files(tmp_path: Path, content: bytes, mode: int, told: str | None) -> None:
    target, secret = tmp_path / "target", tmp_path / "secret"
    target.write_bytes(content)
    target.chmod(mode)
    secret.symlink_to(target)  # links themselves are open to all; what counts is the file
    file = tmp_path / "c.yaml"
    file.write_text(f"version: 1\n{SERVER % f'shared_secret_file: {secret}'}\n")
    if told is None:
        assert read_policy(read_config(file)).servers[0].secret == b"north"
        return
    with pytest.raises(StartError) as raised:
        read_policy(read_config(file))
    assert str(raised.value).startswith(f"{secret}: relay.servers.shared_secret_file {told}")


def test_a_secret_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    file = tmp_path / "c.yaml"
    for name, told in (("pipe", "it is a pipe, not a file"), ("no", "No such file or directory")):
        path = tmp_path / name
        file.write_text(f"version: 1\n{SERVER % f'shared_secret_file: {path}'}\n")
        with pytest.raises(StartError) as raised:
            read_policy(read_config(file))
        assert str(raised.value).endswith(f"shared_secret_file cannot be read: {told}")


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


def _with_users(folder: Path, content: bytes, mode: int = 0o640) -> Path:
    users, file = folder / "users", folder / "c.yaml"
    users.write_bytes(content)
    users.chmod(mode)
    file.write_text(f"version: 1\nusers: {{file: {users}}}\n")
    return file


def test_users_are_read_from_their_file(tmp_path: Path) -> None:
    hashed = b"$2b$04$" + b"a" * 53
    file = _with_users(tmp_path, b"\xef\xbb\xbfalice:" + hashed)
    assert read_policy(read_config(file)).users == (User("alice", hashed.decode()),)


def test_without_a_file_of_users_nobody_is_asked() -> None:
    assert read_policy(Config()).users == ()


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (b"alice:", 0o604, "users.file can be read by everybody; run: chmod o= "),
        ("Käthe:".encode("latin-1"), 0o600, "users.file is not UTF-8 at byte 1"),
        (b"alice:secret", 0o600, "users:1:1: the hash of 'alice' is not one of bcrypt"),
    ],
)
def test_a_bad_file_of_users_is_told_in_a_line(
    tmp_path: Path, content: bytes, mode: int, problem: str
) -> None:
    with pytest.raises(RtcguardError, match=problem) as error:
        read_policy(read_config(_with_users(tmp_path, content, mode)))
    assert error.value.exit_code == 2 and "\n" not in str(error.value)


def test_a_missing_file_of_users_is_told(tmp_path: Path) -> None:
    file = _with_users(tmp_path, b"")
    (tmp_path / "users").unlink()
    with pytest.raises(StartError, match=r"users: users\.file cannot be read: No such file"):
        read_policy(read_config(file))

"""NSS databases by the real certutil."""

import subprocess
from pathlib import Path

import pytest

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.machine import ThisMachine
from rtcguard.desktop.nouns import DesktopError
from rtcguard.desktop.nss import NssStore
from rtcguard.desktop.stores import Found
from tests.desktop.session import needs
from tests.lab.ca import LabCA


@pytest.fixture(autouse=True)
def there() -> None:
    needs("certutil")


def certutil(database: Path, *arguments: str) -> str:
    argv = ["certutil", "-d", f"sql:{database}", *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def names(database: Path) -> set[str]:
    rows = (line.rsplit(maxsplit=1) for line in certutil(database, "-L").splitlines()[4:])
    return {row[0].strip() for row in rows if row}


@pytest.fixture
def machine(tmp_path: Path) -> ThisMachine:
    return ThisMachine(home=str(tmp_path))


def test_made_filled_and_emptied(tmp_path: Path, machine: ThisMachine, ours: Certificate) -> None:
    database = tmp_path / "home" / ".pki" / "nssdb"
    store = NssStore("nss", str(database))
    assert store.look(machine, ours) == Found(False, False)
    store.install(machine, ours)
    assert store.look(machine, ours) == Found(True, True)
    assert names(database) == {ours.label}
    assert "C,," in certutil(database, "-L")
    store.install(machine, ours)
    assert names(database) == {ours.label}
    store.remove(machine, ours)
    assert store.look(machine, ours) == Found(False, False)
    assert not names(database)
    store.remove(machine, ours)


@pytest.mark.parametrize("name", ["rtcguard", "mitmproxy - mitmproxy", "RTCguard of the office"])
def test_exactly_ours_goes(
    tmp_path: Path, machine: ThisMachine, ours: Certificate, earlier: Certificate, name: str
) -> None:
    certutil(tmp_path, "-N", "--empty-password")
    certutil(tmp_path, "-A", "-n", name, "-t", "C,,", "-i", earlier.path)
    lab = LabCA(tmp_path).certificate
    certutil(tmp_path, "-A", "-n", "another", "-t", "C,,", "-i", str(lab))
    store = NssStore("nss", str(tmp_path))
    assert store.look(machine, ours) == Found(False, False, 1)
    store.install(machine, ours)
    assert store.look(machine, ours) == Found(True, True, 1)
    store.remove(machine, ours)
    assert names(tmp_path) == {name, "another"}
    assert store.look(machine, earlier) == Found(True, True)
    assert certutil(tmp_path, "-L", "-n", name, "-a").split() == earlier.pem.split()


def test_ours_put_there_by_hand(tmp_path: Path, machine: ThisMachine, ours: Certificate) -> None:
    certutil(tmp_path, "-N", "--empty-password")
    certutil(tmp_path, "-A", "-n", "rtcguard", "-t", ",,", "-i", ours.path)
    store = NssStore("nss", str(tmp_path))
    assert store.look(machine, ours) == Found(False, True)
    store.install(machine, ours)
    assert store.look(machine, ours) == Found(True, True)
    store.remove(machine, ours)
    assert not names(tmp_path)


def test_ours_under_a_name_that_is_not_its_own(
    tmp_path: Path, machine: ThisMachine, ours: Certificate, earlier: Certificate
) -> None:
    """By such a name nobody can say which of the two would go."""
    certutil(tmp_path, "-N", "--empty-password")
    for certificate in (ours, earlier):
        certutil(tmp_path, "-A", "-n", "rtcguard", "-t", "C,,", "-i", certificate.path)
    store = NssStore("nss", str(tmp_path))
    with pytest.raises(DesktopError, match=f"browser's settings .SHA-256 {ours.sha256}"):
        store.remove(machine, ours)
    assert store.look(machine, ours) == Found(True, True, 1)


def test_a_database_with_a_password(
    tmp_path: Path, machine: ThisMachine, ours: Certificate
) -> None:
    """Nothing is left in it half."""
    word = tmp_path / "word"
    word.write_text("secret\n")
    certutil(tmp_path, "-N", "-f", str(word))
    store = NssStore("firefox", str(tmp_path))
    with pytest.raises(DesktopError, match="is locked with a password; import"):
        store.install(machine, ours)
    assert store.look(machine, ours) == Found(False, False)
    assert not names(tmp_path)


def test_no_certutil(tmp_path: Path, ours: Certificate) -> None:
    class Bare(ThisMachine):
        def has(self, command: str) -> bool:
            return False

    with pytest.raises(DesktopError, match="install libnss3-tools"):
        NssStore("nss", str(tmp_path)).install(Bare(home=str(tmp_path)), ours)


def test_a_damaged_database(tmp_path: Path, machine: ThisMachine, ours: Certificate) -> None:
    (tmp_path / "cert9.db").write_bytes(b"no database" * 99)
    store = NssStore("nss", str(tmp_path))
    for do in (store.look, store.install, store.remove):
        with pytest.raises(DesktopError, match=r"`certutil -L .* failed: certutil: function"):
            do(machine, ours)

"""The stores of systems that are not at hand, by fakes of their commands; Firefox's policy and
profiles by real files. Debian's store and NSS are real, in test_system.py and test_nss.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.firefox import EnterpriseRoots, PolicyStore, profiles
from rtcguard.desktop.keychain import Keychain
from rtcguard.desktop.nouns import Answer, DesktopError, NeedsRoot
from rtcguard.desktop.nss import NssStore
from rtcguard.desktop.stores import Found, Store
from rtcguard.desktop.system import LAYOUTS, Layout, SystemStore
from rtcguard.desktop.trust import install, remove, status, stores
from rtcguard.desktop.windows_store import WindowsStore
from rtcguard.page.browser_policy import is_ours, policies
from tests.desktop.fakes import FakeMachine, Security, WindowsCertutil

LOGIN = "/Library/Keychains/login.keychain-db"


def walk(store: Store, machine: FakeMachine, ours: Certificate, others: int = 0) -> None:
    """In, again, and out."""
    assert store.look(machine, ours) == Found(False, False, others)
    for expected in ("trusted now", "trusted already"):
        (told,) = install(machine, [store], ours)
        assert told.good and expected in told.text
    assert store.look(machine, ours) == Found(True, True, others)
    (told,) = status(machine, [store], ours)
    assert told.good and told.text.startswith("trusted")
    for expected in ("removed", "was not there"):
        (told,) = remove(machine, [store], ours)
        assert told.good and expected in told.text
        assert ("another authority" in told.text) == bool(others)
    assert store.look(machine, ours) == Found(False, False, others)


@pytest.mark.parametrize("root", [False, True])
def test_keychain_of_macos_fake(
    tmp_path: Path, ours: Certificate, earlier: Certificate, root: bool
) -> None:
    place = "/Library/Keychains/System.keychain" if root else f"{tmp_path}{LOGIN}"
    fake = Security(place, [earlier.der], [earlier.der])
    machine = FakeMachine("darwin", str(tmp_path), {"security": fake}, is_root=root)
    (store,) = stores(machine, ())
    assert isinstance(store, Keychain) and store.where == place
    walk(store, machine, ours, 1)
    assert (fake.held, fake.trusted) == ([earlier.der], [earlier.der])
    adds = [argv for argv in machine.ran if argv[1] == "add-trusted-cert"]
    assert all(("-d" in argv) is root for argv in adds)


def test_keychain_of_macos_that_refuses_fake(tmp_path: Path, ours: Certificate) -> None:
    fake = Security(f"{tmp_path}{LOGIN}", refuses="add-trusted-cert")
    machine = FakeMachine("darwin", str(tmp_path), {"security": fake})
    (told,) = install(machine, stores(machine, ()), ours)
    assert not told.good and "The authorization was denied" in told.text


def test_store_of_windows_fake(tmp_path: Path, ours: Certificate, earlier: Certificate) -> None:
    fake = WindowsCertutil([earlier.der])
    machine = FakeMachine("win32", str(tmp_path), {"certutil": fake})
    (store,) = stores(machine, ())
    assert isinstance(store, WindowsStore)
    walk(store, machine, ours, 1)
    assert fake.held == [earlier.der]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_firefox_takes_the_system_s_fake(tmp_path: Path, ours: Certificate, platform: str) -> None:
    keychain = Security(f"{tmp_path}{LOGIN}")
    machine = FakeMachine(
        platform,
        str(tmp_path),
        {"security": keychain, "certutil": WindowsCertutil()},
        {"APPDATA": str(tmp_path / "AppData")},
    )
    folders = {"darwin": "Library/Application Support/Firefox", "win32": "AppData/Mozilla/Firefox"}
    root = tmp_path / folders[platform]
    profile = root / "Profiles" / "x.default"
    profile.mkdir(parents=True)
    (root / "profiles.ini").write_text("[Profile0]\nIsRelative=1\nPath=Profiles/x.default\n")
    file = profile / "user.js"
    file.write_text('user_pref("a", 1);\n')
    system, firefox = stores(machine, ())
    assert isinstance(firefox, EnterpriseRoots)
    list(install(machine, [firefox], ours))
    assert not firefox.look(machine, ours).trusted, "the system does not trust it yet"
    list(install(machine, [system], ours))
    assert firefox.look(machine, ours).trusted
    assert 'user_pref("security.enterprise_roots.enabled", true);' in file.read_text()
    list(remove(machine, [system, firefox], ours))
    assert file.read_text() == 'user_pref("a", 1);\n'


class Update:
    """A distribution's command: makes the bundle of all files in the folder, which are each one
    certificate in PEM."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.works = layout, True

    def __call__(self, argv: Sequence[str]) -> Answer:
        assert tuple(argv) == self.layout.update[1:]
        if not self.works:
            return Answer(1, "", "p11-kit: couldn't write\n")
        files = sorted(Path(self.layout.folder).iterdir())
        Path(self.layout.bundle).write_text("".join(file.read_text() for file in files))
        return Answer(0, "")


def below(root: Path, layout: Layout) -> Layout:
    made = Layout(f"{root}{layout.folder}", layout.update, f"{root}{layout.bundle}")
    for folder in (made.folder, Path(made.bundle).parent):
        Path(folder).mkdir(parents=True, exist_ok=True)
    return made


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.folder)
def test_system_s_store_fake(
    tmp_path: Path, ours: Certificate, earlier: Certificate, layout: Layout
) -> None:
    made = below(tmp_path, layout)
    update = Update(made)
    machine = FakeMachine("linux", str(tmp_path), {made.update[0]: update}, is_root=True)
    store = SystemStore(made)
    Path(made.folder, "old.crt").write_text(earlier.pem)
    update(made.update[1:])
    walk(store, machine, ours, 1)
    # One that was put there by hand goes, too; a file with more in it does not.
    Path(made.folder, "mine.crt").write_text(ours.pem)
    update(made.update[1:])
    (told,) = remove(machine, [store], ours)
    assert told.good and sorted(machine.files(made.folder)) == ["old.crt"]
    Path(made.folder, "both.crt").write_text(ours.pem + earlier.pem)
    update(made.update[1:])
    (told,) = remove(machine, [store], ours)
    assert not told.good and "it is still there" in told.text
    Path(made.folder, "both.crt").unlink()
    update(made.update[1:])
    update.works = False
    (told,) = install(machine, [store], ours)
    assert not told.good and "couldn't write" in told.text
    assert machine.files(made.folder) == ["old.crt"]


def test_without_rights_the_others_are_done(tmp_path: Path, etc: Path, ours: Certificate) -> None:
    made = below(tmp_path, LAYOUTS[-1])
    commands = {made.update[0]: Update(made), "security": Security("k")}
    machine = FakeMachine("linux", str(tmp_path), commands)
    chosen = [SystemStore(made), PolicyStore(), Keychain("k", False)]
    told = list(install(machine, chosen, ours))
    assert [(one.good, one.root) for one in told] == [(False, True), (False, True), (True, False)]
    assert "only root may write there" in told[0].text
    assert not machine.files(made.folder)


def test_profiles_of_firefox(tmp_path: Path) -> None:
    for root, kept in (
        (".mozilla/firefox", "[Profile1]\nName=gone\nIsRelative=1\nPath=gone\n"),
        (".config/mozilla/firefox", ""),
        ("snap/firefox/common/.mozilla/firefox", "[Install4F96]\nDefault=a.default\n"),
    ):
        folder = tmp_path / root
        (folder / "a.default").mkdir(parents=True)
        (folder / "profiles.ini").write_text(
            f"[General]\nVersion=2\n\n[Profile0]\nName=a%b\nIsRelative=1\nPath=a.default\n{kept}"
        )
    far = tmp_path / "far"
    far.mkdir()
    broken = tmp_path / ".var/app/org.mozilla.firefox/.mozilla/firefox"
    broken.mkdir(parents=True)
    (broken / "profiles.ini").write_text("no section")
    with (tmp_path / ".mozilla/firefox/profiles.ini").open("a") as file:
        file.write(f"[Profile2]\nName=far\nIsRelative=0\nPath={far}\n")
    machine = FakeMachine("linux", str(tmp_path), {})
    assert list(profiles(machine)) == [
        f"{tmp_path}/.mozilla/firefox/a.default",
        str(far),
        f"{tmp_path}/.config/mozilla/firefox/a.default",
        f"{tmp_path}/snap/firefox/common/.mozilla/firefox/a.default",
    ]
    assert {store.kind for store in stores(machine, ())} == {"firefox"}


def test_databases_of_chromium(tmp_path: Path) -> None:
    def found(*commands: str, kinds: tuple[str, ...] = ()) -> list[str]:
        fakes = dict.fromkeys(commands, lambda argv: Answer(0, ""))
        machine = FakeMachine("linux", str(tmp_path), fakes)
        return [s.where for s in stores(machine, kinds) if isinstance(s, NssStore)]

    usual = f"{tmp_path}/.pki/nssdb"
    assert found() == []
    assert found("google-chrome") == found(kinds=("nss",)) == [usual]
    other = tmp_path / ".local/share/pki/nssdb"
    other.mkdir(parents=True)
    assert found("chromium") == [str(other)], "another would take its place"
    Path(usual).mkdir(parents=True)
    assert found() == [usual, str(other)]


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the policy file is, in this test."""
    from rtcguard.desktop import firefox

    where = str(tmp_path / "etc" / "policies.json").removeprefix("/")
    monkeypatch.setitem(firefox.LINUX, "firefox", (where,))
    monkeypatch.setattr(firefox, "SHADOWED", (str(tmp_path / "dist.json").removeprefix("/"),))
    return Path("/", where)


def test_policy_of_firefox(
    tmp_path: Path, etc: Path, ours: Certificate, earlier: Certificate
) -> None:
    machine = FakeMachine("linux", str(tmp_path), {}, is_root=True)
    walk(PolicyStore(), machine, ours)
    assert not list(etc.parent.iterdir()), "nothing stays behind"
    # Two authorities side by side, and what `browser-policy` wrote.
    for written in ({}, policies("firefox", "127.0.0.1:8080")):
        if written:
            etc.write_text(json.dumps(written))
        list(install(machine, [PolicyStore()], earlier))
        walk(PolicyStore(), machine, ours, 1)
        assert is_ours("firefox", json.loads(etc.read_text()))
        list(remove(machine, [PolicyStore()], earlier))
        assert (json.loads(etc.read_text()) if etc.exists() else {}) == written


@pytest.mark.parametrize("content", ["no JSON", '{"policies": {"DisableAppUpdate": true}}', "[]"])
def test_a_policy_that_is_not_ours_is_left(
    tmp_path: Path, etc: Path, ours: Certificate, content: str
) -> None:
    etc.parent.mkdir()
    etc.write_text(content)
    machine = FakeMachine("linux", str(tmp_path), {}, is_root=True)
    (told,) = install(machine, [PolicyStore()], ours)
    assert not told.good and "is left as it is" in told.text
    assert [file.name for file in etc.parent.iterdir()] == [etc.name]
    assert etc.read_text() == content


def test_a_policy_that_ours_would_shadow(tmp_path: Path, etc: Path, ours: Certificate) -> None:
    (tmp_path / "dist.json").write_text("{}")
    machine = FakeMachine("linux", str(tmp_path), {}, is_root=True)
    (told,) = install(machine, [PolicyStore()], ours)
    assert not told.good and "Firefox would not read it any more" in told.text
    assert not etc.exists()


def test_only_root_may_write_the_policy(tmp_path: Path, etc: Path, ours: Certificate) -> None:
    machine = FakeMachine("linux", str(tmp_path), {})
    for do in (PolicyStore().install, PolicyStore().remove):
        with pytest.raises(NeedsRoot):
            do(machine, ours)


def test_a_store_that_cannot_be_read_holds_up_no_other(tmp_path: Path, ours: Certificate) -> None:
    class Broken:
        kind, where = "nss", "here"

        def look(self, *_: object) -> Found:
            raise DesktopError("here: is broken")

        install = remove = look

    machine = FakeMachine("darwin", str(tmp_path), {"security": Security(f"{tmp_path}{LOGIN}")})
    chosen = [Broken(), *stores(machine, ())]
    for act in (install, status, remove):
        first, second = act(machine, chosen, ours)
        assert not first.good and "here: is broken" in first.text
        assert second.good

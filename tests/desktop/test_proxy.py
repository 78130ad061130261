"""The desktop's proxy, set and put back: GNOME by its real gsettings, KDE by its real kwriteconfig,
the environment's file; macOS and Windows by fakes of their commands, so their cases say `fake`.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rtcguard.desktop import memory
from rtcguard.desktop.changing import keep
from rtcguard.desktop.nouns import Desktop, Machine, Values
from rtcguard.desktop.proxy import DESKTOPS, Said, found, here, off, on, status, undo
from rtcguard.errors import StartError
from tests.desktop.fakes import FakeMachine, Networksetup, Reg
from tests.desktop.session import command, machine, session

OURS = ("127.0.0.1", 8080)
GNOME = "org.gnome.system.proxy"
KIOSLAVERC = """\
[Proxy Settings]
NoProxyFor=*.corp.example,*.bücher.example
ProxyType=2
Proxy Config Script=http://corp.example/proxy.pac
httpProxy=http://corp.example 3128

[Notes]
kept=yes
"""
VARIABLES = "http_proxy=http://corp.example:3128\n"


@dataclass
class Case:
    """A desktop with a proxy of the user's own in it. `snapshot` is all that it keeps, `change`
    sets another proxy as its settings would, `touch` something else beside ours."""

    machine: Machine
    desktop: Desktop
    folder: Path
    snapshot: Callable[[], Any]
    change: Callable[[], object]
    touch: Callable[[], object]

    def on(self, stay: bool = False) -> list[Said]:
        return list(on(self.machine, self.folder, [self.desktop], OURS, stay))

    def off(self) -> list[Said]:
        return list(off(self.machine, self.folder, [self.desktop], OURS))

    def status(self) -> list[Said]:
        return list(status(self.machine, self.folder, [self.desktop], OURS))

    def now(self) -> Values:
        return self.desktop.read(self.machine)


def gnome(folder: Path, variables: dict[str, str]) -> Case:
    def gsettings(*words: str) -> str:
        return command(variables, "gsettings", *words)

    def change() -> None:
        for kind in ("http", "https"):
            gsettings("set", f"{GNOME}.{kind}", "host", "corp.example")

    gsettings("set", GNOME, "autoconfig-url", "http://corp.example/proxy.pac")
    gsettings("set", GNOME, "mode", "auto")
    gsettings("set", GNOME, "ignore-hosts", "['*.bücher.example', \"it's\"]")
    gsettings("set", f"{GNOME}.socks", "host", "socks.corp.example")
    return Case(
        machine(folder, variables),
        DESKTOPS["gnome"],
        folder,
        lambda: sorted(set(gsettings("list-recursively", GNOME).splitlines())),
        change,
        lambda: gsettings("set", GNOME, "ignore-hosts", "['printer.local']"),
    )


def kde(folder: Path, variables: dict[str, str]) -> Case:
    file = folder / ".config" / "kioslaverc"
    file.parent.mkdir(exist_ok=True)
    file.write_text(KIOSLAVERC)

    def edit(old: str, new: str) -> None:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def settings() -> list[str]:
        return sorted(line for line in file.read_text().splitlines() if line)

    return Case(
        machine(folder, variables),
        DESKTOPS["kde"],
        folder,
        settings,
        lambda: edit("//127.0.0.1 8080", "//corp.example 3128"),
        lambda: edit("NoProxyFor=", "NoProxyFor=printer.local,"),
    )


def environment(folder: Path, variables: dict[str, str]) -> Case:
    file = folder / ".config" / "environment.d" / "rtcguard.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(VARIABLES)
    return Case(
        machine(folder, variables),
        DESKTOPS["environment"],
        folder,
        file.read_text,
        lambda: file.write_text(file.read_text().replace("127.0.0.1:8080", "corp.example:3128")),
        lambda: file.write_text(f"{file.read_text()}EDITOR=vi\n"),
    )


def macos(folder: Path, _: dict[str, str]) -> Case:
    fake = Networksetup({"Wi-Fi": True, "USB 10/100 LAN": True, "Thunderbolt Bridge": False})
    fake.proxies["web", "Wi-Fi"] = ["Yes", "corp.example", "3128", "0"]
    fake.proxies["socksfirewall", "Wi-Fi"] = ["Yes", "socks.corp.example", "1080", "0"]
    fake.proxies["web", "Thunderbolt Bridge"] = ["Yes", "left.example", "1", "0"]
    fake.bypass = {"Wi-Fi": ["*.local", "169.254/16"]}
    fake.urls = {"USB 10/100 LAN": ["http://corp.example/proxy.pac", "Yes"]}
    fake.discovery = {"Wi-Fi": "On"}

    def snapshot() -> Any:
        """What is in force: of a proxy that is turned off, the place does not count."""
        proxies = {
            place: kept for place, kept in copy.deepcopy(fake.proxies).items() if kept[0] == "Yes"
        }
        bypass = {service: there for service, there in fake.bypass.items() if there}
        urls = {service: url for service, url in fake.urls.items() if url[1] == "Yes"}
        discovery = {service for service, state in fake.discovery.items() if state == "On"}
        return proxies, bypass, urls, discovery

    def change() -> None:
        for kind in ("web", "secureweb"):
            for service in ("Wi-Fi", "USB 10/100 LAN"):
                fake.proxies[kind, service] = ["Yes", "corp.example", "3128", "0"]

    return Case(
        FakeMachine("darwin", str(folder), {"networksetup": fake}),
        DESKTOPS["macos"],
        folder,
        snapshot,
        change,
        lambda: fake.bypass.update({"Wi-Fi": ["printer.local"]}),
    )


def windows(folder: Path, _: dict[str, str]) -> Case:
    fake = Reg(
        {
            "User Agent": ("REG_SZ", "Mozilla/4.0"),
            "ProxyEnable": ("REG_DWORD", "0x1"),
            "ProxyServer": ("REG_SZ", "http=corp.example:3128;ftp=corp.example:21"),
            "ProxyOverride": ("REG_SZ", "<local>"),
            "AutoConfigURL": ("REG_SZ", "http://corp.example/proxy.pac"),
        }
    )
    return Case(
        FakeMachine("win32", str(folder), {"reg": fake}),
        DESKTOPS["windows"],
        folder,
        lambda: dict(sorted(fake.values.items())),
        lambda: fake.values.update(ProxyServer=("REG_SZ", "corp.example:3128")),
        lambda: fake.values.update(ProxyOverride=("REG_SZ", "printer.local")),
    )


CASES = {
    "gnome": gnome,
    "kde": kde,
    "environment": environment,
    "macos, a fake": macos,
    "windows, a fake": windows,
}


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    with session(tmp_path, "GNOME") as told:
        yield told


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path, variables: dict[str, str]) -> Case:
    return CASES[request.param](tmp_path, variables)


def test_set_and_put_back_exactly(case: Case) -> None:
    before = case.snapshot()
    (told,) = case.status()
    assert not told.good and "does not lead to rtcguard" in told.text
    assert [one.good for one in case.on()] == [True]
    assert case.desktop.leads_to(case.now()) == "127.0.0.1:8080"
    (told,) = case.status()
    assert told.good and "set by `rtcguard proxy on`, until rtcguard stops" in told.text
    assert case.snapshot() != before
    assert [one.good for one in case.off()] == [True]
    assert case.snapshot() == before
    assert not (case.folder / memory.NAME).exists()
    (told,) = case.off()
    assert told.good and "did not lead to rtcguard" in told.text
    assert case.snapshot() == before


def test_a_second_on_does_not_forget_what_was_before(case: Case) -> None:
    before = case.snapshot()
    case.on()
    made = case.snapshot()
    assert case.on(stay=True)[0].good
    assert case.snapshot() == made
    assert not list(undo(case.machine, case.folder)), "it was to stay"
    assert case.snapshot() == made
    case.on()
    assert [one.good for one in undo(case.machine, case.folder)] == [True]
    assert case.snapshot() == before


@pytest.mark.parametrize("number", [0, 1, 3, 6])
def test_an_end_in_the_midst_of_it_loses_nothing(case: Case, number: int) -> None:
    """What was before is written down first; then the machine ends after so many values."""
    before = case.snapshot()
    now = case.now()
    kept = keep(case.desktop, now, None, OURS, False)
    memory.save(case.folder, {case.desktop.name: kept})
    changes = {key: value for key, value in kept.made.items() if now.get(key) != value}
    some = dict(list(changes.items())[:number])
    case.machine.perform(case.desktop.steps(some, case.machine))
    (told,) = case.off()
    assert told.good and told.text.startswith("as before")
    assert case.snapshot() == before


def test_what_leads_elsewhere_by_now_is_left(case: Case) -> None:
    case.on()
    case.change()
    changed = case.snapshot()
    (told,) = case.off()
    assert told.good and "changed meanwhile, and is left as it is" in told.text
    assert "corp.example" in told.text or "something else" in told.text
    assert case.snapshot() == changed
    assert not (case.folder / memory.NAME).exists()


def test_what_was_changed_beside_ours_is_left(case: Case) -> None:
    case.on()
    case.touch()
    (told,) = case.off()
    shown = str(case.snapshot())
    assert told.good and "changed meanwhile" in told.text
    assert "printer.local" in shown or "EDITOR" in shown
    if case.desktop.name != "environment":  # its one value is the whole file
        assert case.desktop.leads_to(case.now()) is None


def test_on_after_a_change_remembers_the_change(case: Case) -> None:
    case.on()
    case.change()
    changed = case.now()
    assert case.on()[0].good
    assert case.desktop.leads_to(case.now()) == "127.0.0.1:8080"
    case.off()
    there = {key: value for key, value in case.now().items() if "corp.example" in str(value)}
    assert there and there.items() <= {**changed, **there}.items()


def test_without_a_memory_it_is_turned_off(case: Case) -> None:
    case.on()
    (case.folder / memory.NAME).unlink()
    (told,) = case.status()
    assert told.good and "not set by `rtcguard proxy on`" in told.text
    (told,) = case.off()
    assert told.good and "nothing was remembered" in told.text
    assert case.desktop.leads_to(case.now()) is None
    assert "no proxy" in case.desktop.tell(case.now())
    case.on()
    (case.folder / memory.NAME).unlink()
    case.on()  # what is there already is no memory of before
    case.off()
    assert case.desktop.leads_to(case.now()) is None


@pytest.mark.parametrize(("proxy", "place"), [(("::1", 3128), "[::1]:3128"), (("pc", 1), "pc:1")])
def test_other_addresses(case: Case, proxy: tuple[str, int], place: str) -> None:
    assert all(one.good for one in on(case.machine, case.folder, [case.desktop], proxy, False))
    assert case.desktop.leads_to(case.now()) == place
    (told,) = case.status()
    assert not told.good and "for another `listen`" in told.text


def test_half_a_change_is_taken_back_fake(tmp_path: Path) -> None:
    for made, refused in (
        (macos(tmp_path, {}), "-setsecurewebproxy"),
        (windows(tmp_path, {}), "ProxyServer"),
    ):
        assert isinstance(made.machine, FakeMachine)
        (fake,) = made.machine.commands.values()
        assert isinstance(fake, Networksetup | Reg)
        before = made.snapshot()
        fake.refuses = refused
        (told,) = made.on()
        assert not told.good and "it is as it was before" in told.text
        assert "privileges" in told.text or "Access is denied" in told.text
        assert made.snapshot() == before
        assert not (tmp_path / memory.NAME).exists()


def test_a_second_on_that_fails_leaves_the_first_fake(tmp_path: Path) -> None:
    case = windows(tmp_path, {})
    before = case.snapshot()
    case.on()
    led = case.snapshot()
    assert isinstance(case.machine, FakeMachine)
    fake = case.machine.commands["reg"]
    assert isinstance(fake, Reg)
    fake.refuses = "ProxyServer"
    (told,) = on(case.machine, tmp_path, [case.desktop], ("127.0.0.1", 9), False)
    assert not told.good
    fake.refuses = ""
    assert case.snapshot() == led and case.status()[0].good
    case.off()
    assert case.snapshot() == before


def test_what_cannot_be_put_back_stays_remembered_fake(tmp_path: Path) -> None:
    case = windows(tmp_path, {})
    before = case.snapshot()
    case.on()
    assert isinstance(case.machine, FakeMachine)
    fake = case.machine.commands["reg"]
    assert isinstance(fake, Reg)
    fake.refuses = "ProxyServer"
    for told in (*case.off(), *undo(case.machine, tmp_path)):
        assert not told.good and "could not be put back" in told.text
    fake.refuses = ""
    assert case.off()[0].good
    assert case.snapshot() == before


def test_macos_leaves_services_that_are_off_fake(tmp_path: Path) -> None:
    case = macos(tmp_path, {})
    case.on()
    assert isinstance(case.machine, FakeMachine)
    fake = case.machine.commands["networksetup"]
    assert isinstance(fake, Networksetup)
    assert fake.proxies["web", "Thunderbolt Bridge"] == ["Yes", "left.example", "1", "0"]
    # A service that comes later does not lead to rtcguard, and that is told.
    fake.services["iPhone USB"] = True
    assert not case.status()[0].good


def test_macos_refuses_to_lose_a_password_fake(tmp_path: Path) -> None:
    case = macos(tmp_path, {})
    assert isinstance(case.machine, FakeMachine)
    fake = case.machine.commands["networksetup"]
    assert isinstance(fake, Networksetup)
    fake.proxies["web", "Wi-Fi"] = ["Yes", "corp.example", "3128", "1"]
    before = case.snapshot()
    (told,) = case.on()
    assert not told.good and "Wi-Fi has a proxy with a password" in told.text
    assert case.snapshot() == before


def test_windows_tells_running_programs_fake(tmp_path: Path) -> None:
    case = windows(tmp_path, {})
    assert isinstance(case.machine, FakeMachine)
    case.on()
    assert case.machine.refreshed == 1
    case.off()
    assert case.machine.refreshed == 2


def test_gnome_that_keeps_nothing_is_a_failure(tmp_path: Path, variables: dict[str, str]) -> None:
    """Without its service gsettings takes a value, says nothing, and forgets it."""
    lost = {**variables, "GSETTINGS_BACKEND": "memory"}
    (told,) = on(machine(tmp_path, lost), tmp_path, [DESKTOPS["gnome"]], OURS, False)
    assert not told.good and "did not come into force" in told.text


@pytest.mark.parametrize(
    ("desktop", "names"),
    [
        ("ubuntu:GNOME", ["gnome"]),
        ("X-Cinnamon", ["gnome"]),
        ("KDE", ["gnome", "kde"]),  # Firefox reads GNOME's there, Chromium KDE's
        ("sway", ["gnome", "environment"]),
        ("", ["gnome", "environment"]),
    ],
)
def test_desktops_are_found(
    tmp_path: Path, variables: dict[str, str], desktop: str, names: list[str]
) -> None:
    told = {**variables, "XDG_CURRENT_DESKTOP": desktop}
    assert [one.name for one in found(machine(tmp_path, told))] == names


def test_gnome_is_left_out_where_its_settings_cannot_be_set(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    told = {**variables, "XDG_CURRENT_DESKTOP": "sway"}
    for lost in (
        {**told, "PATH": "/nowhere"},
        {**told, "GSETTINGS_SCHEMA_DIR": str(tmp_path), "XDG_DATA_DIRS": str(tmp_path)},
        {name: value for name, value in told.items() if name != "DBUS_SESSION_BUS_ADDRESS"},
    ):
        assert [one.name for one in found(machine(tmp_path, lost))] == ["environment"]


def test_desktops_of_other_systems_are_found_fake(tmp_path: Path) -> None:
    for platform, names in (("darwin", ["macos"]), ("win32", ["windows"]), ("sunos5", [])):
        assert [one.name for one in found(FakeMachine(platform, str(tmp_path), {}))] == names


def test_where_this_machine_reaches_it() -> None:
    assert here(("0.0.0.0", 8080)) == here(("::", 8080)) == ("127.0.0.1", 8080)
    assert here(("192.0.2.1", 1)) == ("192.0.2.1", 1)


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', '{"version": 1, "desktops": 1}'])
def test_a_memory_that_is_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / memory.NAME).write_text(content)
    with pytest.raises(StartError, match=r"desktop\.json: is not what rtcguard wrote"):
        memory.load(tmp_path)

"""`rtcguard ca`: which stores this machine has, and the authority's way into them and out."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rtcguard.desktop.certificate import Certificate
from rtcguard.desktop.firefox import EnterpriseRoots, PolicyStore, profiles
from rtcguard.desktop.keychain import Keychain
from rtcguard.desktop.nouns import DesktopError, Machine, NeedsRoot
from rtcguard.desktop.nss import NssStore
from rtcguard.desktop.stores import Found, Store
from rtcguard.desktop.system import SystemStore, layout
from rtcguard.desktop.windows_store import WindowsStore

KINDS: Final = ("system", "nss", "firefox", "firefox-policy")
# Browsers that read ~/.pki/nssdb.
_CHROMIUM: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "brave-browser",
    "microsoft-edge", "vivaldi", "opera",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one store. `good`: it is as was asked for; `root`: only root could do it."""

    store: Store
    good: bool
    text: str
    root: bool = False

    def __str__(self) -> str:
        return f"{self.store.kind} {self.store.where}: {self.text}"


def stores(machine: Machine, kinds: Collection[str]) -> list[Store]:
    """Those of these kinds; without kinds, those that this machine's user has."""
    found: list[Store] = []
    match machine.platform:
        case "darwin":
            keychain = "/Library/Keychains/System.keychain"
            if not machine.is_root:
                keychain = f"{machine.home}/Library/Keychains/login.keychain-db"
            found.append(Keychain(keychain, machine.is_root))
        case "win32":
            found.append(WindowsStore())
        case _:
            place = layout(machine)
            found += [SystemStore(place)] if place else []
            found += [NssStore("nss", folder) for folder in _databases(machine, "nss" in kinds)]
            found += [NssStore("firefox", folder) for folder in profiles(machine)]
            if "firefox-policy" in kinds or (machine.is_root and _has_firefox(machine)):
                found.append(PolicyStore())
            return [store for store in found if not kinds or store.kind in kinds]
    found += [EnterpriseRoots(folder, found[0]) for folder in profiles(machine)]
    return [store for store in found if not kinds or store.kind in kinds]


def _databases(machine: Machine, chosen: bool) -> Iterator[str]:
    """Chromium's; the first is made where there is a browser that will read it."""
    home = machine.home
    data = machine.environment.get("XDG_DATA_HOME") or f"{home}/.local/share"
    places = (f"{home}/.pki/nssdb", f"{data}/pki/nssdb", f"{home}/snap/chromium/current/.pki/nssdb")
    there = [place for place in places if machine.is_folder(place)]
    if not there and (chosen or any(machine.has(name) for name in _CHROMIUM)):
        there = [places[0]]
    yield from there


def _has_firefox(machine: Machine) -> bool:
    return any(machine.has(name) for name in ("firefox", "firefox-esr"))


def install(machine: Machine, chosen: Sequence[Store], ours: Certificate) -> Iterator[Told]:
    """Each store by itself: one that fails holds up no other."""
    for store in chosen:
        try:
            if store.look(machine, ours).trusted:
                yield Told(store, True, "trusted already")
                continue
            store.install(machine, ours)
            yield Told(store, True, f"trusted now{_again(store)}")
        except DesktopError as error:
            yield Told(store, False, str(error), isinstance(error, NeedsRoot))


def remove(machine: Machine, chosen: Sequence[Store], ours: Certificate) -> Iterator[Told]:
    for store in chosen:
        try:
            found = store.look(machine, ours)
            if not found.held:
                yield Told(store, True, f"was not there{_others(found)}")
                continue
            store.remove(machine, ours)
            yield Told(store, True, f"removed{_others(found)}{_again(store)}")
        except DesktopError as error:
            yield Told(store, False, str(error), isinstance(error, NeedsRoot))


def status(machine: Machine, chosen: Sequence[Store], ours: Certificate) -> Iterator[Told]:
    for store in chosen:
        try:
            found = store.look(machine, ours)
        except DesktopError as error:
            yield Told(store, False, f"not known: {error}")
            continue
        words = "trusted" if found.trusted else "there, but not trusted"
        words = words if found.held else "not there"
        yield Told(store, found.trusted, f"{words}{_others(found)}")


def _others(found: Found) -> str:
    """An authority of the same name is told of, and left: somebody may need it."""
    if not found.others:
        return ""
    many = "another authority" if found.others == 1 else f"{found.others} other authorities"
    return f"; {many} of this name (an earlier rtcguard's, or mitmproxy's) is there, and left"


def _again(store: Store) -> str:
    return "; start the browser anew" if store.kind in ("nss", "firefox") else ""

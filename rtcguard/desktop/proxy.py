"""`rtcguard proxy`: leads the desktop's traffic to rtcguard, and puts back what was before.

What was before is written down first, so that nothing is lost where rtcguard, or the machine, ends
in the midst of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rtcguard.desktop import memory
from rtcguard.desktop.changing import keep, putting_back
from rtcguard.desktop.environment import Environment
from rtcguard.desktop.gnome import Gnome
from rtcguard.desktop.kde import Kde
from rtcguard.desktop.macos import Macos
from rtcguard.desktop.nouns import Desktop, DesktopError, Machine, Values
from rtcguard.desktop.windows import Windows
from rtcguard.ice.address import host_port, scope
from rtcguard.policy.model import HostPort

_ALL: Final[tuple[Desktop, ...]] = (Gnome(), Kde(), Macos(), Windows(), Environment())
DESKTOPS: Final = {desktop.name: desktop for desktop in _ALL}


@dataclass(frozen=True, slots=True)
class Said:
    """One line about one desktop; `good`: it is as was asked for."""

    desktop: str
    good: bool
    text: str

    def __str__(self) -> str:
        return f"{self.desktop}: {self.text}"


def found(machine: Machine) -> list[Desktop]:
    """What this machine's user has of them: more than one, where browsers differ in what they
    read."""
    return [desktop for desktop in _ALL if desktop.applies(machine)]


def on(
    machine: Machine, folder: Path, desktops: Sequence[Desktop], proxy: HostPort, stay: bool
) -> Iterator[Said]:
    """Leads each desktop to the proxy. One that cannot be is put back as it was."""
    until = "until `rtcguard proxy off`" if stay else "until rtcguard stops"
    for desktop in desktops:
        kept = memory.load(folder)
        try:
            now = desktop.read(machine)
            made = keep(desktop, now, kept.get(desktop.name), proxy, stay)
            memory.save(folder, {**kept, desktop.name: made})
            try:
                shown = _lead(machine, desktop, made)
            except DesktopError as error:
                _set(machine, desktop, {key: now.get(key) for key in made.made})
                memory.save(folder, kept)
                raise DesktopError(f"{error}; it is as it was before") from error
        except DesktopError as error:
            yield Said(desktop.name, False, str(error))
        else:
            yield Said(desktop.name, True, f"leads to rtcguard {until}: {shown}")


def _lead(machine: Machine, desktop: Desktop, made: memory.Kept) -> str:
    """What is set then. Raises DesktopError where it did not come into force."""
    _set(machine, desktop, made.made)
    shown = desktop.read(machine)
    if desktop.leads_to(shown) != made.proxy:
        raise DesktopError(
            "what was set did not come into force (it may be locked, or this session has no "
            f"settings service): {desktop.tell(shown)}"
        )
    return desktop.tell(shown)


def off(
    machine: Machine, folder: Path, desktops: Sequence[Desktop], proxy: HostPort
) -> Iterator[Said]:
    """Puts back what was before, where it still leads to where rtcguard led it."""
    for desktop in desktops:
        kept = memory.load(folder).get(desktop.name)
        try:
            now = desktop.read(machine)
            if kept is not None:
                text = _put_back(machine, folder, desktop, now, kept)
            elif desktop.leads_to(now) == host_port(*proxy):
                _set(machine, desktop, desktop.direct(now))
                shown = desktop.tell(desktop.read(machine))
                text = f"nothing was remembered of before; now: {shown}"
            else:
                text = f"did not lead to rtcguard: {desktop.tell(now)}"
            yield Said(desktop.name, True, text)
        except DesktopError as error:
            yield Said(desktop.name, False, f"could not be put back: {error}")


def undo(machine: Machine, folder: Path) -> Iterator[Said]:
    """As `off`, for all that is not to stay; for when rtcguard stops."""
    for desktop, kept in remembered(folder):
        if not kept.stay:
            try:
                text = _put_back(machine, folder, desktop, desktop.read(machine), kept)
                yield Said(desktop.name, True, text)
            except DesktopError as error:
                text = f"could not be put back, and still leads here: {error}"
                yield Said(desktop.name, False, text)


def remembered(folder: Path) -> list[tuple[Desktop, memory.Kept]]:
    """The desktops that are led to rtcguard by what `on` did. Raises StartError."""
    kept = memory.load(folder)
    return [(desktop, kept[name]) for name, desktop in DESKTOPS.items() if name in kept]


def here(listen: HostPort) -> HostPort:
    """Where this machine itself reaches what listens there: one that listens at every address is
    on the loopback."""
    host, port = listen
    return ("127.0.0.1" if scope(host) == "unspecified" else host), port


def _put_back(
    machine: Machine, folder: Path, desktop: Desktop, now: Values, kept: memory.Kept
) -> str:
    back, others = putting_back(now, kept)
    # Without others it is ours, or half of it, if rtcguard ended in the midst of setting it.
    if others and desktop.leads_to(now) != kept.proxy:
        text = f"was changed meanwhile, and is left as it is: {desktop.tell(now)}"
    else:
        _set(machine, desktop, back)
        shown = desktop.read(machine)
        if desktop.leads_to(shown) == kept.proxy and not others:
            raise DesktopError(f"it did not take what was set: {desktop.tell(shown)}")
        left = f" ({', '.join(others)} changed meanwhile, and left)" if others else ""
        text = f"as before: {desktop.tell(shown)}{left}"
    rest = {name: one for name, one in memory.load(folder).items() if name != desktop.name}
    memory.save(folder, rest)
    return text


def _set(machine: Machine, desktop: Desktop, values: Values) -> None:
    now = desktop.read(machine)
    changes = {key: value for key, value in values.items() if now.get(key) != value}
    if changes:
        machine.perform(desktop.steps(changes, machine))


def status(
    machine: Machine, folder: Path, desktops: Sequence[Desktop], proxy: HostPort
) -> Iterator[Said]:
    """What is set, and whether it leads to the proxy; not whether anything answers there."""
    remembers = memory.load(folder)
    for desktop in desktops:
        kept = remembers.get(desktop.name)
        try:
            now = desktop.read(machine)
        except DesktopError as error:
            yield Said(desktop.name, False, str(error))
            continue
        place = desktop.leads_to(now)
        leads = place == host_port(*proxy)
        if leads and kept is not None:
            until = "until `rtcguard proxy off`" if kept.stay else "until rtcguard stops"
            whose = f"set by `rtcguard proxy on`, {until}"
        elif leads:
            whose = "not set by `rtcguard proxy on`"
        elif kept is not None and place == kept.proxy:
            whose = "set by `rtcguard proxy on`, for another `listen`"
        else:
            whose = "does not lead to rtcguard"
        yield Said(desktop.name, leads, f"{desktop.tell(now)} ({whose})")

"""Checks of what leads this machine's own browsers to the proxy, and has them trust it."""

from collections.abc import Iterator

from rtcguard.app.doctor.check import START, Check, Result, Setup, blocking, known
from rtcguard.desktop import certificate, memory, proxy, trust
from rtcguard.desktop.machine import ThisMachine
from rtcguard.desktop.nouns import DesktopError, Machine
from rtcguard.ice.address import host_port

_SUDO = "the desktop and the browsers are another user's: run the doctor without sudo to see them"


def checks(setup: Setup) -> list[Check]:
    machine = ThisMachine()
    if machine.is_root and machine.environment.get("SUDO_USER", "root") != "root":
        return [known("desktop", Result("off", _SUDO))]
    return [
        blocking("desktop's proxy", lambda: list(_led(setup, machine))),
        blocking("browsers' stores", lambda: list(_trusting(setup, machine))),
    ]


def _led(setup: Setup, machine: Machine) -> Iterator[Result]:
    """Off is what nobody asked for: a browser may have a setting of its own, or policy."""
    remembered = memory.load(setup.state.folder)
    ours = host_port(*proxy.here(setup.policy.config.listen))
    for desktop in proxy.found(machine):
        try:
            now = desktop.read(machine)
        except DesktopError as error:
            yield Result("warning", f"{desktop.name}: {error}", "see: rtcguard proxy status")
            continue
        told = f"{desktop.name}: {desktop.tell(now)}"
        place, kept = desktop.leads_to(now), remembered.get(desktop.name)
        if place == ours:
            yield Result("ok", f"{told}: leads to rtcguard")
        elif kept is None:
            step = "rtcguard proxy on, where browsers have no setting of their own"
            yield Result("off", f"{told}: does not lead to rtcguard", step)
        elif place == kept.proxy:
            what = f"{told}: leads to where rtcguard was, and `listen` is {ours} now"
            yield Result("warning", what, "rtcguard proxy on")
        else:
            what = f"{told}: was changed after `rtcguard proxy on`"
            yield Result("warning", what, "rtcguard proxy on, or rtcguard proxy off")


def _trusting(setup: Setup, machine: Machine) -> Iterator[Result]:
    """The system's own is asked by a client, in `authority.py`."""
    if not setup.state.ca_certificate.is_file():
        yield Result("failed", "there is no authority to trust", START)
        return
    ours = certificate.read(setup.state.ca_certificate)
    stores = [store for store in trust.stores(machine, ()) if store.kind != "system"]
    if not stores:
        yield Result("off", "no browser's store is known here")
    for told in trust.status(machine, stores, ours):
        step = "" if told.good else f"rtcguard ca install --for {told.store.kind}"
        yield Result("ok" if told.good else "warning", str(told), step)

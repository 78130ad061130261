"""`rtcguard ca`: the authority's certificate in the stores of this machine."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rtcguard.desktop.certificate import Certificate
    from rtcguard.desktop.machine import ThisMachine
    from rtcguard.desktop.stores import Store
    from rtcguard.desktop.trust import Told

_KINDS = ("system", "nss", "firefox", "firefox-policy")

for_option = click.option(
    "--for",
    "kinds",
    type=click.Choice(_KINDS),
    multiple=True,
    help="Only these stores. May be given again.",
)


@click.group()
def command() -> None:
    """Have this machine trust rtcguard's authority, or no longer.

    \b
    system          what programs of the system trust: Debian, Fedora, Arch and openSUSE (root),
                    macOS' keychain, Windows' store of the user
    nss             the database of Chromium, Chrome, Edge and Brave on Linux
    firefox         every profile of Firefox; on macOS and Windows it is told to take the system's
    firefox-policy  Linux: the policy file for all users (root), as `rtcguard browser-policy` has it

    Without --for, those that are found in use. Fedora, Arch, openSUSE, macOS and Windows follow
    their documentation and were not run.

    The authority's key was made on this machine and stays here; whoever has it can read the HTTPS
    of those who trust it.
    """


@command.command()
@for_option
def install(kinds: tuple[str, ...]) -> None:
    """Put the certificate into the stores.

    Where there is no authority yet, it is made as `rtcguard run` makes it. One store that cannot be
    written holds up no other; the exit code is then 1. It needs root for `system` on Linux and for
    `firefox-policy`, and says how to call it there.
    """
    from rtcguard.desktop import trust

    machine = _machine()
    ours = _certificate(machine, make=True)
    good = _print(trust.install(machine, _stores(machine, kinds), ours), "install")
    sys.exit(0 if good else 1)


@command.command()
@for_option
def status(kinds: tuple[str, ...]) -> None:
    """Tell which stores trust the authority.

    The exit code is 1 if none does.
    """
    from rtcguard.desktop import trust

    machine = _machine()
    ours = _certificate(machine)
    click.echo(f"authority {ours.path}, until {ours.until}, SHA-256 {ours.sha256}")
    told = list(trust.status(machine, _stores(machine, kinds), ours))
    for one in told:
        click.echo(one)
    sys.exit(0 if any(one.good for one in told) else 1)


@command.command()
@for_option
def remove(kinds: tuple[str, ...]) -> None:
    """Take the certificate out of the stores.

    Exactly this one: other authorities of its name are told of and left. The authority itself stays
    in the state folder.
    """
    from rtcguard.desktop import trust

    machine = _machine()
    ours = _certificate(machine)
    good = _print(trust.remove(machine, _stores(machine, kinds), ours), "remove")
    sys.exit(0 if good else 1)


def _machine() -> ThisMachine:
    from rtcguard.desktop.machine import ThisMachine

    return ThisMachine()


def _certificate(machine: ThisMachine, *, make: bool = False) -> Certificate:
    """The authority's, in the state folder. Raises StartError."""
    from rtcguard.app import settings
    from rtcguard.desktop.certificate import read
    from rtcguard.errors import StartError

    state = settings.state()
    if not state.ca_certificate.exists():
        user = machine.environment.get("SUDO_USER", "root")
        if machine.is_root and user != "root":
            # root's own state folder: rtcguard, which runs as the user, has another authority.
            raise StartError(
                f"{state.ca_certificate}: is not there; run this without sudo first, and then as "
                "it says; or name the state folder in RTCGUARD_STATE_DIR"
            )
        if not make:
            raise StartError(
                f"{state.ca_certificate}: is not there yet; `rtcguard ca install` or `rtcguard "
                "run` makes it"
            )
        from rtcguard.proxy import authority

        state.prepare()
        authority.make(state.ca)
    return read(state.ca_certificate)


def _stores(machine: ThisMachine, kinds: tuple[str, ...]) -> list[Store]:
    """Raises StartError where there is none."""
    from rtcguard.desktop import trust
    from rtcguard.errors import StartError

    found = trust.stores(machine, kinds)
    if not found:
        wanted = f"of the kind {' or '.join(kinds)} " if kinds else ""
        raise StartError(f"no store {wanted}is known on this machine, so nothing was done")
    return found


def _print(told: Iterable[Told], what: str) -> bool:
    """One line each, those that are not good on standard error, and how to call it as root; whether
    all are good."""
    good, needing = True, []
    for one in told:
        click.echo(one, err=not one.good)
        good &= one.good
        if one.root:
            needing.append(one.store.kind)
    if needing:
        from rtcguard.app import settings

        chosen = " ".join(f"--for {kind}" for kind in dict.fromkeys(needing))
        folder = shlex.quote(str(settings.state().folder.absolute()))
        program = shlex.quote(sys.argv[0])
        if program.endswith("__main__.py"):
            program = f"{shlex.quote(sys.executable)} -m rtcguard"
        click.echo(
            f"as root: sudo env RTCGUARD_STATE_DIR={folder} {program} ca {what} {chosen}", err=True
        )
    return good

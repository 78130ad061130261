"""`rtcguard proxy`: the desktop's proxy setting."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtcguard.cli.options import HostPortType, config_option
from rtcguard.policy.model import HostPort

if TYPE_CHECKING:
    from rtcguard.desktop.machine import ThisMachine
    from rtcguard.desktop.nouns import Desktop
    from rtcguard.desktop.proxy import Said

_NAMES = ("gnome", "kde", "environment", "macos", "windows")

proxy_option = click.option(
    "--proxy",
    type=HostPortType(),
    help="Where this machine reaches the proxy, instead of `listen`.",
)
for_option = click.option(
    "--for",
    "names",
    type=click.Choice(_NAMES),
    multiple=True,
    help="Only this, whether or not it is found in use. May be given again.",
)


@click.group()
def command() -> None:
    """Lead this desktop's traffic to rtcguard, or no longer.

    GNOME and the desktops that share its settings, KDE, macOS and Windows are found by themselves;
    on KDE both are set, for Firefox reads GNOME's there. On other desktops variables are written
    into ~/.config/environment.d besides, which sessions that systemd starts read when they begin;
    for others, read that file in ~/.profile.

    Browsers that use the system's proxy setting then come through rtcguard; while it does not run,
    they reach nothing. macOS and Windows follow their makers' documentation and were not run.

    Exit codes: 0 all is as was asked for, 1 something is not, 2 usage or configuration.
    """


@command.command()
@config_option
@proxy_option
@for_option
@click.option("--stay", is_flag=True, help="Do not undo it when `rtcguard run` stops.")
def on(config: Path | None, proxy: HostPort | None, names: tuple[str, ...], stay: bool) -> None:
    """Set the desktop's proxy to rtcguard.

    What was set before is remembered in the state folder, and put back by `off`, or when
    `rtcguard run` ends on Ctrl-C or SIGTERM. Where it is killed or fails, the setting stays, so
    that nothing goes out around it. Hosts that went past the proxy before do not any more, but for
    the loopback.
    """
    from rtcguard.app import control, settings
    from rtcguard.desktop import proxy as desktop
    from rtcguard.desktop.probe import probe

    place = _place(config, proxy)
    machine, chosen = _machine(), _chosen(names)
    state = settings.state()
    state.prepare()
    good = _print(desktop.on(machine, state.folder, chosen, place, stay))
    if good and probe(place) != "rtcguard":
        click.echo("rtcguard does not answer there yet: start it with `rtcguard run`", err=True)
    elif good and not stay and not control.is_running(state.folder):
        click.echo(
            "the rtcguard that answers there has another state folder (another user's, or a "
            "service's): it does not undo this when it stops, `rtcguard proxy off` does",
            err=True,
        )
    sys.exit(0 if good else 1)


@command.command()
@config_option
@proxy_option
@for_option
def off(config: Path | None, proxy: HostPort | None, names: tuple[str, ...]) -> None:
    """Put back what was set before `on`.

    A setting that was changed meanwhile is left as it is, and said.
    """
    from rtcguard.app import settings
    from rtcguard.desktop import proxy as desktop

    folder = settings.state().folder
    place = _place(config, proxy)
    machine = _machine()
    known = [] if names else [one for one, _ in desktop.remembered(folder)]
    chosen = {one.name: one for one in (*known, *_chosen(names))}
    sys.exit(0 if _print(desktop.off(machine, folder, list(chosen.values()), place)) else 1)


@command.command()
@config_option
@proxy_option
@for_option
def status(config: Path | None, proxy: HostPort | None, names: tuple[str, ...]) -> None:
    """Tell where the desktop leads, and who answers.

    The exit code is 1 if not all of it leads to rtcguard, or rtcguard does not answer there.
    """
    from rtcguard.app import settings
    from rtcguard.desktop import proxy as desktop
    from rtcguard.desktop.probe import probe
    from rtcguard.ice.address import host_port

    place = _place(config, proxy)
    folder = settings.state().folder
    good = _print(desktop.status(_machine(), folder, _chosen(names), place), out=True)
    answering = probe(place)
    click.echo(f"{host_port(*place)}: {answering} answers")
    sys.exit(0 if good and answering == "rtcguard" else 1)


@command.command()
@config_option
@proxy_option
def pac(config: Path | None, proxy: HostPort | None) -> None:
    """Print a proxy auto-config file.

    It names rtcguard alone, so a browser that reads it reaches nothing while rtcguard does not run;
    only localhost goes direct.
    """
    from rtcguard.app import settings
    from rtcguard.cli.browser_policy import reachable
    from rtcguard.web.pac import pac as text

    place = proxy or settings.read_config(config).listen
    reachable(place)
    click.echo(text(place), nl=False)


def _place(config: Path | None, proxy: HostPort | None) -> HostPort:
    """Where the desktop is to be led."""
    from rtcguard.app import settings
    from rtcguard.desktop.proxy import here

    return proxy or here(settings.read_config(config).listen)


def _machine() -> ThisMachine:
    """Raises StartError under sudo, where the desktop that answers is root's."""
    from rtcguard.desktop.machine import ThisMachine
    from rtcguard.errors import StartError

    machine = ThisMachine()
    if machine.is_root and machine.environment.get("SUDO_USER", "root") != "root":
        raise StartError("run this without sudo: it sets the desktop of the user that runs it")
    return machine


def _chosen(names: tuple[str, ...]) -> list[Desktop]:
    """Raises StartError where nothing is chosen and nothing found."""
    from rtcguard.desktop import proxy as desktop
    from rtcguard.errors import StartError

    found = [desktop.DESKTOPS[name] for name in names] or desktop.found(_machine())
    if not found:
        raise StartError(f"no desktop is known here; say which with --for {'|'.join(_NAMES)}")
    return found


def _print(lines: Iterable[Said], *, out: bool = False) -> bool:
    """One line each, those that are not good on standard error; whether all are good."""
    good = True
    for line in lines:
        click.echo(line, err=not line.good and not out)
        good &= line.good
    return good

"""`rtcguard browser-policy`: the browser itself goes through the proxy only."""

import sys
from pathlib import Path
from typing import get_args

import click

from rtcguard.cli.options import HostPortType, config_option
from rtcguard.page.browser_policy import Browser
from rtcguard.page.policy_files import System
from rtcguard.policy.model import HostPort

_SYSTEMS: dict[str, System] = {"darwin": "macos", "win32": "windows"}


@click.command()
@config_option
@click.argument("browser", type=click.Choice(get_args(Browser)))
@click.option("--proxy", type=HostPortType(), help="Where browsers reach the proxy, instead of "
              "`listen`.")  # fmt: skip
@click.option("--ca", type=click.Path(path_type=Path), metavar="FILE",
              help="An authority to trust: the line `CA` of `rtcguard run`.")  # fmt: skip
@click.option("--system", type=click.Choice(get_args(System)),
              help="Whose file to print, instead of this machine's.")  # fmt: skip
@click.option("--install", is_flag=True, help="Write it where the browser reads it (Linux, root).")
@click.option("--remove", is_flag=True, help="Take away what --install wrote.")
def command(
    config: Path | None,
    browser: Browser,
    proxy: HostPort | None,
    ca: Path | None,
    system: System | None,
    install: bool,
    remove: bool,
) -> None:
    """Print or install the policy that keeps a browser to the proxy.

    `chrome` is Chromium too. WebRTC then goes over TCP through the proxy, so an approved TURN
    server needs a URL with ?transport=tcp. Tried with Chromium and Firefox on Linux; the policies
    of Edge, and the files for macOS and Windows, follow the makers' documentation and were not run.
    """
    from rtcguard.app import browser_policy, settings
    from rtcguard.page.browser_policy import policies
    from rtcguard.page.policy_files import place, text

    here: System = _SYSTEMS.get(sys.platform, "linux")
    if install and remove:
        raise click.UsageError("--install and --remove are one or the other")
    if (install or remove) and (here != "linux" or system not in (None, "linux")):
        raise click.UsageError("--install and --remove know the places of Linux only")
    if remove:
        removed, left = browser_policy.remove(browser, Path("/"))
        for path in removed:
            click.echo(f"removed {path}")
        for path in left:
            click.echo(f"left {path}: it holds policies that are not rtcguard's")
        if not removed and not left:
            click.echo("there was nothing to remove")
        return
    listen = proxy or settings.read_config(config).listen
    authority = browser_policy.read_authority(ca) if ca is not None else None
    made = policies(browser, reachable(listen), authority)
    if install:
        for path in browser_policy.install(browser, made, Path("/")):
            click.echo(f"wrote {path}")
    else:
        chosen = system or here
        click.echo(text(browser, chosen, made), nl=False)
        click.echo(f"It belongs into {place(browser, chosen)}", err=True)


def reachable(listen: HostPort) -> str:
    """An address that a browser can be told. Raises StartError for one that means all."""
    from rtcguard.errors import StartError
    from rtcguard.ice.address import host_port, scope

    if scope(listen[0]) == "unspecified":
        raise StartError(
            f"listen is {host_port(*listen)}, which is every address of this machine; say with "
            "--proxy HOST:PORT which one browsers reach"
        )
    return host_port(*listen)

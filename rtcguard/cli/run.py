"""`rtcguard run`: everything that the configuration turns on."""

import sys
from pathlib import Path

import click

from rtcguard.cli.options import HostPortType, config_option
from rtcguard.policy.model import HostPort


@click.command()
@config_option
@click.option(
    "--listen",
    type=HostPortType(),
    help="Where the proxy listens, instead of `listen`; [::] is every address, of IPv4 too.",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    metavar="MODE",
    help="A mode of mitmproxy: regular, socks5, transparent, wireguard, tun, … with @PORT or "
    "@HOST:PORT where it is to listen elsewhere. May be given again.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Proxy processes that share the port.",
)
def command(
    config: Path | None, listen: HostPort | None, modes: tuple[str, ...], workers: int
) -> None:
    """Run the proxy, the STUN responder and the ledger.

    Prints where they are, then `ready`; ends on Ctrl-C or SIGTERM. The configuration is reloaded
    when one of its files changes, on SIGHUP, and by `rtcguard reload`; one with mistakes is
    refused, and the one before stays in force. Where that is so at the end, the exit code is 2.

    At the end it puts back what the desktop's proxy was before `rtcguard proxy on`; where it
    cannot, the exit code is 1. Any other end leaves the desktop leading here.
    """
    from rtcguard.app import settings
    from rtcguard.app.reading import Source
    from rtcguard.app.run import run

    state = settings.state()
    state.prepare()
    sys.exit(run(Source(config, state, state.key(), listen, modes, workers), click.echo))

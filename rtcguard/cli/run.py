"""`rtcguard run`: everything that the configuration turns on."""

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

    Prints where they are, then `ready`; ends on Ctrl-C or SIGTERM.
    """
    from rtcguard.app import relay, settings
    from rtcguard.app.processes import Settings
    from rtcguard.app.run import run

    read = settings.read_config(config)
    if read.relay.managed:
        relay.prepare(read.relay)
    policy = settings.read_policy(read)
    state = settings.state()
    state.prepare()
    chosen = Settings(policy, state, state.key(), listen or read.listen, modes, workers)
    run(chosen, click.echo)

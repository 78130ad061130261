"""`rtcguard gateway`: the firewall that lets no address past."""

from pathlib import Path

import click

from rtcguard.cli.options import config_option


@click.group()
def command() -> None:
    """Put the firewall of a gateway up, take it down, show it.

    It is of nftables and stays closed when rtcguard ends; `up`, `down` and `status` need root, or
    the capability CAP_NET_ADMIN.
    """


@command.command()
@config_option
def show(config: Path | None) -> None:
    """Print the ruleset that `up` would apply."""
    from rtcguard.app import gateway, settings

    read = settings.read_config(config)
    click.echo(gateway.text(read), nl=False)
    for line in gateway.routing_lines(read):
        click.echo(f"# {line}")
    for note in gateway.notes(read):
        click.echo(note, err=True)


@command.command()
@config_option
def up(config: Path | None) -> None:
    """Put the firewall up, or a new one in its place, as one transaction."""
    from rtcguard.app import gateway, settings

    for line in gateway.up(settings.read_config(config)):
        click.echo(line, err=True)
    click.echo("the firewall is up")


@command.command()
@config_option
def down(config: Path | None) -> None:
    """Take the firewall down; nothing of it stays."""
    from rtcguard.app import gateway

    click.echo("the firewall is down" if gateway.down() else "there was no firewall")

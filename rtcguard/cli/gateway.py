"""`rtcguard gateway`: the firewall that lets no address past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtcguard.cli.options import config_option
from rtcguard.ice.address import host_port

if TYPE_CHECKING:
    from rtcguard.app.gateway_status import Status


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


@command.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def status(config: Path | None, as_json: bool) -> None:
    """Tell what was counted, and what is missing; exit 1 if anything is."""
    import json
    import sys

    from rtcguard.app import settings
    from rtcguard.app.gateway_status import status as look

    found = look(settings.read_config(config))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        _print(found)
    sys.exit(1 if found.missing else 0)


def _print(found: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    if found.counts:
        table = Table("what", "packets", "bytes", box=None, pad_edge=False)
        for name, meaning in found.meanings.items():
            if name in found.counts:
                count = found.counts[name]
                table.add_row(meaning, f"{count.packets:,}", f"{count.octets:,}")
        console.print(table)
    for endpoint in found.approved:
        left = f", {endpoint.seconds} s left" if endpoint.seconds else ""
        console.print(
            f"approved: {endpoint.name} {host_port(endpoint.address, endpoint.port)} "
            f"({endpoint.transport}{left})",
            markup=False,
        )
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    for line in found.missing:
        console.print(f"missing: {line}", markup=False)
    if not found.missing:
        console.print("the firewall is up and complete")

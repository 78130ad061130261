"""`rtcguard report`: the ledger's answers."""

import contextlib
import sys
import time
from pathlib import Path

import click

from rtcguard.cli.options import DurationType, config_option


@click.command()
@config_option
@click.option(
    "--since", type=DurationType(), default="24h", show_default=True, help="How far back."
)
@click.option(
    "--by",
    type=click.Choice(["address", "site", "client", "destination", "ring"]),
    default="address",
    show_default=True,
    help="What to group by.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
)
def command(config: Path | None, since: int, by: str, form: str) -> None:
    """Report what tried to leak, to whom, and what was done."""
    from rtcguard.app import settings
    from rtcguard.errors import StartError
    from rtcguard.ledger import report
    from rtcguard.ledger.event import timestamp
    from rtcguard.ledger.query import Filter
    from rtcguard.ledger.store import Store

    settings.read_config(config)
    path = settings.state().ledger
    if not path.is_file():
        raise StartError(f"{path}: there is no ledger yet; `rtcguard run` makes it")
    begin = timestamp(time.time() - since)
    with contextlib.closing(Store(path)) as store:
        found = store.grouped(by, Filter(begin))
    if form == "json":
        click.echo(report.to_json(by, begin, found))
    elif form == "csv":
        sys.stdout.buffer.write(report.to_csv(by, found).encode())
    elif found:
        report.print_table(by, found)
    else:
        click.echo("nothing was recorded in this time")

"""`rtcguard report`: the ledger's answers."""

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtcguard.cli.options import DurationType, config_option

if TYPE_CHECKING:
    from rtcguard.ledger.fleet import Fleet
    from rtcguard.ledger.store import Store
    from rtcguard.policy.model import Config


@click.command()
@config_option
@click.option(
    "--since", type=DurationType(), default="24h", show_default=True, help="How far back."
)
@click.option(
    "--by",
    type=click.Choice(["address", "site", "client", "destination", "ring", "node"]),
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
@click.option(
    "--local", is_flag=True, help="This machine's own ledger, where ledger.store is a database."
)
def command(config: Path | None, since: int, by: str, form: str, local: bool) -> None:
    """Report what tried to leak, to whom, and what was done."""
    from rtcguard.app import settings
    from rtcguard.ledger import report
    from rtcguard.ledger.event import timestamp
    from rtcguard.ledger.query import Filter

    read = settings.read_config(config)
    begin = timestamp(time.time() - since)
    with contextlib.closing(_ledger(read, local)) as store:
        found = store.grouped(by, Filter(begin))
    if form == "json":
        click.echo(report.to_json(by, begin, found))
    elif form == "csv":
        sys.stdout.buffer.write(report.to_csv(by, found).encode())
    elif found:
        report.print_table(by, found)
    else:
        click.echo("nothing was recorded in this time")


def _ledger(config: "Config", local: bool) -> "Store | Fleet":
    """The fleet's database where there is one and it is asked for; else this machine's file."""
    from rtcguard.app import settings
    from rtcguard.errors import StartError
    from rtcguard.ledger.store import Store
    from rtcguard.policy.store_url import PostgreSQL

    if isinstance(config.ledger.store, PostgreSQL) and not local:
        from rtcguard.ledger.fleet import opened

        return opened(config.ledger.store.url)
    path = settings.state().ledger
    if not path.is_file():
        raise StartError(f"{path}: there is no ledger yet; `rtcguard run` makes it")
    return Store(path)

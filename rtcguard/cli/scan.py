"""`rtcguard scan`: what leaks in recordings made by others."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import click

from rtcguard.cli.options import config_option


class ClientType(click.ParamType[str]):
    """An IP address, in its one spelling."""

    name = "IP"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from rtcguard.ice import address

        if address.parse(value) is None:
            self.fail(f"{value!r} is not an IP address", param, ctx)
        return address.canonical(value)


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@config_option
@click.option("--client", "clients", type=ClientType(), multiple=True,
              help="Whose leaks are looked for; may be given several times.")  # fmt: skip
@click.option("--by", type=click.Choice(["address", "site", "client", "destination", "ring"]),
              default="address", show_default=True, help="What to group by.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table",
              show_default=True)  # fmt: skip
@click.option("--events", type=click.File("w"), metavar="FILE",
              help="Events as JSON lines; `-`: printed, in place of the report.")  # fmt: skip
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE.sqlite3",
              help="Keep the events as a ledger; the file must not exist.")  # fmt: skip
@click.option("--fail-on-leak", is_flag=True, help="Exit with 1 if anything leaked.")
def command(
    files: tuple[Path, ...],
    config: Path | None,
    clients: tuple[str, ...],
    by: str,
    form: str,
    events: IO[str] | None,
    save: Path | None,
    fail_on_leak: bool,
) -> None:
    """Tell what leaked in recordings: captures, HAR, flows, SDP, logs.

    Reads pcap, pcapng, HAR, mitmproxy flow files, dumps of chrome://webrtc-internals, SDP and any
    text with candidates in it, also gzip'd, told by their content. Nothing was held back then; the
    report says what the policy would have done. What is encrypted is counted, not read.

    Exit codes: 1 where a file is damaged or no recording (what could be read is reported), or with
    --fail-on-leak where something leaked; 2 where a file cannot be opened.
    """
    from rtcguard.app.scan import scan
    from rtcguard.app.settings import read_config
    from rtcguard.errors import StartError
    from rtcguard.ledger.event import Event
    from rtcguard.ledger.store import Store
    from rtcguard.policy.model import Policy

    policy = Policy(read_config(config))  # without secrets, for nobody is given any
    if save is not None and save.exists():
        raise StartError(f"{save}: exists already, and nothing is overwritten; name another file")

    def write(event: Event) -> None:
        if events is not None:
            try:
                events.write(json.dumps(event.to_dict()) + "\n")
            except OSError as error:
                raise StartError(f"{events.name}: cannot be written: {error.strerror}") from error

    with contextlib.ExitStack() as stack:
        if save is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rtcguard-scan-"))
            save = Path(folder, "ledger.sqlite3")
        store = stack.enter_context(contextlib.closing(Store(save)))
        with _progress(files) as progress:
            outcome = scan(files, policy, frozenset(clients), store, write, progress)
        if events is None or events.name != "<stdout>":
            _report(store, by, form)
    for line in (*outcome.notes, *outcome.problems, *outcome.unusable):
        click.echo(f"rtcguard: {line}", err=True)
    if outcome.unusable:
        sys.exit(2)
    if outcome.problems or (fail_on_leak and outcome.leaks):
        sys.exit(1)


def _report(store: Any, by: str, form: str) -> None:
    from rtcguard.ledger import report
    from rtcguard.ledger.query import Filter

    found = store.grouped(by, Filter())
    if form == "json":
        click.echo(report.to_json(by, "", found))
    elif form == "csv":
        sys.stdout.buffer.write(report.to_csv(by, found).encode())
        sys.stdout.buffer.flush()
    elif found:
        report.print_table(by, found)
    else:
        click.echo("nothing leaked in what could be read")


@contextlib.contextmanager
def _progress(files: tuple[Path, ...]) -> Iterator[Callable[[Path, int, int], None]]:
    """A bar on a terminal's standard error: bytes, rate, time left; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda path, position, size: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[Path, Any] = {}

        def tell(path: Path, position: int, size: int) -> None:
            if path not in tasks:
                tasks[path] = bar.add_task(path.name, total=size)
            bar.update(tasks[path], completed=position)

        yield tell

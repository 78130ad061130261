"""`rtcguard doctor`: what works, what does not, and what to do about it."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtcguard.cli.options import config_option

if TYPE_CHECKING:
    from rtcguard.app.doctor.check import Check, Result

_MARKS = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "off": ("–", "dim"),
}


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of rows.")
def command(config: Path | None, as_json: bool) -> None:
    """Check that everything works, and tell what to do where it does not.

    Each part is asked for real: a page and an offer go through the proxy to a server of the
    doctor's own, Binding requests to the STUN responder, queries to the DNS sinkhole, and every
    approved TURN server gives an allocation and carries a datagram. What the configuration does not
    ask for is off. Exit code 1 if a check failed; warnings do not count.
    """
    from rtcguard.app import settings
    from rtcguard.app.doctor.check import run
    from rtcguard.app.doctor.checks import checks

    todo = checks(config, settings.state())
    rows: list[dict[str, Any]] = []

    def keep(check: "Check", results: "Sequence[Result]") -> None:
        rows.extend({"check": check.name, **asdict(result)} for result in results)

    passed = asyncio.run(run(todo, keep if as_json else _printer()))
    if as_json:
        click.echo(json.dumps({"passed": passed, "results": rows}, indent=2))
    sys.exit(0 if passed else 1)


def _printer() -> Any:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)

    def tell(check: "Check", results: "Sequence[Result]") -> None:
        table = Table.grid(padding=(0, 1, 0, 0))
        for result in results:
            mark, style = _MARKS[result.status]
            table.add_row("", Text(mark, style=style), Text(result.what))
            if result.next:
                table.add_row("", "", Text(f"→ {result.next}", style="bold"))
        console.print(Text(check.name, style="bold"), table)

    return tell

"""Reports of calls: a list of them, and one with its story."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from rtcguard.ledger.calls import Call
from rtcguard.ledger.event import Event
from rtcguard.ledger.report import plain_cell, visible
from rtcguard.ledger.story import Told, sentence, to_dict

if TYPE_CHECKING:
    from rich.console import Console

_SHORT: Final = 16  # letters of an id on the terminal: they find the call too
_WIDE: Final = 110  # letters of a line
COLUMNS: Final = (
    *("id", "began", "last", "node", "client", "site", "user", "ufrags", "events", "outcome"),
    *("sentence", "change"),
)
COLORS: Final = {
    "kept": "green",
    "scrubbed": "cyan",
    "stripped": "magenta",
    "refused": "yellow",
    "blocked": "red",
    "observed": "bright_black",
}


def _row(told: Told) -> dict[str, Any]:
    call = told.call
    return {
        "id": call.id,
        "began": call.began,
        "last": call.last,
        "node": call.node,
        "client": call.client,
        "site": call.site,
        "user": call.user,
        "ufrags": call.ufrags,
        "events": sum(event.record.count for event in call.events),
        "outcome": told.outcome.name,
        "sentence": told.outcome.sentence,
        "change": told.outcome.change,
    }


def calls_to_json(calls: Sequence[Told], since: str, until: str) -> str:
    """`{"since", "until", "calls": […]}`; a call has `COLUMNS`."""
    return json.dumps({"since": since, "until": until, "calls": list(map(_row, calls))}, indent=2)


def calls_to_csv(calls: Sequence[Told]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for told in calls:
        row = {**_row(told), "ufrags": " ".join(told.call.ufrags)}
        writer.writerow([plain_cell(row[name]) for name in COLUMNS])
    return out.getvalue()


def print_calls(calls: Sequence[Told], span: str, local: Callable[[str], str]) -> None:
    """A table on the terminal; what has no room in a narrow one, and what nobody has, is left
    out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    columns: dict[str, Callable[[Call], str]] = {
        "began": lambda call: local(call.began),
        "id": lambda call: call.id[:_SHORT],
        "client": lambda call: call.client,
        "site": lambda call: call.site or "(a program)",
        "user": lambda call: call.user,
        "fragments": lambda call: " ".join(call.ufrags),
    }
    if not any(told.call.user for told in calls):
        del columns["user"]
    if console.width < _WIDE:
        del columns["fragments"]
    table = Table(title=Text(f"calls, {span}"))
    for name in (*columns, "what became of it"):
        table.add_column(name, overflow="fold", no_wrap=name in ("began", "id"))
    for told in calls:
        cells = [cell(told.call) for cell in columns.values()]
        table.add_row(*(Text(visible(cell)) for cell in (*cells, told.outcome.name)))
    console.print(table)


def call_to_json(told: Told) -> str:
    """The row of a call, with `story`: its lines, each with the events that it tells of."""
    story = [to_dict(told.call, line) for line in told.lines]
    return json.dumps({**_row(told), "story": story}, indent=2)


def call_to_csv(told: Told) -> str:
    """A line a line of the story."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = ("time", "ring", "text", "action", "would", "evidence", "count", "last")
    writer.writerow(names)
    for line in told.lines:
        writer.writerow([plain_cell(getattr(line, name)) for name in names])
    return out.getvalue()


@cache
def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def print_event(event: Event, local: Callable[[str], str]) -> None:
    """One event as a line for the terminal."""
    from rich.text import Text

    record = event.record
    whose = " ".join(word for word in (record.client, record.site) if word)
    times = f"  ×{record.count}" if record.count > 1 else ""
    text = Text()
    text.append(f"{local(event.time)[11:]}  ", "bright_black")
    done = f"{record.action} (would be {record.would})" if record.would else record.action
    text.append(f"{done:<9} ", COLORS.get(record.would or record.action, ""))
    text.append(f"{record.ring:<10}", "bright_black")
    text.append(visible(f"{whose}  " if whose else ""))
    text.append(visible(sentence(record)), "")
    text.append(times, "bold")
    _console().print(text)


def print_call(told: Told, zone: str, local: Callable[[str], str]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    call = told.call
    where = f" on {call.site}" if call.site else ""
    user = f" ({call.user})" if call.user else ""
    fragments = f", fragments {' '.join(call.ufrags)}" if call.ufrags else ""
    head = f"{call.client}{user}{where}, {local(call.began)} ({zone}){fragments}"
    console.print(Text(visible(head), "bold"))
    console.print(Text(visible(f"call {call.id} at {call.node}\n"), "bright_black"))
    for line in told.lines:
        text = Text()
        text.append(f"{local(line.time)[11:]}  ", "bright_black")
        text.append(f"{line.ring:<10}", "bright_black")
        text.append(visible(line.text), COLORS.get(line.would or line.action, ""))
        text.append(f"  ×{line.count}" if line.count > 1 else "", "bold")
        console.print(text)
    console.print()
    console.print(Text(visible(told.outcome.sentence), "bold"))
    console.print(Text(visible(f"What to change: {told.outcome.change}")))

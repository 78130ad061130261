"""Reports: the events grouped by one field, as rows, JSON, CSV or a table for the terminal."""

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rtcguard.ledger.query import Group

if TYPE_CHECKING:
    from rich.text import Text


_SAME = {"client": ("clients",), "site": ("sites",), "destination": ("towards",)}


def to_json(by: str, since: str, found: list[Group]) -> str:
    """`{"by", "since", "rows": […]}`; a row has the fields of `Group`."""
    made = [{name: getattr(row, name) for name in Group.__slots__} for row in found]
    return json.dumps({"by": by, "since": since, "rows": made}, indent=2)


def to_csv(by: str, found: list[Group]) -> str:
    """A line a row, by RFC 4180; what is many is joined by a space."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([by, "count", "first", "last", "scope", "actions", "would", "clients", "sites",
                     "destinations"])  # fmt: skip
    for row in found:
        writer.writerow([_plain(cell) for cell in _cells(row)])
    return out.getvalue()


def _plain(cell: Any) -> Any:
    """A spreadsheet takes a leading = + - @ for a formula; a page could choose one."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell


def _cells(row: Group) -> list[Any]:
    done = (
        " ".join(f"{action}:{count}" for action, count in sorted(counts.items()))
        for counts in (row.actions, row.would)
    )
    lists = (" ".join(many) for many in (row.clients, row.sites, row.destinations))
    return [row.key, row.count, row.first, row.last, row.scope, *done, *lists]


def print_table(by: str, found: list[Group]) -> None:
    """The rows as a table on the terminal."""
    # Imported here: rich takes longer to load than the rest of the command line.
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"events by {by}")
    columns: dict[str, Callable[[Group], str]] = {
        by: lambda row: row.key,
        "scope": lambda row: row.scope,
        "count": lambda row: str(row.count),
        "last": lambda row: row.last,
        "what was done": _done,
        "clients": lambda row: "\n".join(row.clients),
        "sites": lambda row: "\n".join(row.sites),
        "towards": lambda row: "\n".join(row.destinations),
    }
    # What the rows are grouped by need not be told twice.
    for name in ("scope",) * (by != "address") + _SAME.get(by, ()):
        del columns[name]
    for name in columns:
        table.add_column(name, justify="right" if name == "count" else "left", overflow="fold")
    for row in found:
        table.add_row(*(_shown(cell(row)) for cell in columns.values()))
    Console().print(table)


def _done(row: Group) -> str:
    done = [f"{action} {count}" for action, count in sorted(row.actions.items())]
    return ", ".join(done + [f"would be {what} {n}" for what, n in sorted(row.would.items())])


def _shown(cell: str) -> "Text":
    """What a page chose is no markup, and no order to the terminal."""
    from rich.text import Text

    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in cell))

"""Reports: the events grouped by one field, as rows, JSON, CSV or a table for the terminal."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from rtcguard.ledger.query import Group

if TYPE_CHECKING:
    from rich.text import Text


SORTS: Final = ("count", "last", "first", "key")
_SAME: Final = {"client": ("clients",), "site": ("sites",), "destination": ("towards",)}


def chosen(found: list[Group], sort: str, top: int | None) -> list[Group]:
    """The first `top` rows by one of `SORTS`: the most frequent, the newest, or those that begin
    first in the alphabet come first."""
    if sort == "key":
        found = sorted(found, key=lambda row: row.key)
    elif sort != "count":
        found = sorted(found, key=attrgetter(sort), reverse=True)
    return found[:top]


def to_json(
    by: str, since: str, found: list[Group], until: str = "", asked: Mapping[str, str] | None = None
) -> str:
    """`{"by", "since", "rows": […], "until", "filter"}`; a row has the fields of `Group`. What was
    not asked for is empty."""
    rows = [{name: getattr(row, name) for name in Group.__slots__} for row in found]
    made = {"by": by, "since": since, "rows": rows, "until": until, "filter": dict(asked or {})}
    return json.dumps(made, indent=2)


def to_csv(by: str, found: list[Group]) -> str:
    """A line a row, by RFC 4180; what is many is joined by a space."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([by, "count", "first", "last", "scope", "actions", "would", "clients", "sites",
                     "destinations"])  # fmt: skip
    for row in found:
        writer.writerow([plain_cell(cell) for cell in _cells(row)])
    return out.getvalue()


def plain_cell(cell: Any) -> Any:
    """A spreadsheet takes a leading = + - @ for a formula; a page could choose one."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell


def _cells(row: Group) -> list[Any]:
    done = (
        " ".join(f"{action}:{count}" for action, count in sorted(counts.items()))
        for counts in (row.actions, row.would)
    )
    lists = (" ".join(many) for many in (row.clients, row.sites, row.destinations))
    return [row.key, row.count, row.first, row.last, row.scope, *done, *lists]


def print_table(
    by: str, found: list[Group], span: str = "", local: Callable[[str], str] = str
) -> None:
    """The rows as a table on the terminal. `span`: of what time, for people; `local` says an
    event's time by the reader's clock."""
    # Imported here: rich takes longer to load than the rest of the command line.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"events by {by}{span and ', '}{span}"))
    columns: dict[str, Callable[[Group], str]] = {
        by: lambda row: row.key,
        "scope": lambda row: row.scope,
        "count": lambda row: str(row.count),
        "last": lambda row: local(row.last),
        "what was done": done,
        "clients": lambda row: "\n".join(row.clients),
        "sites": lambda row: "\n".join(row.sites),
        "towards": lambda row: "\n".join(row.destinations),
    }
    # What the rows are grouped by need not be told twice.
    for name in ("scope",) * (by != "address") + _SAME.get(by, ()):
        del columns[name]
    # Nor what nothing is known of (`schema.LINKED_TO`).
    columns = {name: cell for name, cell in columns.items() if any(map(cell, found))}
    for name in columns:
        table.add_column(name, justify="right" if name == "count" else "left", overflow="fold")
    for row in found:
        table.add_row(*(_shown(cell(row)) for cell in columns.values()))
    Console().print(table)


def done(row: Group) -> str:
    """What was done, and what would have been, in words."""
    done = [f"{action} {count}" for action, count in sorted(row.actions.items())]
    return ", ".join(done + [f"would be {what} {n}" for what, n in sorted(row.would.items())])


def visible(text: str) -> str:
    """A text of a page's without orders to a terminal, and without what cannot be seen: marks that
    turn the direction of what follows, letters of no width, halves of surrogates."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _shown(cell: str) -> "Text":
    """What a page chose is no markup, and no order to the terminal."""
    from rich.text import Text

    return Text(visible(cell))

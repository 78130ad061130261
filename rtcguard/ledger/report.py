"""Reports: the events grouped by one field, as rows, JSON, CSV or a table for the terminal."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from rtcguard.ledger.query import Group

_SAME: Final = {"client": ("clients",), "site": ("sites",), "destination": ("towards",)}
# On the terminal: which columns go first where there is no room, which must not be cut to pieces,
# how many letters an address has at most, how many are enough for a word, and values of a cell.
_LESS: Final = ("last", "towards", "clients", "sites", "scope")
_WHOLE: Final = ("scope", "count", "last")
_KEY: Final = 39
_WORD: Final = 15
_MOST_VALUES: Final = 5


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
    by: str, found: list[Group], span: str = "", local: Callable[[str], str] = str, more: int = 0
) -> None:
    """The rows as a table on the terminal. `span`: of what time, for people; `local` says an
    event's time by the reader's clock; `more`: how many rows there are beside these.

    What has no room in a narrow terminal is left out, and said: an address in pieces is no use."""
    # Imported here: rich takes longer to load than the rest of the command line.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    columns: dict[str, Callable[[Group], str]] = {
        by: lambda row: row.key,
        "scope": lambda row: row.scope,
        "count": lambda row: str(row.count),
        "last": lambda row: local(row.last),
        "what was done": done,
        "clients": lambda row: _listed(row.clients),
        "sites": lambda row: _listed(row.sites),
        "towards": lambda row: _listed(row.destinations),
    }
    # What the rows are grouped by need not be told twice.
    for name in ("scope",) * (by != "address") + _SAME.get(by, ()):
        del columns[name]
    cells = {name: [visible(cell(row)) for row in found] for name, cell in columns.items()}
    # Nor what nothing is known of (`schema.LINKED_TO`).
    cells = {name: texts for name, texts in cells.items() if any(texts)}
    left_out = _too_wide(cells, console.width)
    table = Table(title=Text(f"events by {by}{span and ', '}{span}"))
    for name, texts in cells.items():
        if name not in left_out:
            table.add_column(
                name,
                justify="right" if name == "count" else "left",
                overflow="fold",
                no_wrap=name in _WHOLE or (name == by and _width(texts) <= _KEY),
            )
    for row in zip(*(cells[name] for name in cells if name not in left_out), strict=True):
        table.add_row(*map(Text, row))  # what a page chose is no markup
    console.print(table)
    if left_out:
        console.print(Text(f"No room for {', '.join(left_out)}: a wider terminal has them."))
    if more:
        told = (
            f"The first {len(found)} of {len(found) + more}: --top {len(found) + more} shows all."
        )
        console.print(Text(told))


def _too_wide(cells: dict[str, list[str]], width: int) -> list[str]:
    """The columns that a table of this width has no room for."""
    left_out: list[str] = []
    needed = {name: min(_width([name, *texts]), _least(name)) for name, texts in cells.items()}
    for name in _LESS:
        if sum(needed.values()) + 3 * len(needed) + 1 <= width:
            break
        if needed.pop(name, None):
            left_out.append(name)
    return left_out


def _least(name: str) -> int:
    """Letters that a column needs at least, however long its texts are."""
    return _WORD if name in ("what was done", "clients", "sites", "towards") else _KEY


def _width(texts: Iterable[str]) -> int:
    return max((len(line) for text in texts for line in text.split("\n")), default=0)


def _listed(values: Sequence[str]) -> str:
    """The first values, one a line."""
    more = len(values) - _MOST_VALUES
    return "\n".join([*values[:_MOST_VALUES], *([f"and {more} more"] if more > 0 else ())])


def done(row: Group) -> str:
    """What was done, and what would have been, in words."""
    done = [f"{action} {count}" for action, count in sorted(row.actions.items())]
    return ", ".join(done + [f"would be {what} {n}" for what, n in sorted(row.would.items())])


def visible(text: str) -> str:
    """A text of a page's without orders to a terminal, and without what cannot be seen: marks that
    turn the direction of what follows, letters of no width, halves of surrogates."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)

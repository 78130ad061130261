"""What the ledger's statements ask of a database, and what SQLite and PostgreSQL call differently.

A statement is written once, with `?` for values; the few words that differ come from the dialect of
the connection that it is for.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol


@dataclass(frozen=True, slots=True)
class Dialect:
    """`least` and `greatest` are functions of two values; `array` makes JSON text of a group's
    values; `fits` is the operator for a pattern, which `pattern` makes of a text with `*`."""

    least: str
    greatest: str
    array: str
    fits: str
    pattern: Callable[[str], str]


class Rows(Protocol):
    """An answer."""

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection."""

    @property
    def dialect(self) -> Dialect: ...
    def execute(self, query: str, values: Sequence[Any] = ..., /) -> Rows: ...
    def executemany(self, query: str, rows: Iterable[Sequence[Any]], /) -> object: ...


SQLITE: Final = Dialect(
    least="MIN",
    greatest="MAX",
    array="json_group_array({})",
    fits="GLOB",
    pattern=lambda text: text.replace("[", "[[]").replace("?", "[?]"),
)
POSTGRESQL: Final = Dialect(
    least="LEAST",
    greatest="GREATEST",
    array="CAST(json_agg({}) AS TEXT)",
    fits="LIKE",
    pattern=lambda text: (
        text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_").replace("*", "%")
    ),
)


class SqliteConnection(sqlite3.Connection):
    """A `Database`."""

    dialect: Final = SQLITE

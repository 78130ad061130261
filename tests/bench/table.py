"""What a benchmark tells: lines of one table, with rtcguard and without."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

HEADINGS: Final = ("what", "with rtcguard", "bare", "ratio", "budget")


class BenchError(Exception):
    """A benchmark could not be run, or what it measured did not do its work."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `ratio` is with rtcguard / bare, whichever of the two is better."""

    what: str
    guarded: str = ""
    bare: str = ""
    ratio: str = ""
    budget: str = ""


def compare(
    what: str,
    guarded: float,
    bare: float | None,
    shown: str,
    budget: str = "",
    met: Callable[[float], bool] | None = None,
) -> Line:
    """A line of two figures, written by the format `shown`; `met` judges their ratio."""
    if bare is None:
        return Line(what, shown.format(guarded), budget=budget)
    ratio = guarded / bare
    if met is not None:
        budget += ": met" if met(ratio) else ": MISSED"
    return Line(what, shown.format(guarded), shown.format(bare), f"{ratio:.2f}", budget)


def single(what: str, figure: float, shown: str, bare: float | None, limit: float) -> Line:
    """A line whose budget is a bound on the figure itself; `bare` stands there for scale only."""
    verdict = "met" if figure < limit else "MISSED"
    return compare(what, figure, bare, shown, f"under {limit:g}: {verdict}")


def alternate(sides: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """The median of each side, measured in turn: A B, B A, A B, … so that drift cancels out."""
    figures: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for index in order:
            figures[index].append(sides[index]())
    return [statistics.median(one) for one in figures]


def render(lines: Iterable[Line]) -> Iterator[str]:
    """The table as text, each column as wide as its widest cell."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    rows += ((x.what, x.guarded, x.bare, x.ratio, x.budget) for x in lines)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        first, *figures, last = row
        cells = [f"{cell:>{width}}" for cell, width in zip(figures, widths[1:-1], strict=True)]
        yield "  ".join([f"{first:<{widths[0]}}", *cells, last]).rstrip()

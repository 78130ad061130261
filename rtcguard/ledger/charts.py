"""Plots for the report's page: SVG without scripts, coloured by its style sheet.

A plot that is stretched to its place has no letters in it: those stand around it as HTML, so that
they are as large on a phone. Each value is in a table too, for those who cannot see the plot.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Final

from rtcguard.ledger.event import END
from rtcguard.ledger.series import Count

_MOST_BARS: Final = 120
_HEIGHT: Final = 100
_STEP: Final = 10  # of a bar, with the gap behind it
_BAR: Final = 8


@dataclass(frozen=True, slots=True)
class Bars:
    """Stacked bars over time: `keys` from below to above, one row of `counts` for each of `at`."""

    at: list[str]
    keys: list[str]
    counts: list[list[int]]
    most: int
    unit: str = field(default="")


def bars(found: Sequence[Count], keys: Sequence[str], since: str, until: str) -> Bars:
    """Bars of `series.over_time`, also for the days or hours in which nothing was, between two
    times; of long spans, months."""
    unit = "hour" if any(len(count.at) > 10 for count in found) else "day"
    length = {"hour": 13, "day": 10}[unit]
    first = min([since[:length] or END, *(count.at for count in found)])
    last = max([until[:length], *(count.at for count in found)])
    at = _steps(first, last, unit)
    if len(at) > _MOST_BARS:
        unit, length = ("day", 10) if unit == "hour" else ("month", 7)
        at = list(dict.fromkeys(one[:length] for one in at))
    present = [key for key in keys if any(count.key == key for count in found)]
    present += sorted({count.key for count in found} - set(present))
    row = {one: index for index, one in enumerate(at)}
    column = {key: index for index, key in enumerate(present)}
    counts = [[0] * len(present) for _ in at]
    for count in found:
        counts[row[count.at[:length]]][column[count.key]] += count.count
    return Bars(at, present, counts, _round(max(map(sum, counts), default=0)), unit)


def _steps(first: str, last: str, unit: str) -> list[str]:
    """Every day or hour from the first to the last."""
    step = timedelta(hours=1) if unit == "hour" else timedelta(days=1)
    form = "%Y-%m-%dT%H" if unit == "hour" else "%Y-%m-%d"
    moment, end = datetime.strptime(first, form), datetime.strptime(last, form)
    made = []
    while moment <= end:
        made.append(moment.strftime(form))
        moment += step
    return made


def _round(most: int) -> int:
    """The next number above that people read easily: one digit and zeros."""
    power = 1
    while True:
        for digit in (1, 2, 3, 4, 6, 8):
            if digit * power >= most:
                return digit * power
        power *= 10


def drawn(made: Bars, name: str, title: str) -> str:
    """The bars as SVG. `name` is what its parts are called in the page, once in it."""
    width = len(made.at) * _STEP
    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(_described(made))}</desc>'
    ]
    for y in (0, _HEIGHT // 2, _HEIGHT):
        parts.append(f'<line class="grid" x1="0" x2="{width}" y1="{y}" y2="{y}"/>')
    for index, (at, counts) in enumerate(zip(made.at, made.counts, strict=True)):
        top = float(_HEIGHT)
        for key, count in zip(made.keys, counts, strict=True):
            if not count:
                continue
            height = count * _HEIGHT / made.most
            top -= height
            parts.append(
                f'<rect class="{color(key)}" x="{index * _STEP + (_STEP - _BAR) // 2}"'
                f' y="{top:.2f}" width="{_BAR}" height="{height:.2f}">'
                f"<title>{escape(f'{at}: {key} {count}')}</title></rect>"
            )
    return "".join(parts) + "</svg>"


def _described(made: Bars) -> str:
    total = sum(map(sum, made.counts))
    each = ", ".join(
        f"{key} {sum(row[index] for row in made.counts)}" for index, key in enumerate(made.keys)
    )
    return (
        f"{total} events by {made.unit}, {made.at[0]} to {made.at[-1]} (UTC): {each}. "
        "The numbers are in the table below."
    )


def share(part: int, whole: int, key: str) -> str:
    """A bar beside a number, which says it already: not for screen readers."""
    width = 100 * part / whole if whole else 0
    return (
        '<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{color(key)}" width="{width:.2f}" height="10"/></svg>'
    )


# The style sheet has a colour for each; what it does not know gets the last one.
COLORS: Final = (
    "page", "signaling", "network", "ledger",
    "kept", "scrubbed", "stripped", "refused", "blocked", "observed",
)  # fmt: skip


def color(key: str) -> str:
    return f"c-{key}" if key in COLORS else "c-other"

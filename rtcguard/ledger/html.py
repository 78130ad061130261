"""The report as one HTML page that needs nothing else: no script, no font, no picture, no request.

A page on the web chose many of the words in it (its site, its servers, its reasons), so every value
is escaped, isolated from the direction of the text around it, and without characters that cannot be
seen; and the page's own policy (CSP) lets nothing run or load, whatever stands in it.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Final

from rtcguard.ledger import charts
from rtcguard.ledger.query import Group
from rtcguard.ledger.ranking import Ranked
from rtcguard.ledger.report import done, visible
from rtcguard.ledger.series import Count
from rtcguard.ledger.story import Told
from rtcguard.policy.record import ACTIONS, RINGS

_MOST_VALUES: Final = 3  # told of beside a row
_HELD_BACK: Final = ("stripped", "refused", "blocked")
_ONE: Final = {"events": "event", "addresses": "address", "clients": "client", "sites": "site"}
_LONGEST: Final = 60  # letters of each
_EACH: Final = {"hour": "an hour", "day": "a day", "month": "a month"}

type Local = Callable[[str], str]  # an event's time as the reader's clock has it


@dataclass(frozen=True, slots=True)
class Answers:
    """What the page tells. `span` and `filters` are for people; `since` and `until` as events have
    times (`until` is the end of the span, never empty). `rings` are all rows by ring; `groups`: the
    first rows by `address`, `site`, `client` and `destination`; `scopes`: as `ranking.scopes`.
    `over`: counts over time by `ring`, `action` and `would`."""

    span: str
    filters: str
    made: str
    since: str
    until: str
    rings: Sequence[Group]
    groups: dict[str, Ranked]
    scopes: Sequence[tuple[str, int, int]]
    over: dict[str, list[Count]]
    calls: Sequence[Told]
    notice: str = ""


def page(answers: Answers, local: Local) -> str:
    """The whole document."""
    style = resources.files("rtcguard.ledger").joinpath("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    groups = answers.groups
    body = [
        "<header><h1>What tried to get out, and what was done</h1>",
        f"<p class=faint>{_text(answers.span)}. Made by rtcguard, {_text(answers.made)}.</p>",
        f"<p>Only events with {_text(answers.filters)}.</p>" if answers.filters else "",
        f"<p role=alert><strong>{_text(answers.notice)}</strong></p>" if answers.notice else "",
        "</header><main>",
        _tiles(answers),
        "<div class=two>",
        _over_time(answers, "ring", "Events over time, by ring", RINGS),
        _over_time(answers, "action", "Events over time, by what was done", ACTIONS),
        _over_time(answers, "would", "What monitor mode let pass", ACTIONS)
        if answers.over["would"]
        else "",
        _scopes(answers.scopes),
        "</div>",
        _table("Addresses that tried to get out", "address", groups["address"], local),
        "<div class=two>",
        _ranking("Sites", "site", groups["site"]),
        _ranking("Clients", "client", groups["client"]),
        "</div>",
        _table("Towards whom", "destination", groups["destination"], local),
        _calls(answers.calls, local),
        "</main>",
    ]
    return (
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        "<meta name=referrer content=no-referrer>\n"
        f"<title>rtcguard: {_plain(answers.span)}</title>\n<style>{style}</style>\n"
        "</head>\n<body>\n" + "\n".join(part for part in body if part) + "\n</body>\n</html>\n"
    )


def _plain(text: str) -> str:
    """A value where only text can stand."""
    return escape(visible(text))


def _text(text: str) -> str:
    """A value in the midst of other text."""
    return f"<bdi>{_plain(text)}</bdi>" if text else ""


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")


def _tiles(answers: Answers) -> str:
    actions, would = Counter[str](), Counter[str]()
    for group in answers.rings:
        actions.update(group.actions)
        would.update(group.would)
    tiles = [
        (actions.total(), "events"),
        (sum(actions[action] for action in _HELD_BACK), "held back"),
        (sum(would[action] for action in _HELD_BACK), "would have been held back"),
        (answers.groups["address"].total, "addresses"),
        (answers.groups["client"].total, "clients"),
        (answers.groups["site"].total, "sites"),
    ]
    shown = [tile for tile in tiles if tile[0] or tile[1] == "events"]
    items = "".join(
        f"<li><strong>{_number(count)}</strong> {_ONE.get(what, what) if count == 1 else what}</li>"
        for count, what in shown
    )
    return f"<ul class=tiles>{items}</ul>"


def _over_time(answers: Answers, by: str, title: str, keys: Sequence[str]) -> str:
    found = answers.over[by]
    return over_time(found, by, title, keys, answers.since, answers.until)


def over_time(
    found: Sequence[Count], by: str, title: str, keys: Sequence[str], since: str, until: str
) -> str:
    """A section with bars over time, and their numbers in a table. `by` names its parts, once in a
    page; style.css colours it."""
    if not found:
        return f"<section><h2>{title}</h2><p>Nothing was recorded.</p></section>"
    made = charts.bars(found, keys, since, until)
    middle = made.at[len(made.at) // 2] if len(made.at) > 2 else ""
    ends = "".join(f"<span>{_moment(at)}</span>" for at in (made.at[0], middle, made.at[-1]))
    sums = [sum(row[index] for row in made.counts) for index in range(len(made.keys))]
    legend = "".join(
        f'<li><svg viewBox="0 0 1 1" aria-hidden="true">'
        f'<rect class="{charts.color(key)}" width="1" height="1"/></svg>'
        f"{_text(key)} {_number(count)}</li>"
        for key, count in zip(made.keys, sums, strict=True)
    )
    head = "".join(f"<th scope=col class=number>{_text(key)}</th>" for key in made.keys)
    rows = "".join(
        f"<tr><th scope=row>{_moment(at)}</th>"
        + "".join(f"<td class=number>{_number(count)}</td>" for count in counts)
        + "</tr>"
        for at, counts in zip(made.at, made.counts, strict=True)
        if any(counts)
    )
    return (
        f"<section><h2>{title}</h2><figure>"
        f"<div class=axis><span>{_number(made.most)} {_EACH[made.unit]}</span></div>"
        f"{charts.drawn(made, by, title)}<div class=axis>{ends}</div>"
        f"<ul class=key>{legend}</ul></figure>"
        f"<details><summary>The numbers</summary><table><thead><tr><th scope=col>{made.unit} (UTC)"
        f"</th>{head}</tr></thead><tbody>{rows}</tbody></table></details></section>"
    )


def _moment(at: str) -> str:
    return f"{at[:10]} {at[11:]}:00" if len(at) > 10 else at


def _scopes(scopes: Sequence[tuple[str, int, int]]) -> str:
    """How many addresses, and how often, of each scope."""
    most = max((count for *_, count in scopes), default=0)
    rows = [
        (
            scope or "none",
            [_number(addresses), _number(count)],
            charts.share(count, most, "stripped"),
        )
        for scope, addresses, count in scopes
    ]
    return _bars_table("Addresses by scope", ["scope", "addresses", "events"], rows)


def _ranking(title: str, by: str, found: Ranked) -> str:
    most = found.rows[0].count if found.rows else 0
    rows = [
        (group.key, [_number(group.count)], charts.share(group.count, most, "signaling"))
        for group in found.rows
    ]
    return _bars_table(f"{title}{_of(found)}", [by, "events"], rows)


def _bars_table(title: str, head: Sequence[str], rows: Sequence[tuple[str, list[str], str]]) -> str:
    if not rows:
        return f"<section><h2>{title}</h2><p>None.</p></section>"
    first, *others = head
    columns = "".join(f"<th scope=col class=number>{name}</th>" for name in others)
    body = "".join(
        f"<tr><th scope=row>{_text(key)}</th>"
        + "".join(f"<td class=number>{cell}</td>" for cell in cells)
        + f"<td class=bar>{bar}</td></tr>"
        for key, cells, bar in rows
    )
    return (
        f"<section><h2>{title}</h2><table><thead><tr><th scope=col>{first}</th>{columns}"
        f"<td></td></tr></thead><tbody>{body}</tbody></table></section>"
    )


def _of(found: Ranked) -> str:
    more = f", the first {len(found.rows)} of {_number(found.total)}"
    return more if found.total > len(found.rows) else ""


def _table(title: str, by: str, found: Ranked, local: Local) -> str:
    if not found.rows:
        return f"<section><h2>{title}</h2><p>None.</p></section>"
    names = ["scope"] if by == "address" else []
    names += ["events", "what was done", "last", "clients", "sites"]
    names += ["towards"] if by != "destination" else []
    body = []
    for group in found.rows:
        cells = {
            "scope": _plain(group.scope),
            "events": _number(group.count),
            "what was done": _plain(done(group)),
            "last": f"<time>{_plain(local(group.last))}</time>",
            "clients": _values(group.clients),
            "sites": _values(group.sites),
            "towards": _values(group.destinations),
        }
        row = "".join(f'<td data-label="{name}">{cells[name]}</td>' for name in names)
        body.append(f"<tr><th scope=row>{_text(group.key)}</th>{row}</tr>")
    head = "".join(
        f'<th scope=col class="{name.rpartition(" ")[2]}">{name}</th>' for name in (by, *names)
    )
    return (
        f"<section><h2>{title}{_of(found)}</h2><table class=wide><thead><tr>{head}</tr>"
        f"</thead><tbody>{''.join(body)}</tbody></table></section>"
    )


def _values(values: Sequence[str]) -> str:
    shown = ", ".join(_text(_cut(value)) for value in values[:_MOST_VALUES])
    more = len(values) - _MOST_VALUES
    return f"{shown} and {_number(more)} more" if more > 0 else shown


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def _calls(calls: Sequence[Told], local: Local) -> str:
    if not calls:
        return ""
    return (
        "<section><h2>The last calls</h2>"
        + "".join(_call(one, local) for one in calls)
        + ("</section>")
    )


def _call(told: Told, local: Local) -> str:
    call = told.call
    lines = "".join(
        f"<li><time>{_plain(local(line.time))}</time> {_text(line.text)}"
        + (f" ({_number(line.count)} times)" if line.count > 1 else "")
        + "</li>"
        for line in told.lines
    )
    where = _text(call.site) or "a program"
    return (
        f"<details class=call><summary><time>{_plain(local(call.began))}</time> {where}, "
        f"{_text(call.client)}: <strong>{_text(told.outcome.name)}</strong></summary>"
        f"<ol>{lines}</ol><p class=outcome>{_text(told.outcome.sentence)}</p>"
        f"<p>What to change: {_text(told.outcome.change)}</p></details>"
    )

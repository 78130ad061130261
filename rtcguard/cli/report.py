"""`rtcguard report`: the ledger's answers."""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rtcguard.cli.options import MomentType, PatternType, config_option
from rtcguard.ice.address import SCOPES
from rtcguard.ledger.ranking import SORTS
from rtcguard.ledger.schema import GROUPS
from rtcguard.policy.record import ACTIONS, KINDS, RINGS

if TYPE_CHECKING:
    from rtcguard.ledger.asked_calls import Listed
    from rtcguard.ledger.query import Filter
    from rtcguard.ledger.questions import Questions
    from rtcguard.ledger.ranking import Ranked
    from rtcguard.ledger.span import Span
    from rtcguard.ledger.story import Told

_TOP: Final = 20  # rows of each table of the page
_ROWS: Final = 50  # of a table on the terminal
_FILTERS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    ("site", (), "Only of this site; `*` stands for anything: *.example.org."),
    ("client", (), "Only of this client (an address)."),
    ("user", (), "Only of who has signed in so at the proxy."),
    ("address", (), "Only of this address that tried to get out."),
    ("destination", (), "Only towards this HOST:PORT."),
    ("ring", RINGS, "Only of this ring."),
    ("kind", KINDS, "Only of this kind."),
    ("action", ACTIONS, "Only where this was done."),
    ("would", ACTIONS, "Only where this would have been done, but for monitor mode."),
    ("scope", SCOPES, "Only of addresses of this scope: private, public, mdns …"),
    ("node", (), "Only of this node."),
    ("rule", (), "Only where this rule decided."),
    ("direction", ("outbound", "inbound"), "Only what went this way."),
    ("page", ("guarded", "unguarded"), "Only where the page was so."),
)


def _filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, words, text in reversed(_FILTERS):
        kind = PatternType(words) if words else click.STRING
        command = click.option(f"--{name}", type=kind, metavar="NAME", help=text)(command)
    return command


@click.command()
@config_option
@click.option("--since", type=MomentType(), default="24h", show_default=True,
              help="From when: 24h, 2026-11-26, '2026-11-26 10:00' (local time).")  # fmt: skip
@click.option("--until", type=MomentType(end=True),
              help="To when: the same; of a date, the whole day.")  # fmt: skip
@click.option("--by", type=click.Choice(GROUPS), default="address", show_default=True,
              help="What to group by.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "html"]),
              default="table", show_default=True)  # fmt: skip
@click.option("--sort", type=click.Choice(list(SORTS)), default="count", show_default=True,
              help="What comes first: the most, the newest, by the alphabet.")  # fmt: skip
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the first N rows; a table has 50 unless you say.",
)
@_filter_options
@click.option("--follow", is_flag=True, help="Events as they come, until it is stopped.")
@click.option("--calls", is_flag=True, help="The calls of this time, and what became of each.")
@click.option("--call", "one", metavar="ID|UFRAG",
              help="One call's story, by its id or ICE user name fragment.")  # fmt: skip
@click.option("--local", is_flag=True,
              help="This machine's own ledger, where ledger.store is a database.")  # fmt: skip
def command(
    config: Path | None,
    since: datetime,
    until: datetime | None,
    by: str,
    form: str,
    sort: str,
    top: int | None,
    follow: bool,
    calls: bool,
    one: str | None,
    local: bool,
    **filters: str | None,
) -> None:
    """Report what tried to leak, to whom, and what was done.

    Exit codes: 1 where the ledger is damaged (what can be read of it is reported), 2 where there is
    none, or none of this version.
    """
    from rtcguard.app import report, settings
    from rtcguard.ledger import asked_calls
    from rtcguard.ledger.masking import FILTERS, unmasked
    from rtcguard.ledger.span import Span
    from rtcguard.policy.store_url import PostgreSQL

    _check(follow, calls, one, form)
    if until is not None and until <= since:
        told = f"--until ({until:%Y-%m-%d %H:%M}) is not after --since ({since:%Y-%m-%d %H:%M})"
        raise click.UsageError(f"{told}; both are local time")
    given = {name: value for name, value in filters.items() if value}
    settings_now = settings.read_config(config)
    path = settings.state().ledger
    database = settings_now.ledger.store
    fleet = database.url if isinstance(database, PostgreSQL) and not local else ""
    hidden = FILTERS & given.keys() and (fleet or path.is_file())
    mask = settings.state().mask(settings_now) if hidden else unmasked
    span = Span(since, until)
    asked = span.asked(given, mask)
    if follow and fleet:
        raise click.UsageError("--follow tells of this machine's own ledger: add --local")
    if follow:
        _follow(path, asked, form)
        return
    places = asked_calls.places_of(settings_now)

    def question(store: "Questions") -> Callable[[], None]:
        if one is not None:
            return _call(asked_calls.find(store, one, asked, places), form)
        if calls:
            return _calls(asked_calls.listed(store, asked, places), span, asked, form, top)
        if form == "html":
            made = report.page(store, span, asked, top or _TOP, places)
            return lambda: _write(made)
        most = _ROWS if top is None and form == "table" else top
        return _rows(store.ranked(by, asked, sort, most), by, span, asked, form)

    if fleet:
        report.answered_by_fleet(fleet, question)()
        return
    tell, notice = report.answered(path, asked, question)
    tell()
    if notice:
        click.echo(f"rtcguard: {notice}", err=True)
        sys.exit(1)


def _check(follow: bool, calls: bool, one: str | None, form: str) -> None:
    """Options that do not go together."""
    special = [
        name
        for name, given in (("--follow", follow), ("--calls", calls), ("--call", one is not None))
        if given
    ]
    if len(special) > 1:
        raise click.UsageError(f"{' and '.join(special)} are different reports: name one")
    if one == "":
        raise click.UsageError("--call is for an id or an ICE user name fragment: name one")
    if special and form == "html":
        raise click.UsageError(f"--format html is a report of its own, without {special[0]}")
    if follow and form == "csv":
        raise click.UsageError("--follow is told as a table, or by --format json")


def _rows(found: "Ranked", by: str, span: "Span", asked: "Filter", form: str) -> Callable[[], None]:
    from rtcguard.ledger import report
    from rtcguard.ledger.span import local

    shown = found.rows
    if form == "json":
        made = report.to_json(by, asked.since, shown, asked.until, asked.given())
        return lambda: click.echo(made)
    if form == "csv":
        return lambda: _write(report.to_csv(by, shown))
    if shown:
        more = found.total - len(shown)
        return lambda: report.print_table(by, shown, str(span), local, more)
    return lambda: click.echo(f"nothing was recorded in this time{_with(asked)}")


def _with(asked: "Filter") -> str:
    """What was asked for: who mistypes a name must not take it for a silent one."""
    from rtcguard.ledger.report import visible

    given = ", ".join(f"{name} {value}" for name, value in asked.given().items())
    return visible(f" with {given}") if given else ""


def _calls(
    listed: "Listed", span: "Span", asked: "Filter", form: str, top: int | None
) -> Callable[[], None]:
    from rtcguard.ledger import call_report
    from rtcguard.ledger.span import local

    found = listed.calls[:top]

    def tell() -> None:
        if form == "json":
            click.echo(call_report.calls_to_json(found, asked.since, asked.until))
        elif form == "csv":
            _write(call_report.calls_to_csv(found))
        elif found:
            call_report.print_calls(found, str(span), local)
        else:
            click.echo(f"no call was seen in this time{_with(asked)}")
        if listed.cut:
            click.echo(
                "rtcguard: there are earlier calls in this time; name a client, or a time that "
                "ends earlier (--until)",
                err=True,
            )

    return tell


def _call(told: "Told", form: str) -> Callable[[], None]:
    from rtcguard.ledger import call_report
    from rtcguard.ledger.span import local, zone

    if form == "json":
        return lambda: click.echo(call_report.call_to_json(told))
    if form == "csv":
        return lambda: _write(call_report.call_to_csv(told))
    return lambda: call_report.print_call(told, zone(), local)


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _follow(path: Path, asked: "Filter", form: str) -> None:
    """Prints events as they come, until it is interrupted."""
    from rtcguard.ledger.call_report import print_event
    from rtcguard.ledger.follow import follow
    from rtcguard.ledger.span import local

    try:
        for event in follow(path, asked):
            if form == "json":
                click.echo(json.dumps(event.to_dict()))
            else:
                print_event(event, local)
    except KeyboardInterrupt:
        return

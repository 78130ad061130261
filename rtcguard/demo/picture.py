"""The outcome as a picture for the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rtcguard.demo.demo import Outcome
from rtcguard.demo.network import APPROVED_TURN
from rtcguard.demo.sights import RELAY, Sight


def show(outcome: Outcome) -> None:
    console = Console(highlight=False)
    console.print()
    console.print(Text("The client is known by ").append(", ".join(outcome.client), style="bold"))
    for title, sight in (("Without rtcguard", outcome.before), ("With rtcguard", outcome.after)):
        console.print()
        console.print(Text(title, style="bold underline"))
        for line in _ways(sight):
            console.print(line)
        console.print(_call(sight))
    console.print()
    console.print(_table(outcome))
    told = ", ".join(f"{count} {what}" for what, count in outcome.ledger.items())
    console.print(Text(f"rtcguard's ledger: {told}", style="dim"))
    console.print()
    defects = outcome.defects()
    for defect in defects:
        console.print(Text(f"✗ {defect}", style="red"))
    if not defects:
        words = "the call connects, and only the relay saw an address of the client"
        console.print(Text(f"✓ With rtcguard, {words}.", style="green"))


def _ways(sight: Sight) -> list[Text]:
    """The ways of the client's packets, each with how many were counted."""
    lines = []
    for where, count in sight.arrived.items():
        if not count or where == RELAY:
            continue
        arrow = Text("  client ━━━━━━━━━━━━▶ ", style="red")
        lines.append(arrow.append(f"{where}: {count} packets from its own address"))
    if relayed := sight.arrived[RELAY]:
        from_relay = sum(sight.at_peer.get(one, 0) for one in APPROVED_TURN.addresses)
        arrow = Text("  client ━━▶ relay ━━━▶ ", style="green")
        lines.append(arrow.append(f"the peer: {relayed} packets to the relay, {from_relay} on"))
    return lines


def _call(sight: Sight) -> Text:
    if not sight.works:
        why = f": {'; '.join(sight.errors)}" if sight.errors else ""
        return Text(f"  the call does not connect{why}", style="red")
    return Text(
        f"  the call connects ({sight.local} to {sight.remote}), a message went there and back; "
        f"gathered in {sight.gathering_ms} ms"
    )


def _table(outcome: Outcome) -> Table:
    made = Table("who saw it", "without rtcguard", "with rtcguard")
    sides = (outcome.before, outcome.after)
    made.add_row("the page", *(_told(side.page) for side in sides))
    made.add_row("the site, in offers", *(_told(side.site) for side in sides))
    for where in outcome.before.arrived:
        if any(side.arrived[where] for side in sides):
            name = f"{where}, packets"
            made.add_row(name, *(_count(side.arrived[where], where) for side in sides))
    made.add_row("the peer was sent UDP by", *(_sources(side, outcome.client) for side in sides))
    made.add_row("the site was asked by", *(Text("\n".join(side.site_seen)) for side in sides))
    return made


def _told(addresses: tuple[str, ...]) -> Text:
    if not addresses:
        return Text("nothing", style="green")
    names = sum(one.endswith(".local") for one in addresses)
    lines = [one for one in addresses if not one.endswith(".local")]
    lines += [f"{names} .local names"] if names else []
    return Text("\n".join(lines), style="red")


def _count(count: int, where: str) -> Text:
    if not count:
        return Text("none", style="green")
    return Text(str(count), style="" if where == RELAY else "red")


def _sources(sight: Sight, client: tuple[str, ...]) -> Text:
    made = Text()
    for source, count in sight.at_peer.items():
        style = "red" if source in client else ""
        made.append(f"{source}: {count}\n", style=style)
    made.rstrip()
    return made if made.plain else Text("nobody")

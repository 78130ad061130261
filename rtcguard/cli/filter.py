"""`rtcguard filter`: one payload through ring 2."""

import json
import sys
import time
from pathlib import Path
from typing import IO

import click

from rtcguard.cli.options import config_option
from rtcguard.errors import PayloadBlocked
from rtcguard.policy.rule import DIRECTIONS
from rtcguard.signaling.message import Direction


@click.command()
@config_option
@click.option("--direction", type=click.Choice(DIRECTIONS), default="outbound", show_default=True,
              help="outbound: the client sends it.")  # fmt: skip
@click.option("--content-type", default="", metavar="TYPE", help="What HTTP says that it is.")
@click.option("--site", default="", metavar="HOST", help="The page that speaks.")
@click.option("--path", default="", metavar="PATH", help="The URL's path that it travels on.")
@click.option("--client", default="", metavar="IP", help="The client's own address.")
@click.option("--events", type=click.File("w"), metavar="FILE", help="Events as JSON lines.")
def command(
    config: Path | None,
    direction: Direction,
    content_type: str,
    site: str,
    path: str,
    client: str,
    events: IO[str] | None,
) -> None:
    """Filter one payload from standard input to standard output.

    The output has the input's length, but where approved TURN servers are put into a list of ICE
    servers on its way to the client. A payload that must not pass gives exit code 3 and no output.
    HTML documents are never signaling and come back as they are.
    """
    from rtcguard.app.settings import node, read_config, read_policy, state
    from rtcguard.ledger.masking import masked
    from rtcguard.ledger.writer import stamped
    from rtcguard.page import content_type as types
    from rtcguard.signaling import Message, Rewrite, rewrite

    read = read_config(config)
    servers = read_policy(read).servers if direction == "inbound" else ()
    content = sys.stdin.buffer.read()
    if types.read(content_type).is_html:
        made = Rewrite(content)
    else:
        message = Message(
            content,
            direction,
            site=site.lower(),
            client=client,
            path=path,
            servers=tuple(server.to_rtc(int(time.time()), "filter") for server in servers),
        )
        made = rewrite(message, read)
    if events is not None:
        records = made.records
        if read.ledger.addresses == "masked":
            kept = state()
            kept.prepare()
            mask = kept.mask(read)
            records = tuple(masked(record, mask) for record in records)
        for event in stamped(records, node(read)):
            events.write(json.dumps(event.to_dict()) + "\n")
    if made.blocked:
        raise PayloadBlocked(f"blocked: {made.blocked}")
    sys.stdout.buffer.write(made.content)
    sys.stdout.buffer.flush()

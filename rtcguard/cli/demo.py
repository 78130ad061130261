"""`rtcguard demo`: a call without rtcguard and one with it, on this machine."""

import json
import signal
import sys
from types import FrameType

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a picture.")
def command(as_json: bool) -> None:
    """Show a call without rtcguard and one with it, on this machine.

    Makes a network of its own in namespaces (root, Linux): a client, a gateway, a site with a STUN
    server, a relay (coturn), a peer. A real browser calls another one, first straight, then through
    rtcguard on the gateway. What the page, the site, the STUN server and the peer saw of the
    client's addresses is read from the page, from the site and from the packets. Nothing leaves the
    machine, and nothing stays. Exit code 1 if the second call leaks or does not connect.
    """
    from rtcguard.demo import demo, picture

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    outcome = demo.run(lambda line: click.echo(f"… {line}", err=True))
    if as_json:
        click.echo(json.dumps(outcome.to_dict(), indent=2))
    else:
        picture.show(outcome)
    sys.exit(1 if outcome.defects() else 0)


def _ended(number: int, frame: FrameType | None) -> None:
    """Once: what was made is removed, and that is not disturbed."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt

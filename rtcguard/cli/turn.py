"""`rtcguard turn`: setting up the approved TURN server, and credentials for it."""

import json
import time
from dataclasses import replace
from pathlib import Path

import click

from rtcguard.cli.options import DurationType, config_option


@click.group()
def command() -> None:
    """Set up the approved TURN server, or make credentials for it."""


@command.command("config")
@config_option
@click.option("--server", metavar="HOST", help="Which of relay.servers, where there are several.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE",
              help="Write it there, for its owner to read; never over another's file.")  # fmt: skip
def config_command(config: Path | None, server: str | None, output: Path | None) -> None:
    """Print or write a hardened configuration of coturn.

    From relay.servers (ports, TLS, the secret) and relay.coturn (addresses, certificate, quotas).
    It refuses private peers and answers nobody without credentials.
    """
    from rtcguard.app import settings, turn_config

    made = turn_config.text(settings.read_policy(settings.read_config(config)), server)
    if output is None:
        click.echo(made, nl=False)
        click.echo("The secret is in it: do not let others read it", err=True)
        return
    turn_config.write(output, made)
    click.echo(f"wrote {output}, for its owner alone to read; Debian's coturn reads it after")
    click.echo(f"    chown turnserver {output}")


@command.command("credentials")
@config_option
@click.option("--user", default="test", show_default=True, help="The name in the user name.")
@click.option("--lifetime", type=DurationType(), help="How long they hold, instead of `lifetime`.")
def credentials_command(config: Path | None, user: str, lifetime: int | None) -> None:
    """Print each approved server with credentials, as RTCPeerConnection takes them.

    Made from the shared secret where there is one; then they end by themselves.
    """
    from rtcguard.app import settings
    from rtcguard.errors import StartError

    policy = settings.read_policy(settings.read_config(config))
    if not policy.servers:
        raise StartError("no TURN server is approved: name one in relay.servers")
    now = int(time.time())
    made = [
        replace(server, lifetime=lifetime or server.lifetime).to_rtc(now, user)
        for server in policy.servers
    ]
    click.echo(json.dumps(made, indent=2))

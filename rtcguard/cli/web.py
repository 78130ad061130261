"""`rtcguard web`: what the local site needs of the person who runs it."""

from pathlib import Path

import click

from rtcguard.cli.options import config_option


@click.group()
def command() -> None:
    """Print the token of the local site."""


@command.command()
@config_option
def token(config: Path | None) -> None:
    """Print the token that opens one's own events from another machine, and where it is given.

    It shows nobody the events of another client. Without it, other machines get the start page, the
    certificate, the PAC file, the leak test and what is in force for them. It is made of the file
    web.key in the state folder; remove that and start rtcguard anew for another one.
    """
    from rtcguard.app import settings
    from rtcguard.ice.address import host_port

    listen = settings.read_config(config).web.listen
    state = settings.state()
    state.prepare()
    click.echo(f"token  {state.web_token()}")
    click.echo("given  http://rtcguard.test/token, through the proxy")
    if listen is not None:
        click.echo(f"       http://{host_port(*listen)}/token, on the site's own port")
    else:
        click.echo("web.listen is null, so there is no site", err=True)

"""`rtcguard reload`: has the running instance take its configuration anew."""

import sys

import click

from rtcguard.errors import ConfigError, RtcguardError


@click.command()
def command() -> None:
    """Have the running instance reload its configuration.

    Prints the policy's version and what changed. Exit code 2 if the configuration is refused, with
    each mistake; the one before stays in force then. 1 if none runs with this state folder.
    """
    from rtcguard.app import control, settings

    folder = settings.state().folder
    outcome = control.ask(folder)
    if outcome is None:
        raise RtcguardError(f"nothing runs with the state folder {folder}")
    for line in outcome.lines():
        click.echo(line, err=bool(outcome.mistakes))
    sys.exit(ConfigError.exit_code if outcome.mistakes else 0)

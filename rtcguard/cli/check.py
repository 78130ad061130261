"""`rtcguard check`: every mistake of configuration files."""

import sys
from pathlib import Path

import click

from rtcguard.errors import ConfigError


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
def command(files: tuple[Path, ...]) -> None:
    """Check configuration files, and tell every mistake.

    Each with its file, line and column; exit code 2 if there is one.
    """
    from rtcguard.app.settings import read_config

    failed = False
    for file in files:
        try:
            read_config(file)
            click.echo(f"{file}: ok")
        except ConfigError as error:
            failed = True
            click.echo(error, err=True)
    sys.exit(ConfigError.exit_code if failed else 0)

"""`rtcguard check`: every mistake of configuration files."""

import json
import sys
from pathlib import Path

import click

from rtcguard.errors import ConfigError, Mistake


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Each mistake as a line of JSON.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema that editors can use, alone.")
def command(files: tuple[Path, ...], as_json: bool, schema: bool) -> None:
    """Check configuration files, and tell every mistake.

    Each with its file, line and column; exit code 2 if there is one. What is allowed and odd is a
    warning, which changes no exit code.
    """
    if schema == bool(files):
        raise click.UsageError("name a FILE to check, or --schema alone")
    if schema:
        from rtcguard.policy.load import schema as made

        click.echo(json.dumps(made(), indent=1, ensure_ascii=False))
        return
    from rtcguard.app.settings import read_config
    from rtcguard.policy.version import version_of

    failed = False
    for file in files:
        try:
            config = read_config(file)
        except ConfigError as error:
            failed = True
            _tell(error.mistakes, "error", as_json)
            continue
        _tell(config.warnings, "warning", as_json)
        if not as_json:
            click.echo(f"{file}: ok, policy {version_of(config)}")
    sys.exit(ConfigError.exit_code if failed else 0)


def _tell(mistakes: list[Mistake] | tuple[Mistake, ...], severity: str, as_json: bool) -> None:
    for mistake in mistakes:
        if as_json:
            told = {
                "file": mistake.file,
                "line": mistake.line,
                "column": mistake.column,
                "severity": severity,
                "message": mistake.message,
            }
            click.echo(json.dumps(told))
        elif severity == "warning":
            message = f"warning: {mistake.message}"
            click.echo(Mistake(mistake.file, mistake.line, mistake.column, message), err=True)
        else:
            click.echo(mistake, err=True)

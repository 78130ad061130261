"""`rtcguard init`: a configuration to begin with, from those that come with rtcguard."""

from importlib import resources
from pathlib import Path
from typing import Final

import click

PRESETS: Final = {
    "personal": "one machine; every key, explained",
    "gateway": "the machine that routes for an office",
    "strict": "calls on named sites only",
    "monitor": "nothing is changed, everything is recorded",
}


@click.command()
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default="personal",
    show_default=True,
    help="; ".join(f"{name}: {what}" for name, what in PRESETS.items()) + ".",
)
@click.argument(
    "file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="[FILE]",
    default="rtcguard.yaml",
)
def command(preset: str, file: Path) -> None:
    """Write a configuration to begin with, or print it.

    It is written to FILE, rtcguard.yaml without one, and never over a file; `-` prints it. `run`
    and most other commands take it by --config.
    """
    from rtcguard.errors import StartError

    text = resources.files("rtcguard.presets").joinpath(f"{preset}.yaml").read_text("utf-8")
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        with open(file, "x", encoding="utf-8") as made:
            made.write(text)
    except FileExistsError as error:
        raise StartError(f"{file}: is there already, and is left as it is") from error
    except OSError as error:
        raise StartError(f"{file}: cannot be written ({error.strerror})") from error
    click.echo(f"wrote {file}; name your TURN server in relay.servers there, then")
    click.echo(f"    rtcguard check {file}")
    click.echo(f"    rtcguard run --config {file}")
    if preset != "personal":
        click.echo("`rtcguard init -` prints personal.yaml, which explains every key")

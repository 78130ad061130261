"""Writes the man page rtcguard(1), of what the commands say of themselves: `make man`.

Its text is roff with the macros of man(7); whatever is taken from elsewhere is escaped.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from rtcguard import __version__
from rtcguard.cli.init import PRESETS
from rtcguard.cli.main import cli

PAGE: Final = Path(__file__).parent / "rtcguard.1"
DATE: Final = "2026-11-26"  # of the last change that a reader would notice

_EXIT: Final = {
    "0": "Done.",
    "1": "A check failed, or something could not be done.",
    "2": "The usage or the configuration is wrong, or a part could not be started.",
    "3": "rtcguard filter: the payload must not pass; nothing is on standard output.",
}
_ENVIRONMENT: Final = {
    "RTCGUARD_STATE_DIR": "The folder for the ledger, the certificate authority and keys, in place "
    "of ~/.local/share/rtcguard.",
}
_FILES: Final = {
    "~/.local/share/rtcguard/": "The state folder, for its owner alone. The Debian package's "
    "services have /var/lib/rtcguard.",
    "~/.local/share/rtcguard/ledger.sqlite3": "The ledger; rtcguard report reads it.",
    "~/.local/share/rtcguard/ca/mitmproxy-ca-cert.pem": "The certificate that browsers have to "
    "trust. What is beside it has the authority's key: who has that can read their HTTPS.",
    "/etc/rtcguard/gateway.yaml": "The configuration of the Debian package's services.",
}


def page() -> str:
    """The whole page."""
    lines = [
        '.\\" Made by configs/deploy/man/make.py (make man); a change here is lost.',
        f'.TH RTCGUARD 1 {DATE} "rtcguard {__version__}" "User Commands"',
        ".SH NAME",
        "rtcguard \\- keep WebRTC from telling your addresses",
        ".SH SYNOPSIS",
        ".B rtcguard",
        "[\\fB\\-\\-version\\fR] [\\fB\\-\\-help\\fR] \\fICOMMAND\\fR [\\fIARGUMENT\\fR ...]",
        ".SH DESCRIPTION",
        *_wrapped(
            "A web page can learn a machine's real addresses through WebRTC, and send them out. "
            "rtcguard is a filtering proxy that lets calls work through TURN relays that you "
            "approved, and no other way, and keeps a ledger of every address that tried to get "
            "out. Without a configuration it uses safe defaults, in which no call connects."
        ),
        ".PP",
        "Begin with",
        *_verbatim(["rtcguard init", "rtcguard run --config rtcguard.yaml"]),
        ".PP",
        "then point a browser's HTTP and HTTPS proxy to 127.0.0.1:8080, and open",
        "http://rtcguard.test/ in it.",
        ".SH COMMANDS",
        "Each takes",
        "\\fB\\-\\-help\\fR.",
    ]
    with click.Context(cli, info_name="rtcguard") as context:
        lines += _commands(context)
    lines += [
        ".SH CONFIGURATION",
        "YAML. What comes with rtcguard is written by",
        "\\fBrtcguard init \\-\\-preset\\fR \\fINAME\\fR:",
        *_entries(PRESETS),
        ".PP",
        "personal.yaml explains every key in its comments;",
        "\\fBrtcguard check \\-\\-schema\\fR prints the JSON Schema.",
        "A value such as ${TURN_PASSWORD} is taken from the environment.",
        ".SH EXIT STATUS",
        *_entries(_EXIT),
        ".SH ENVIRONMENT",
        *_entries(_ENVIRONMENT),
        ".SH FILES",
        *_entries(_FILES),
        ".SH SEE ALSO",
        ".BR nft (8),",
        ".BR turnserver (1)",
    ]
    return "\n".join(lines) + "\n"


def _commands(context: click.Context) -> Iterator[str]:
    """Every command below that of the context, groups from within."""
    assert isinstance(context.command, click.Group)
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context) as inner:
            if isinstance(command, click.Group):
                yield from _commands(inner)
            else:
                yield from _command(inner)


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f".SS {_escaped(context.command_path)}"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\\fB{_escaped(context.command_path)}\\fR {_escaped(usage)}"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            yield from _verbatim(paragraph.splitlines()[1:])
            continue
        yield ".PP"
        yield from _wrapped(paragraph)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            yield ".TP"
            yield f"\\fB{_escaped(record[0])}\\fR"
            yield from _wrapped(record[1])


def _entries(entries: dict[str, str]) -> Iterator[str]:
    for name, text in entries.items():
        yield ".TP"
        yield f"\\fB{_escaped(name)}\\fR"
        yield from _wrapped(text)


def _verbatim(lines: list[str]) -> list[str]:
    return [".PP", ".nf", ".RS 4", *map(_escaped, lines), ".RE", ".fi"]


def _wrapped(text: str) -> list[str]:
    words = " ".join(text.replace("`", "").split())
    return [_escaped(line) for line in textwrap.wrap(words, 75, break_on_hyphens=False)]


def _escaped(text: str) -> str:
    """As roff shows it: hyphens that can be copied, and no line that is taken for a request."""
    made = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=['.])", r"\\&", made)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")

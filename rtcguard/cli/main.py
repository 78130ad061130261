"""The `rtcguard` command. To add a command: a module here, and a row in `COMMANDS`.

A command's module is imported when it is called for; its line in the help stands here, so that
`rtcguard --help` loads nothing else.
"""

import importlib
import sys
from typing import Final

import click
from click.shell_completion import CompletionItem

from rtcguard import __version__
from rtcguard.errors import ConfigError, RtcguardError

COMMANDS: Final = {
    "init": "Write a configuration to begin with, or print it.",
    "run": "Run the proxy, the STUN responder and the ledger.",
    "reload": "Have the running instance reload its configuration.",
    "filter": "Filter one payload from standard input to standard output.",
    "check": "Check configuration files, and tell every mistake.",
    "explain": "Tell which rule decides, and why.",
    "rules": "Test what a policy's rules decide.",
    "report": "Report what tried to leak, to whom, and what was done.",
    "scan": "Tell what leaked in recordings: captures, HAR, flows, SDP, logs.",
    "gateway": "Put the firewall of a gateway up, take it down, show it.",
    "doctor": "Check that everything works, and tell what to do where it does not.",
    "demo": "Show a call without rtcguard and one with it, on this machine.",
    "web": "Print the token of the local site.",
    "turn": "Set up the approved TURN server, or make credentials for it.",
    "proxy": "Lead this desktop's traffic to rtcguard, or no longer.",
    "ca": "Have this machine trust rtcguard's authority, or no longer.",
    "browser-policy": "Print or install the policy that keeps a browser to the proxy.",
    "completion": "Print the completion for a shell.",
}


def load(name: str) -> click.Command:
    """The command of a row; its module has underscores where the name has hyphens."""
    module = importlib.import_module(f"rtcguard.cli.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return load(cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click's own, but from the table: who presses Tab does not wait for every module."""
        named = [
            CompletionItem(name, help=line)
            for name, line in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rtcguard")
def cli() -> None:
    """Keep WebRTC from telling your addresses: calls go through approved TURN relays, or fail.

    Exit codes: 0 done, 1 a check failed, 2 usage or configuration, 3 payload blocked.
    """


def main() -> None:
    """Runs the command line; an error of ours is told in one line, without a traceback."""
    try:
        cli()
    except ConfigError as error:  # each line names its file already
        click.echo(error, err=True)
        sys.exit(error.exit_code)
    except RtcguardError as error:
        click.echo(f"rtcguard: {error}", err=True)
        sys.exit(error.exit_code)

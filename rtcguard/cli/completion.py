"""`rtcguard completion`: what makes a shell complete commands, options and files."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion for a shell.

    \b
    bash:  rtcguard completion bash > ~/.local/share/bash-completion/completions/rtcguard
    zsh:   rtcguard completion zsh > a file _rtcguard in a folder of $fpath
    fish:  rtcguard completion fish > ~/.config/fish/completions/rtcguard.fish
    """
    from rtcguard.cli.main import cli

    completion = get_completion_class(shell)
    assert completion is not None  # click's own, of the choice above
    # The name of the variable is click's, made of the program's.
    script = completion(cli, {}, "rtcguard", "_RTCGUARD_COMPLETE").source()
    # click's test for "this was loaded from $fpath" holds for the first Tab only, and the second
    # one completes nothing; the name of the function on top holds for each.
    script = script.replace("$zsh_eval_context[-1] == loadautofunc", "$funcstack[1] == _rtcguard")
    click.echo(script)

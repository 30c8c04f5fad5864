"""``pulumi-rewind completion``: the script with which a shell completes our command line."""

from __future__ import annotations

import click

from pulumi_rewind_tui.terminal.options import Shared, rewind_command
from pulumi_rewind_tui.terminal.shells import SHELLS


@rewind_command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
def completion(_: Shared, shell: str) -> None:
    """Print the script with which bash, zsh or fish completes commands, options, stacks, targets and resources.

    \b
    bash, in ~/.bashrc:   eval "$(pulumi-rewind completion bash)"
    zsh, in ~/.zshrc:     eval "$(pulumi-rewind completion zsh)"
    fish, once:           pulumi-rewind completion fish > ~/.config/fish/completions/pulumi-rewind.fish

    Completion reads the history each time, so it is never out of date. It never asks a question and never prints an
    error.
    """
    click.echo(SHELLS[shell].source_template, nl=False)

"""``pulumi-rewind keys``: every action that ``[keys]`` can give a key to."""

from __future__ import annotations

import os
from functools import partial
from itertools import groupby

import click

from pulumi_rewind_tui.terminal.options import Shared, rewind_command, to_json
from pulumi_rewind_tui.text.cells import paragraph


@rewind_command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def keys(shared: Shared, as_json: bool) -> None:
    """List every action of the screens: its name, its keys now, where it works and what it does.

    Use these names under [keys] in rewind.toml, beside Pulumi.yaml or in ~/.config/pulumi-rewind: `"home.stacks" =
    "S"`; separate several keys by commas. A * marks keys that your settings changed. The end of the list names
    actions that share a key in one place.
    """
    from pulumi_rewind.project.places import project_root, settings_files
    from pulumi_rewind.project.settings import load_settings, where_set
    from pulumi_rewind_tui.app import RewindApp
    from pulumi_rewind_tui.screens.actions import actions, clashes, shown, summary

    root = project_root(shared.cwd, os.environ)
    found = actions(RewindApp, load_settings(root, os.environ).keys, partial(where_set, root, os.environ))
    files = settings_files(root, os.environ)
    problems = clashes(found)
    out = shared.screen().out
    if as_json:
        listed = [summary(action) for action in found.values()]
        out.raw(to_json({"files": [str(path) for path in files], "actions": listed, "problems": problems}))
        return
    pressed = {name: ", ".join(map(shown, action.keys)) for name, action in found.items()}
    names, column = max(map(len, found)) + 2, max(map(len, pressed.values())) + 2
    room = max(out.width - names - column - 2, 20) if out.terminal else 1000
    for where, here in groupby(found.values(), lambda action: action.where):
        out.line((where[0].upper() + where[1:], "bold"))
        for action in here:
            mark = "*" if action.keys != action.default else " "
            first, *rest = paragraph(action.what, room, "dim")
            out.line(f"{mark} {action.name:<{names}}", (f"{pressed[action.name]:<{column}}", "key"), *first)
            out.lines([(" " * (names + column + 2), *line) for line in rest])
        out.line("")
    where = ", ".join(map(str, files)) or "no rewind.toml"
    out.line((f'Settings read: {where}. A line below [keys] in rewind.toml sets a key: home.rollback = "x".', "dim"))
    for problem in problems:
        out.line((f"warning: {problem}", "warn"))

"""How the screens look from the first paint on: the theme that was chosen last, unless settings or a flag say another.

All of this happens before the first paint: it reads small files alone, and nothing of the project or its backend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.errors import StateDirectoryError, UsageError
from pulumi_rewind.project.places import project_root, settings_files
from pulumi_rewind.system.state_directory import StateDirectory
from pulumi_rewind_tui.theme import PREFIX, theme_name

LONGEST: int = 40
"""Characters of a theme's name."""


class Appearance(msgspec.Struct, frozen=True):
    """What a screen needs before it is painted."""

    theme: str
    """One of `theme.NAMES`."""
    ascii: bool


def appearance(cwd: Path, environ: Mapping[str, str], theme: str | None, ascii_only: bool) -> Appearance:
    """The appearance as flags, settings and the last choice have them, in this order.

    Raises:
        UsageError: there is no such theme, or the settings can't be read.
    """
    root = project_root(cwd, environ)
    if settings_files(root, environ):
        from pulumi_rewind.project.settings import load_settings, where_set

        settings = load_settings(root, environ)
        ascii_only = ascii_only or settings.ascii
        if not theme and settings.theme:
            try:
                return Appearance(theme_name(settings.theme).removeprefix(PREFIX), ascii_only)
            except UsageError as err:
                raise UsageError(f"{where_set(root, environ, 'theme')}: {err}", hint=err.hint) from None
    name = theme_name(theme or remembered(environ) or "dark")
    return Appearance(name.removeprefix(PREFIX), ascii_only)


def remembered(environ: Mapping[str, str]) -> str:
    """The theme that was chosen last; empty if none was, or what is kept of it is of no use: that stops nothing."""
    directory = StateDirectory(environ)
    with contextlib.suppress(StateDirectoryError, UsageError, UnicodeDecodeError):
        name = (directory.read(directory.theme) or b"")[:LONGEST].decode().strip()
        if name:
            return theme_name(name).removeprefix(PREFIX)
    return ""


def remember(environ: Mapping[str, str], theme: str) -> None:
    """Keeps the name of a theme for the next start.

    Raises:
        StateDirectoryError: it can't be written.
    """
    directory = StateDirectory(environ)
    directory.write(directory.theme, theme.removeprefix(PREFIX).encode() + b"\n")

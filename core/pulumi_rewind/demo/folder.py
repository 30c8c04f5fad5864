"""A demo's folder: what belongs to it, how programs run in it, and how it is removed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pulumi_rewind.demo.cluster import Cluster
from pulumi_rewind.demo.content import PROJECT, STACK
from pulumi_rewind.demo.machine import Machine
from pulumi_rewind.demo.site import Site
from pulumi_rewind.errors import RewindError, UsageError

MARKER: Final = ".rewind-demo.json"
"""Nothing is ever removed from a folder without it."""

FOREIGN: Final = ("PULUMI_", "GIT_")
"""Prefixes of variables of the operator's that would lead a demo somewhere else."""

KEPT: Final = ("PULUMI_REWIND_",)


@dataclass(frozen=True)
class Demo:
    """A demo project in its folder."""

    root: Path
    """Absolute; also the directory of the Pulumi project and of the git repository."""
    site: Site
    """Where its resources are."""
    complete: bool = False
    """Whether all releases were deployed."""

    @property
    def marker(self) -> Path:
        """The file that says that the folder is a demo's."""
        return self.root / MARKER

    @property
    def state(self) -> Path:
        """The file backend."""
        return self.root / "state"

    @property
    def home(self) -> Path:
        """PULUMI_HOME."""
        return self.root / "pulumi-home"

    @property
    def passphrase_file(self) -> Path:
        """What the secrets of the stack are encrypted with."""
        return self.root / "passphrase"

    @property
    def environment_file(self) -> Path:
        """What a shell reads before it works in the folder."""
        return self.root / "env.sh"

    @property
    def backend_url(self) -> str:
        """``file://…``, as the pulumi CLI takes it: not everything is percent-encoded."""
        from pulumi_rewind.backends.urls import FILE, absolute_url

        plain = str(self.state)
        for character in "%?#":
            plain = plain.replace(character, f"%{ord(character):02X}")
        return absolute_url(FILE + plain, self.root)

    def variables(self) -> dict[str, str]:
        """What pulumi needs to work in the folder, besides a PATH with an engine on it."""
        return {
            **self.site.variables(),
            "PULUMI_HOME": str(self.home),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase_file),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """The operator's environment without what would lead elsewhere, and with what the demo needs."""
        own = {name: value for name, value in base.items() if not name.startswith(FOREIGN) or name.startswith(KEPT)}
        path = os.pathsep.join([*self.site.programs(), base.get("PATH") or os.defpath])
        return own | {"PWD": str(self.root), "PATH": path} | self.variables()

    def write_marker(self) -> None:
        """Writes the marker again."""
        record = {
            "made_by": "pulumi-rewind demo",
            "kind": self.site.kind,
            **self.site.record(),
            "complete": self.complete,
        }
        part = self.marker.with_suffix(".part")
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        part.replace(self.marker)

    def completed(self) -> Demo:
        """The same demo, marked as complete."""
        done = replace(self, complete=True)
        done.write_marker()
        return done

    def clean(self, environ: Mapping[str, str] = os.environ) -> str:
        """Removes what the site has, and the folder; returns in words what else that was, as ``2 servers stopped``.

        Raises:
            RewindError: something can't be removed.
        """
        from pulumi_rewind.project.journal import Journal
        from pulumi_rewind.state.model import StackRef

        removed = self.site.clean()
        journal = Journal(self.backend_url, StackRef(PROJECT, STACK), environ)
        journal.forget()
        journal.state.forget(journal.key)
        # The marker goes last, so that what could not be removed can still be cleaned.
        try:
            for path in self.root.iterdir():
                if path.name == MARKER:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            self.marker.unlink()
            self.root.rmdir()
        except OSError as err:
            raise RewindError(
                f"{self.root} can't be removed completely: {err}", hint="Remove what is left by hand."
            ) from None
        return removed


def find_demo(folder: Path) -> Demo | None:
    """The demo in a folder, None if there is none."""
    root = folder.resolve()
    try:
        record = json.loads((root / MARKER).read_text(encoding="utf-8"))
        if record["made_by"] != "pulumi-rewind demo":
            return None
        kind = Cluster if record.get("kind") == Cluster.kind else Machine
        return Demo(root, kind.recorded(root, record), complete=record["complete"] is True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def enclosing_demo(folder: Path) -> Demo | None:
    """The demo that a folder is inside of, not the one in it."""
    return next((demo for parent in folder.resolve().parents if (demo := find_demo(parent)) is not None), None)


def open_demo(folder: Path) -> Demo:
    """The demo in a folder.

    Raises:
        UsageError: there is none; nothing there is ours to touch.
    """
    demo = find_demo(folder)
    if demo is None:
        what = "is not a demo" if folder.exists() else "does not exist"
        raise UsageError(
            f"{folder} {what}", hint=f"A demo's folder has a file {MARKER}; `pulumi-rewind demo DIR` makes one."
        )
    return demo

"""Programs that ready-made callbacks start, and packages that they import: what is missing is named with its remedy."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import Secret


def package(name: str) -> Any:
    """A module of a package that only some callbacks need.

    Raises:
        CopyError: the interpreter that runs the hooks file does not have it.
    """
    try:
        return import_module(name)
    except ImportError:
        top = name.partition(".")[0]
        raise CopyError(
            f"the Python that runs the hooks file does not have the package {top}",
            hint=f"Run `pip install {top}` in the project's virtual environment.",
        ) from None


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    text: str | None = None,
    stdin: IO[bytes] | int | None = None,
    stdout: IO[bytes] | int | None = None,
    install: str = "",
) -> str:
    """Runs a program to its end and returns what it printed; `environ` is added to ours.

    `text` is its standard input, unless that is a file, `stdin`; with `stdout` its output goes to that file instead.
    What it says on its standard error goes to the log. `install` is the advice where there is no such program.

    Raises:
        CopyError: it is not there, or fails; the message ends with the line that says why.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **(environ or {})},
            input=None if text is None else text.encode(),
            stdin=stdin if text is None else None,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
    except OSError as err:
        raise CopyError(f"{name} can't be started: {err.strerror}", hint=install) from None
    said = done.stderr.decode(errors="replace").strip()
    if said:
        print(said)  # noqa: T201 - goes to the log of the callback
    if done.returncode != 0:
        lines = said.splitlines() or [f"exit code {done.returncode}"]
        why = next((line for line in lines if "error: " in line or line.startswith("Error ")), lines[0])
        raise CopyError(f"{name} failed: {why}")
    return (done.stdout or b"").decode(errors="replace")


@contextlib.contextmanager
def streamed(command: Sequence[str | Path]) -> Iterator[IO[bytes]]:
    """What a program prints, as it comes; its standard error goes to the log.

    Raises:
        CopyError: it is not there, or fails, which is known when the block ends.
    """
    name = Path(command[0]).name
    try:
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
    except OSError as err:
        raise CopyError(f"{name} can't be started: {err.strerror}") from None
    with process:
        assert process.stdout is not None
        yield process.stdout
    if process.returncode:
        raise CopyError(f"{name} failed: exit code {process.returncode}", hint="See in the log what it said.")


def plain(value: Any) -> Any:
    """A property value without its `Secret`s: for a service or a child's environment, never for a message."""
    if isinstance(value, Secret):
        return plain(value.reveal())
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items() if key != "__defaults"}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def counted(count: int, unit: str) -> str:
    """``1 row``, ``2 rows``; the unit is given as a plural."""
    return f"{count} {unit if count != 1 else unit.removesuffix('s')}"


def size(count: int) -> str:
    """A number of bytes for people: ``12.3 kB``."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.1f} {unit}" if unit != "bytes" else f"{count} bytes"
        amount /= 1000
    return f"{amount:.1f} TB"

"""What may stand after ``up … --``: the operator's own flags for `pulumi up`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pulumi_rewind.engine.environment import LEFT_OUT, OPTION, SKIP_CHECKPOINTS
from pulumi_rewind.errors import UsageError

VALUED: Final = frozenset({
    "--attach-debugger", "--config", "--config-file", "--exclude", "--memprofilerate", "--message", "--otel-traces",
    "--override-env", "--parallel", "--plan", "--policy-pack", "--policy-pack-config", "--profiling", "--replace",
    "--secrets-provider", "--target", "--target-replace", "--tracing", "--verbose", "-c", "-m", "-p", "-t", "-v",
})  # fmt: skip
"""Flags whose value may be the next argument."""

OURS: Final[Mapping[str, str]] = {
    "--stack": "name the stack before the `--`",
    "-s": "name the stack before the `--`",
    "--cwd": "write `--cwd` before the `--`",
    "-C": "write `--cwd` before the `--`",
    "--yes": "write `--yes` before the `--`",
    "-y": "write `--yes` before the `--`",
    "--json": "write `--json` before the `--`",
    "-j": "write `--json` before the `--`",
    "--skip-preview": "pulumi-rewind shows its own review; `--yes` skips the question",
    "-f": "pulumi-rewind shows its own review; `--yes` skips the question",
    "--show-secrets": "secrets would be written to the evidence of a failure",
    "--event-log": "pulumi-rewind reads progress from its own event log",
    "--client": "the program that runs is the project's own",
    "--non-interactive": "pulumi-rewind always passes it",
    "--color": "write `--no-color` before the `--`",
    "--remote": "pulumi-rewind can't follow an update that runs elsewhere",
    "--help": "`pulumi up --help` lists the flags",
    "-h": "`pulumi up --help` lists the flags",
}
"""Flags that are refused, with the reason or what to do instead."""

FILES: Final = frozenset({"--config-file", "--plan", "--policy-pack", "--policy-pack-config"})
"""Flags whose value is the path of a file."""

UP_ONLY: Final = frozenset({"--continue-on-error", "--strict", "--secrets-provider", "--plan"})
"""Flags that `pulumi preview` doesn't have."""

_SWITCHES: Final = "defhjyQ"
"""Short flags without a value: several of them can stand in one argument."""


def check_flags(flags: Sequence[str], *, rolls_back: bool = False) -> None:
    """Refuses what can't be passed on.

    Raises:
        UsageError: a flag that is ours to give, or that an automatic rollback can't follow.
    """
    for flag, _ in _split(flags):
        if flag in OURS or flag.startswith("--remote-"):
            reason = OURS.get(flag, OURS["--remote"])
            raise UsageError(f"{flag} can't be passed on to `pulumi up`", hint=f"Leave it out: {reason}.")
        if rolls_back and flag == "--config-file":
            raise UsageError(
                "--config-file and --rollback-on-failure don't go together",
                hint="A rollback uses the stack's own configuration file: put the values there, or leave one out.",
            )


def given_options(environ: Mapping[str, str]) -> dict[str, str]:
    """The operator's flags for every command, given as variables, as far as they may be passed on.

    So are variables that only a rollback can't have; the state is always saved as the update goes.
    """
    ours = {OPTION + flag.removeprefix("--").replace("-", "_").upper() for flag in OURS if flag.startswith("--")}
    return {
        name: value
        for name, value in environ.items()
        if (name.startswith(OPTION) and name not in ours and not name.startswith(f"{OPTION}REMOTE_"))
        or (name in LEFT_OUT and name != SKIP_CHECKPOINTS)
    }


def rooted_flags(flags: Sequence[str], cwd: Path) -> tuple[str, ...]:
    """The flags with the files that they name made absolute: a relative one starts where the operator is."""
    found: list[str] = []
    for flag, parts in _split(flags):
        if flag not in FILES:
            found += parts
        elif len(parts) == 2:
            found += (flag, str(cwd / parts[1]))
        else:
            found.append(f"{flag}={cwd / parts[0].partition('=')[2]}")
    return tuple(found)


def preview_flags(flags: Sequence[str]) -> tuple[str, ...]:
    """The flags as far as `pulumi preview` has them."""
    return tuple(part for flag, parts in _split(flags) if flag not in UP_ONLY for part in parts)


def _split(flags: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Each flag (without its value) with the arguments that it takes.

    Raises:
        UsageError: something that is neither a flag nor the value of one.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    rest = list(flags)
    while rest:
        text = rest.pop(0)
        if not text.startswith("-") or text in {"-", "--"}:
            raise UsageError(
                f"{text!r} is not a flag of `pulumi up`",
                hint="After `--` only flags are taken; write a flag's value as `--flag=value`.",
            )
        if text.startswith("--"):
            name = text.partition("=")[0]
            takes = name in VALUED and "=" not in text and rest
            found.append((name, (text, rest.pop(0)) if takes else (text,)))
            continue
        found += _short(text, rest)
    return found


def _short(text: str, rest: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """``-c key=value``, ``-ckey=value``, or switches in a row: ``-de``."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for index, letter in enumerate(text[1:], 1):
        name = f"-{letter}"
        if letter in _SWITCHES:
            found.append((name, (name,)))
            continue
        attached = text[index + 1 :]
        if attached:
            found.append((name, (name + attached,)))
        else:
            found.append((name, (name, rest.pop(0)) if name in VALUED and rest else (name,)))
        break
    return found

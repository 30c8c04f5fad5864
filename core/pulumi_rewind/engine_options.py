"""Variables of the environment that change what the pulumi CLI does: those that are left out, and those that are told.

Source: pulumi 3.276, where flags of every command can be given as ``PULUMI_OPTION_<FLAG>``, and its list of variables.
What only changes speed, colours or files of the CLI's own is in neither list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pulumi_rewind.engine_environment import OPTION, TALKATIVE, withheld

SKIP_CHECKPOINTS: Final = "PULUMI_SKIP_CHECKPOINTS"

LEFT_OUT: Final[Mapping[str, str]] = {
    SKIP_CHECKPOINTS: "the state would be saved at the end alone, and be lost with a killed run",
    "PULUMI_DISABLE_PROVIDER_PREVIEW": "the preview would not be what the run does",
    "PULUMI_LEGACY_PROVIDER_PREVIEW": "the preview would not be what the run does",
    "PULUMI_DISABLE_RESOURCE_REFERENCES": "what is recorded could not be put back as it was",
    "PULUMI_DISABLE_OUTPUT_VALUES": "what is recorded could not be put back as it was",
    "PULUMI_CONTINUE_ON_ERROR": "a rollback stops at the first failure",
}
"""What contradicts a reviewed plan, and why."""

TOLD: Final[Mapping[str, str]] = {
    "PULUMI_EXPERIMENTAL": "experimental features of the engine are on",
    "PULUMI_DEV": "features for developing the engine are on",
    "PULUMI_ENABLE_LEGACY_DIFF": "the engine compares as old versions did",
    "PULUMI_ENABLE_LEGACY_REFRESH_DIFF": "a refresh compares as old versions did",
    "PULUMI_DISABLE_REFRESH_BEFORE_UPDATE": "what providers want to have read first is not read",
    "PULUMI_DEBUG_PROVIDERS": "providers that already run are used, and get the credentials",
    "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES": "plugins are downloaded from other places",
    "PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH": "any installed version of a plugin may be used",
    "PULUMI_CLOUD_SECRET_OVERRIDE": "another key service opens secrets",
    "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "no copy of the state is kept before each write",
    "PULUMI_SELF_MANAGED_STATE_DISABLE_CHECKPOINT_BACKUPS": "no copy of the state is kept before each write",
    "PULUMI_DISABLE_CHECKPOINT_BACKUPS": "no copy of the state is kept before each write",
}
"""What the operator may have meant, and what it does."""

_OFF: Final = frozenset({"", "0", "f", "false"})
"""Values that set nothing, as the CLI reads them."""


def kept(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what contradicts a reviewed plan: a ``--target`` would make half a rollback of one."""
    return {name: value for name, value in environ.items() if not (name.startswith(OPTION) or name in LEFT_OUT)}


def told(environ: Mapping[str, str]) -> Iterator[str]:
    """What to say of the variables that are set, one sentence for each; none of their values."""
    if flags := sorted(name for name in environ if name.startswith(OPTION)):
        yield f"flags from the environment are not used: {', '.join(flags)}"
    yield from (f"{name} is left out for the engine: it {TALKATIVE[name]}" for name in withheld(environ))
    for name, value in sorted(environ.items()):
        if value.lower() in _OFF:
            continue
        if name in LEFT_OUT:
            yield f"{name} is left out for the engine: {LEFT_OUT[name]}"
        elif name in TOLD:
            yield f"{name} is set: {TOLD[name]}"

"""Which of the operator's variables reach the engine, its plugins and language hosts, and notes on them. Pure.

Not passed on are variables that change what a run does (``--target`` would turn a reviewed plan into half a rollback),
and those that make the engine or a provider print or write secrets in plaintext. Loopback bypasses every proxy: the
engine, language hosts and providers talk to each other over it in plaintext.

Source: pulumi 3.276, where flags of every command can be given as ``PULUMI_OPTION_<FLAG>``, and its list of variables.
What only changes speed, colours or files of the CLI's own is in no list here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

OPTION: Final = "PULUMI_OPTION_"
"""Begins the variables that give flags to the commands of pulumi 3.208 and newer: ``PULUMI_OPTION_TARGET`` …"""

DEBUG_VARIABLES: Final[Mapping[str, str]] = {
    "PULUMI_DEBUG_GRPC": "writes every provider call to a file, with secrets in plaintext",
    "PULUMI_LOG_OTLP_ENDPOINT": "sends the engine's logs elsewhere",
    "PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT": "sends traces elsewhere, with the contents of calls",
    "TF_LOG": "makes providers print what they send and receive",
    "TF_LOG_CORE": "makes providers print what they send and receive",
    "TF_LOG_PATH": "makes providers write what they send and receive to a file",
    "TF_LOG_PROVIDER": "makes providers print what they send and receive",
    "TF_LOG_SDK": "makes providers print what they send and receive",
    "TF_LOG_SDK_PROTO": "makes providers print what they send and receive",
}
"""Debugging variables that would put secrets into output or files, and what each does."""

SKIP_CHECKPOINTS: Final = "PULUMI_SKIP_CHECKPOINTS"

OF_PREVIEWS: Final[Mapping[str, str]] = {SKIP_CHECKPOINTS: "true"}
"""What only previews get: else the engine writes out the whole state after each change that it foresees, for nobody."""

LEFT_OUT: Final[Mapping[str, str]] = {
    SKIP_CHECKPOINTS: "the engine would save the state only at the end, and a killed run would lose it",
    "PULUMI_DISABLE_PROVIDER_PREVIEW": "the preview would not match the run",
    "PULUMI_LEGACY_PROVIDER_PREVIEW": "the preview would not match the run",
    "PULUMI_DISABLE_RESOURCE_REFERENCES": "recorded values could not be restored exactly",
    "PULUMI_DISABLE_OUTPUT_VALUES": "recorded values could not be restored exactly",
    "PULUMI_CONTINUE_ON_ERROR": "a rollback has to stop at the first failure",
}
"""Variables that contradict a reviewed plan, and why."""

CHANGES_ENGINE: Final[Mapping[str, str]] = {
    "PULUMI_EXPERIMENTAL": "experimental features of the engine are on",
    "PULUMI_DEV": "features for developing the engine are on",
    "PULUMI_ENABLE_LEGACY_DIFF": "the engine compares as old versions did",
    "PULUMI_ENABLE_LEGACY_REFRESH_DIFF": "a refresh compares as old versions did",
    "PULUMI_DISABLE_REFRESH_BEFORE_UPDATE": "resources are not refreshed first where their provider asks for it",
    "PULUMI_DEBUG_PROVIDERS": "providers that already run are used and receive the credentials",
    "PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES": "plugins are downloaded from other locations",
    "PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH": "any installed version of a plugin may be used",
    "PULUMI_CLOUD_SECRET_OVERRIDE": "a different key service decrypts secrets",
    "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "no copy of the state is kept before each write",
    "PULUMI_SELF_MANAGED_STATE_DISABLE_CHECKPOINT_BACKUPS": "no copy of the state is kept before each write",
    "PULUMI_DISABLE_CHECKPOINT_BACKUPS": "no copy of the state is kept before each write",
}
"""Variables that change the engine but are passed on, and what each does."""

_OFF: Final = frozenset({"", "0", "f", "false"})
"""Values that set nothing, as the CLI reads them."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_PROXY: Final = re.compile(r"(?i:(?:all|grpc|http|https)_proxy)")
_EXCEPTIONS: Final = ("no_proxy", "NO_PROXY")
_GRPC_EXCEPTIONS: Final = "no_grpc_proxy"
"""What gRPC's C core and that of Node.js ask before ``no_proxy``; neither knows the ``*`` of that."""


def engine_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The operator's environment as an engine gets it."""
    left_out = {*debug_variables(environ), *LEFT_OUT}
    kept = {name: value for name, value in environ.items() if name not in left_out and not name.startswith(OPTION)}
    return kept | loopback_direct(kept)


def debug_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """The debugging variables that are set; they are not passed on."""
    return (name for name in sorted(DEBUG_VARIABLES) if environ.get(name))


def environment_notes(environ: Mapping[str, str]) -> Iterator[str]:
    """A note on each of these variables that is set; without its value."""
    if flags := sorted(name for name in environ if name.startswith(OPTION)):
        yield f"flags from the environment are not used: {', '.join(flags)}"
    yield from (f"{name} is not passed to the engine: it {DEBUG_VARIABLES[name]}" for name in debug_variables(environ))
    for name, value in sorted(environ.items()):
        if value.lower() in _OFF:
            continue
        if name in LEFT_OUT:
            yield f"{name} is not passed to the engine: {LEFT_OUT[name]}"
        elif name in CHANGES_ENGINE:
            yield f"{name} is set: {CHANGES_ENGINE[name]}"


def loopback_direct(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that take loopback off every proxy; none where there is no proxy. Other exceptions stay."""
    if not any(_PROXY.fullmatch(name) and value for name, value in environ.items()):
        return {}
    lower, upper = _EXCEPTIONS
    found = {
        # Programs read one or the other, and the other only where the first is missing.
        lower: _extended(environ.get(lower) or environ.get(upper, "")),
        upper: _extended(environ.get(upper) or environ.get(lower, "")),
    }
    if _GRPC_EXCEPTIONS in environ or "*" in found.values():
        found[_GRPC_EXCEPTIONS] = _extended(environ.get(_GRPC_EXCEPTIONS, ""))
    return found


def _extended(value: str) -> str:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if names == ["*"]:
        return "*"
    return ",".join([*names, *(name for name in LOOPBACK if name not in names)])

"""What of the operator's environment reaches the engine, its plugins and language hosts. Pure.

Left out is what changes what a run does (flags), and what makes the engine or a provider print or write secrets as they
are. What is on this machine is reached directly, whatever proxy there is: the engine, language hosts and providers
talk to each other over loopback in plaintext.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

OPTION: Final = "PULUMI_OPTION_"
"""Begins the variables that give flags to the commands of pulumi 3.208 and newer: ``PULUMI_OPTION_TARGET`` …"""

TALKATIVE: Final[Mapping[str, str]] = {
    "PULUMI_DEBUG_GRPC": "writes every call of a provider into a file, secrets in plaintext",
    "PULUMI_LOG_OTLP_ENDPOINT": "sends the engine's logs elsewhere",
    "PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT": "sends traces elsewhere, with what calls carry",
    "TF_LOG": "makes providers print what they send and receive",
    "TF_LOG_CORE": "makes providers print what they send and receive",
    "TF_LOG_PATH": "makes providers write what they send and receive into a file",
    "TF_LOG_PROVIDER": "makes providers print what they send and receive",
    "TF_LOG_SDK": "makes providers print what they send and receive",
    "TF_LOG_SDK_PROTO": "makes providers print what they send and receive",
}
"""Variables for looking for faults that would bring secrets into output or files, and what each does."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_PROXY: Final = re.compile(r"(?i:(?:all|grpc|http|https)_proxy)")
_EXCEPTIONS: Final = ("no_proxy", "NO_PROXY")
_GRPC_EXCEPTIONS: Final = "no_grpc_proxy"
"""What gRPC's C core and that of Node.js ask before ``no_proxy``; neither knows the ``*`` of that."""


def engine_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The operator's environment as an engine gets it."""
    left_out = set(withheld(environ))
    kept = {name: value for name, value in environ.items() if name not in left_out and not name.startswith(OPTION)}
    return kept | loopback_direct(kept)


def withheld(environ: Mapping[str, str]) -> Iterator[str]:
    """The variables for looking for faults that are set, and aren't passed on."""
    return (name for name in sorted(TALKATIVE) if environ.get(name))


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

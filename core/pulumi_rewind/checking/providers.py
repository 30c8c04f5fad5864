"""Providers that going back needs and that an update takes away: plugins, and what they are configured from. Pure.

The configuration of an explicit provider is in the state, so that going back registers it again. What it was computed
from (a cluster's kubeconfig) may be another object then: values that can't be relinked reach nothing any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from pulumi_rewind.engine.messages import missing_module, missing_plugin
from pulumi_rewind.risk import OPAQUE, Risk
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.naming import listed


def missing_package(text: str) -> str:
    """The package whose provider isn't there, by what the engine says of a preview that failed; empty if none is.

    The code of dynamic providers is in the state, and imports modules of the program.
    """
    return missing_plugin(text) or ("pulumi-python" if missing_module(text) else "")


def providers_gone(
    live: Checkpoint,
    going: Collection[str],
    risks: Mapping[str, Sequence[Risk]],
    *,
    lost: Collection[str] = (),
    package: str = "",
) -> dict[str, str]:
    """URN → why its provider would be gone, for those of `going`, URNs of live that need their provider to come back.

    `risks` are those of the way back by URN. Where it could not be previewed, `lost` are the URNs whose object the
    update takes away, and `package` is one whose provider is missing.
    """
    found: dict[str, str] = {}
    for urn in going:
        res = live.by_urn.get(urn)
        if res is None or not res.custom:
            continue
        if package and res.type.partition(":")[0] == package:
            found[urn] = f"the provider {package!r} that going back needs can't be loaded"
            continue
        provider = live.by_urn.get(res.provider_urn)
        if provider is None or provider.is_default_provider:
            continue
        stale = [risk.message for risk in risks.get(provider.urn, ()) if risk.code == OPAQUE or risk.blocking]
        sources = sorted({one.name for one in _sources(provider, live) if one.urn in lost})
        if stale:
            found[urn] = f"its provider {provider.name} {stale[0]}"
        elif sources:
            found[urn] = (
                f"its provider {provider.name} is configured from {listed(sources)}, which the update takes away"
            )
    return found


def _sources(provider: Resource, live: Checkpoint) -> Iterator[Resource]:
    """Everything that a provider's configuration was computed from, at any distance."""
    waiting, seen = list(provider.uses), set[str]()
    while waiting:
        urn = waiting.pop()
        res = live.by_urn.get(urn)
        if urn in seen or res is None:
            continue
        seen.add(urn)
        yield res
        waiting += res.uses

"""Which live resource is which resource of a target: the same object under another name is the same object.

Pure. The engine finds an old resource by URN first and by alias second, so the pairs here are what becomes an
alias in a goal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from pulumi_rewind.model import Resource, Urn, parse_urn


def match(target: Iterable[Resource], live: Iterable[Resource]) -> dict[str, str]:
    """Pairs URNs of the target with URNs of live.

    By URN (leaving aside what a stack or project rename changed), then by type and id, then components by where
    their matched children live. Each live URN is given away once.
    """
    targets = [res for res in target if not res.delete]
    lives = [res for res in live if not res.delete]
    pairs: dict[str, str] = {}
    taken: set[str] = set()

    def pair(urn: str, live_urn: str) -> None:
        pairs[urn] = live_urn
        taken.add(live_urn)

    by_urn = {res.urn: res for res in lives}
    for res in targets:
        same = by_urn.get(res.urn)
        if same is not None and same.custom == res.custom:
            pair(res.urn, res.urn)
    if len(pairs) == len(targets):
        return pairs
    by_key = {_key(res.urn): res for res in lives if res.urn not in taken}
    for res in targets:
        if res.urn in pairs:
            continue
        same = by_key.get(_key(res.urn))
        if same is not None and same.custom == res.custom:
            pair(res.urn, same.urn)
    by_id: dict[tuple[str, str], list[Resource]] = defaultdict(list)
    for res in lives:
        if res.custom and res.id and not res.is_provider and res.urn not in taken:
            by_id[res.type, res.id].append(res)
    for res in targets:
        found = by_id.get((res.type, res.id), []) if res.custom and res.id and res.urn not in pairs else []
        if len(found) == 1 and found[0].urn not in taken:
            pair(res.urn, found[0].urn)
    _match_components(targets, lives, pairs, taken)
    _match_providers(targets, lives, pairs, taken)
    return pairs


def _key(urn: str) -> tuple[str, str]:
    parsed = parse_urn(urn)
    name = parsed.name
    if parsed.qualified_type == "pulumi:pulumi:Stack":
        name = ""  # <project>-<stack>, changed by renames
    return parsed.qualified_type, name


def _match_components(targets: list[Resource], lives: list[Resource], pairs: dict[str, str], taken: set[str]) -> None:
    """Pairs components through their children, innermost first, until nothing more is found."""
    live_by_urn = {res.urn: res for res in lives}
    children: dict[str, list[Resource]] = defaultdict(list)
    for res in targets:
        if res.parent:
            children[res.parent].append(res)
    for res in reversed(targets):  # a parent precedes its children, so inner ones come first here
        if not res.is_component or res.urn in pairs:
            continue
        votes: Counter[str] = Counter()
        for child in children[res.urn]:
            partner = live_by_urn.get(pairs.get(child.urn, ""))
            parent = live_by_urn.get(partner.parent) if partner else None
            if parent is not None and parent.is_component and parent.urn not in taken:
                votes[parent.urn] += 1
        if votes:
            best = votes.most_common(1)[0][0]
            pairs[res.urn] = best
            taken.add(best)


def _match_providers(targets: list[Resource], lives: list[Resource], pairs: dict[str, str], taken: set[str]) -> None:
    """Pairs renamed explicit providers through the resources that use them."""
    live_by_urn = {res.urn: res for res in lives}
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for res in targets:
        partner = live_by_urn.get(pairs.get(res.urn, ""))
        if res.provider_urn and partner is not None and partner.provider_urn:
            votes[res.provider_urn][partner.provider_urn] += 1
    for res in targets:
        if not res.is_provider or res.is_default_provider or res.urn in pairs or not votes[res.urn]:
            continue
        best = live_by_urn.get(votes[res.urn].most_common(1)[0][0])
        if best is not None and best.type == res.type and not best.is_default_provider and best.urn not in taken:
            pairs[res.urn] = best.urn
            taken.add(best.urn)


def rehomed(urn: str, stack: str, project: str) -> str:
    """The URN as the engine will make it in this stack and project."""
    parsed = parse_urn(urn)
    return str(Urn(stack, project, parsed.qualified_type, parsed.name)) if parsed.stack else urn

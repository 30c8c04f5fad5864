"""The palette (ctrl+p): everything a key can do here and now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

MOVES = ("list.", "screen.next-pane", "screen.previous-pane", "app.quit-too", "app.interrupt")
"""Bindings by prefix of id that only make sense as keys."""


def keys_of(screen: Any, binding_id: str) -> list[str]:
    """All keys of a binding, as they are shown; letters before the names of keys."""
    shown = [
        screen.app.get_key_display(binding)
        for _, binding, _, _ in screen.active_bindings.values()
        if binding.id == binding_id
    ]
    return sorted(dict.fromkeys(shown), key=lambda key: (len(key) > 1, len(key)))


def key_actions(screen: Any) -> Iterator[tuple[DOMNode, Binding]]:
    """Every binding of ours that works on a screen now, once each."""
    seen: set[str] = set()
    for namespace, binding, enabled, _ in screen.active_bindings.values():
        if enabled and binding.id and binding.id not in seen and binding.description:
            seen.add(binding.id)
            yield namespace, binding


class ActionProvider(Provider):
    """Offers the key actions of the screen the palette was opened on."""

    def _commands(self) -> list[tuple[str, str, Any]]:
        found = []
        for namespace, binding in key_actions(self.screen):
            if binding.id is None or binding.id.startswith(MOVES):
                continue
            label = f"{binding.description.rstrip('…').capitalize()}  ({self.app.get_key_display(binding)})"
            run = partial(self.app.run_action, binding.action, default_namespace=namespace)
            found.append((label, binding.tooltip or "", run))
        return found

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for label, about, run in self._commands():
            yield DiscoveryHit(label, run, help=about or None)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for label, about, run in self._commands():
            score = matcher.match(label)
            if score > 0:
                yield Hit(score, matcher.highlight(label), run, help=about or None)

"""What the keys do here and now, for palette, help and footer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode


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

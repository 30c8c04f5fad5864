"""Decodes what people write (YAML, TOML, JSON) where somebody else may have written it: deep, endless or explosive.

Whatever is wrong with a text is a `ValueError` that says it in one line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.system.nesting import DEEPEST, TOO_DEEP, value_too_deep

if TYPE_CHECKING:
    import yaml

NODES: Final = 100_000
"""Values in a YAML document, each alias counted as what it stands for."""

DIGITS: Final = 4300
"""Python's own limit for a number in decimal digits; YAML's numbers to the base of 60 pass it by."""

TOML_PARTS: Final = 2_000
"""Dots and brackets in a TOML document beyond which tables may be nested in each other just to cost time."""


def load_json(text: str | bytes) -> Any:
    """A JSON document.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    import json

    return _loaded(lambda: json.loads(text))


def load_toml(text: str) -> dict[str, Any]:
    """A TOML document.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    import tomllib

    if sum(text.count(mark) for mark in ".[{") > TOML_PARTS:
        raise ValueError(f"it has more than {TOML_PARTS:,} dots and brackets")
    found: dict[str, Any] = _loaded(lambda: tomllib.loads(text))
    return found


def _loaded(load: Callable[[], Any]) -> Any:
    try:
        found = load()
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if value_too_deep(found):
        raise ValueError(TOO_DEEP)
    return found


def load_yaml(text: str) -> Any:
    """A YAML document, safely: plain values alone.

    Raises:
        ValueError: it is none, nested too deeply, or has aliases that multiply without measure.
    """
    import yaml

    try:
        return yaml.load(text, _loader())  # noqa: S506 - a SafeLoader with limits
    except yaml.YAMLError as err:
        raise ValueError(" ".join(str(err).split())) from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except (TypeError, AttributeError, KeyError, IndexError, OverflowError) as err:  # PyYAML trips over some scalars
        raise ValueError(f"a value of it can't be read: {err}") from None


@lru_cache(maxsize=1)
def _loader() -> type[yaml.SafeLoader]:
    """Made when it is needed: PyYAML is loaded for nothing else on the way."""
    import yaml

    class Limited(yaml.SafeLoader):
        """Counts levels and nodes while it composes."""

        def __init__(self, stream: Any) -> None:
            super().__init__(stream)
            self.level = 0
            self.nodes = 0
            self.sizes: dict[str, int] = {}

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            before = self.nodes
            if isinstance(event, yaml.AliasEvent) and event.anchor:
                if event.anchor in self.anchors and event.anchor not in self.sizes:
                    raise yaml.composer.ComposerError(None, None, "an alias refers to a value that contains it")
                self.nodes += self.sizes.get(event.anchor, 0)
            self.level += 1
            self.nodes += 1
            if self.level > DEEPEST:
                raise yaml.composer.ComposerError(None, None, f"it is nested more than {DEEPEST} deep")
            if self.nodes > NODES:
                raise yaml.composer.ComposerError(None, None, f"it has more than {NODES:,} values")
            node = super().compose_node(parent, index)
            self.level -= 1
            anchor = getattr(event, "anchor", None)
            if anchor and not isinstance(event, yaml.AliasEvent):
                self.sizes[anchor] = self.nodes - before
            return node

        def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
            node = super().compose_scalar_node(anchor)
            if len(node.value) > DIGITS and node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
                raise yaml.composer.ComposerError(None, None, f"a number has more than {DIGITS:,} digits")
            return node

    return Limited

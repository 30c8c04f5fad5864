"""What lies behind other widgets and shows nothing of its own: one of its lines is drawn, and stands for all."""

from __future__ import annotations

from textual.containers import Container
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Uniform(Widget):
    """A widget whose lines are all alike: it has a background, but no content and no border."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The first of the lines, as often as there are any; with so many layers the first paint takes half as long."""
        return super().render_lines(Region(crop.x, crop.y, crop.width, min(crop.height, 1))) * crop.height


class Backdrop(Container, Uniform):
    """Holds other widgets."""

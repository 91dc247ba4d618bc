"""Draw a result on its own frame: boxes and tags in the picture, everything else in a panel beside it."""

from __future__ import annotations

from edge.overlay.layout import Layout
from edge.overlay.overlay import Overlay, title_screen
from edge.overlay.status import HelpRow, Status

__all__ = ["HelpRow", "Layout", "Overlay", "Status", "title_screen"]

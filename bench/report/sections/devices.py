"""One heading for each device that has something to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.report.gathering import Entry, Found
from bench.result import Kind
from edge.markup import Markup, element, join


def each(found: Found, kinds: Sequence[Kind], draw: Callable[[list[Entry], str], Markup | None]) -> Markup | None:
    """Return what ``draw`` makes of each device's rows, under its name where there are several devices."""
    parts = []
    for device in found.devices:
        entries = found.entries(*kinds, device=device)
        content = draw(entries, device) if entries else None
        if content:
            heading = element("h3", device) if len(found.devices) > 1 else None
            parts.append(join(heading, content))
    return join(*parts) if parts else None

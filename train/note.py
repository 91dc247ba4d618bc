"""One line for the person who watches: something differs from what one might expect, and the run goes on."""

from __future__ import annotations

import sys

import edge.engines.network  # noqa: F401  # first: it makes torchvision importable for Lightning

# isort: split
from lightning.pytorch.utilities import rank_zero_only


@rank_zero_only
def note(line: str) -> None:
    """Print one line on stderr; of several processes, one does."""
    print(f"note: {line}", file=sys.stderr, flush=True)

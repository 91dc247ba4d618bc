"""What a reader met on its way through a data set: what it left out and why, and what it doubts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Fault:
    """An image that cannot be used, and why; ``path`` is the file a person has to look at."""

    path: Path
    reason: str


@dataclasses.dataclass(frozen=True)
class Findings:
    """The report of one reader on one split.

    Attributes:
        dropped: rows left out on purpose, by reason; for example AffectNet's "None", "Uncertain" and "No-Face".
        faults: images whose annotation is damaged or that are missing; they are not among the samples.
        disagreements: images whose folder and whose table name different classes; the table was believed.
        notes: whatever else a person should know, one sentence each.
    """

    dropped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    disagreements: int = 0
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Everything but the single faults, one line each."""
        lines = [f"{count:,} left out: {reason}" for reason, count in self.dropped.items() if count]
        if self.disagreements:
            lines.append(f"{self.disagreements:,} images lie in another class's folder than their table says; it won")
        if self.faults:
            lines.append(f"{len(self.faults):,} with a damaged or missing annotation or file")
        return [*lines, *self.notes]

"""What a run amounts to: counted while it goes, printed when it ends."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, defaultdict, deque

from edge.metrics import percentile
from edge.types import Result

#: Timings of the latest frames are kept, so that a run of months needs no more memory than one of minutes.
_KEPT = 4096

#: So many people are kept as well; those who were seen least make room.
_PEOPLE = 500


@dataclasses.dataclass
class Person:
    """One id's part in the run."""

    frames: int = 0
    labels: Counter[str] = dataclasses.field(default_factory=Counter)
    valence: float = 0.0
    arousal: float = 0.0


class Summary:
    """Counts results and renders the table at the end."""

    def __init__(self) -> None:
        self.frames = 0
        self.with_faces = 0
        self.dropped = 0
        self.people: dict[int, Person] = defaultdict(Person)
        self.forgotten = 0
        self._timings: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self._started = time.perf_counter()

    def add(self, result: Result) -> None:
        """Count one result."""
        self.frames += 1
        self.with_faces += bool(result.readings)
        self.dropped = result.dropped
        for name, value in result.timings_ms.items():
            self._timings[name].append(value)
        for reading in result.readings:
            person = self.people[reading.face.id or 0]
            person.frames += 1
            person.labels[reading.emotion.label] += 1
            person.valence += reading.emotion.valence
            person.arousal += reading.emotion.arousal
        if len(self.people) > _PEOPLE:
            self._forget({reading.face.id or 0 for reading in result.readings})

    def _forget(self, present: set[int]) -> None:
        """Drop the half that was seen in the fewest frames, and nobody who is there."""
        ranked = sorted(self.people, key=lambda id: (id in present, self.people[id].frames))
        for id in ranked[: _PEOPLE // 2]:
            del self.people[id]
            self.forgotten += 1

    def render(self) -> str:
        """Return the table: frames, speed, stages, and each person's emotions."""
        elapsed = time.perf_counter() - self._started
        lines = [
            f"frames     {self.frames}, {self.with_faces} with faces"
            + (f", {self.dropped} dropped" if self.dropped else "")
            + f"; {self.frames / elapsed:.1f} FPS over {elapsed:.1f} s",
        ]
        if self._timings:
            stages = "  ".join(f"{name} {percentile(list(values), 50):.2f}" for name, values in self._timings.items())
            lines.append(f"median ms  {stages}")
        if self.people:
            lines.append("")
            lines.append(f"{'id':>4}  {'frames':>6}  {'mostly':<22}{'valence':>8}{'arousal':>9}")
        ranked = sorted(self.people.items(), key=lambda item: -item[1].frames)
        for id, person in sorted(ranked[:20]):
            label, count = person.labels.most_common(1)[0]
            share = f"{label} {count / person.frames:.0%}"
            lines.append(
                f"{id:>4}  {person.frames:>6}  {share:<22}"
                f"{person.valence / person.frames:>+8.2f}{person.arousal / person.frames:>+9.2f}"
            )
        others = len(ranked) - 20 + self.forgotten
        if others > 0:
            lines.append(f"      and {others} more, each in fewer frames")
        return "\n".join(lines)

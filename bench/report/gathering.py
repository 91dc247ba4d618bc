"""Result files, and of every row the one that counts now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.result import Kind, Result, Row, read_result
from edge.errors import EdgeError


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row, and the result it belongs to."""

    row: Row
    result: Result

    @property
    def quick(self) -> bool:
        """Whether its figures are rough."""
        return self.result.mode == "quick"

    @property
    def paced(self) -> bool:
        """Whether frames came at a rate of their own: as many a second were read, and not as many as could be."""
        return self.row.settings.get("rate") is not None

    @property
    def measured(self) -> bool:
        return self.row.status == "measured"


@dataclasses.dataclass(frozen=True)
class Found:
    """What a report is made from.

    Attributes:
        results: oldest first.
        left_out: files in the folders that are no results, and why.
    """

    results: tuple[Result, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(sorted({result.device for result in self.results}))

    def entries(self, *kinds: Kind, device: str | None = None) -> list[Entry]:
        """Return the rows of these kinds that count now, see :func:`latest`; ``device`` None: of all."""
        chosen = [r for r in self.results if r.kind in kinds and device in (None, r.device)]
        return latest(chosen)

    def of(self, device: str) -> list[Result]:
        """Return the results of a device, oldest first."""
        return [result for result in self.results if result.device == device]


def gather(places: Sequence[Path]) -> Found:
    """Read result files.

    Args:
        places: files, which must be results, and folders, whose ``.json`` files are looked through; what is no
            result there is left out and told.

    Raises:
        EdgeError: a place is not there, or a file that was named is no result.
    """
    results: list[Result] = []
    left_out: list[tuple[str, str]] = []
    seen: set[Path] = set()
    for place in places:
        if not place.exists():
            raise EdgeError(f"there is no {place}; name result files of edge-bench, or folders with some")
        files = sorted(place.rglob("*.json")) if place.is_dir() else [place]
        for path in files:
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                results.append(read_result(path))
            except EdgeError as error:
                if not place.is_dir():
                    raise
                left_out.append((path.relative_to(place).as_posix(), str(error).replace(str(path), path.name)))
    return Found(tuple(sorted(results, key=lambda result: result.time)), tuple(left_out))


def latest(results: Iterable[Result]) -> list[Entry]:
    """Return one entry for each device, kind and key: of the newest normal result, of a quick one where there is none.

    In the order in which the keys appear, the newest results' first.
    """
    ranked = sorted(results, key=lambda result: (result.mode == "normal", result.time), reverse=True)
    found: dict[tuple[str, str, str], Entry] = {}
    for result in ranked:
        for row in result.rows:
            found.setdefault((result.device, result.kind, row.key), Entry(row, result))
    return list(found.values())

"""CSV: one row for each face in each frame, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.events import event
from edge.sinks.growing import GrowingFile
from edge.types import Result

#: The columns before those that are named after the model's labels; docs/events.md says what they hold.
COLUMNS = ("frame", "time", "id", "x", "y", "width", "height", "score", "emotion", "valence", "arousal")


class CsvSink:
    """Writes the rows of a frame at once; a frame without faces has none. Each file begins with the names."""

    def __init__(
        self,
        path: Path,
        *,
        labels: Sequence[str] | None = None,
        append: bool = False,
        rotate_bytes: int = 0,
        keep: int = 5,
    ) -> None:
        """Open the file anew; ``-`` is standard output.

        Args:
            path: the file.
            labels: the model's, a column each; None takes those of the first face. A probability of another label, from
                a model that was changed to later, has no column; ``emotion`` names it all the same.
            append: go on with a file that is there; one with other columns is rotated away.
            rotate_bytes: begin a new file at this size; 0: never. A file that rotates is gone on with as well.
            keep: so many earlier files stay: ``name.1.csv`` is the latest of them.

        Raises:
            EdgeError: the file can't be opened.
        """
        self._file = GrowingFile(path, "--csv", append=append, rotate_bytes=rotate_bytes, keep=keep)
        self._labels: tuple[str, ...] | None = None
        if labels is not None:
            self._name(labels)

    def write(self, result: Result) -> bool:
        """Write the rows of one frame, the same numbers as its event holds."""
        if not result.readings:
            return True
        if self._labels is None:
            self._name(result.readings[0].emotion.labels)
        return self._file.write(_encoded(self._rows(result)))

    def close(self) -> None:
        """Close the file; standard output stays open."""
        self._file.close()

    def _name(self, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        self._file.begin(_encoded([[*COLUMNS, *self._labels]]))

    def _rows(self, result: Result) -> Iterable[list[object]]:
        frame = event(result)
        for face in frame["faces"]:
            affect = (face["emotion"], face["valence"], face["arousal"])
            chances = [face["probabilities"].get(label, "") for label in self._labels or ()]
            yield [frame["frame"], frame["time"], face["id"], *face["box"], face["score"], *affect, *chances]


def _encoded(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

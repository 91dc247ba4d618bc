"""Models and detectors that keys go through while the run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL, Model, runnable_files


def models_of(model: Model) -> list[Path]:
    """Return the files that can be changed to: of the model's bundle and of the packaged one, itself included.

    Files whose runtime is not installed are left out.
    """
    folders = dict.fromkeys(path.resolve() for path in (model.bundle.folder, DEFAULT_MODEL))
    files: list[Path] = []
    for folder in folders:
        try:
            files += runnable_files(folder)
        except EdgeError:  # no packaged bundle in a stripped installation: nothing to change to
            continue
    here = model.path.resolve()
    return files if here in files else [here, *files]


def names_of(models: Sequence[Path]) -> list[str]:
    """Return a name for each file: its own where that is unique, else with its folder."""
    plain = [path.name for path in models]
    return [
        name if plain.count(name) == 1 else f"{path.parent.name}/{name}"
        for path, name in zip(models, plain, strict=True)
    ]


class Choice:
    """Goes round a list of names, from the one in use."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._at: int | None = None

    def move(self, steps: int, in_use: str) -> int | None:
        """Return the index of the next one asked for; None where there is no other.

        Args:
            steps: 1 or -1.
            in_use: how a report names what runs (``"model_int8.tflite on LiteRT 2.1"``); looked at the first time only,
                since a choice that could not be loaded is passed over by asking once more.
        """
        if len(self.names) < 2:
            return None
        if self._at is None:
            file = in_use.split(" ")[0]
            self._at = next((i for i, name in enumerate(self.names) if name.rpartition("/")[2] == file), 0)
        self._at = (self._at + steps) % len(self.names)
        return self._at

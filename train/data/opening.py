"""From what a user types after ``--data`` to the splits of a data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError
from train.data.affectnet import is_affectnet, read_affectnet
from train.data.ferplus import is_ferplus, read_ferplus
from train.data.folder import is_folder_tree, read_folder
from train.data.samples import Samples

Reader = Callable[[Path, str], Samples]

READERS: dict[str, tuple[Callable[[Path], bool], Reader]] = {
    "ferplus": (is_ferplus, read_ferplus),
    "affectnet": (is_affectnet, read_affectnet),
    "folder": (is_folder_tree, read_folder),
}


def open_split(data: str, split: str) -> Samples:
    """Read a split (``"train"``, ``"validation"``, ``"test"``) of ``KIND:DIR``, or of a folder whose layout tells.

    Raises:
        EdgeError: no such folder, unknown kind, or a layout nobody recognises.
    """
    kind, _, rest = data.partition(":")
    if kind in READERS and rest:
        return READERS[kind][1](_folder(rest), split)
    folder = _folder(data)
    for recognises, reader in READERS.values():
        if recognises(folder):
            return reader(folder, split)
    raise EdgeError(f"{folder}: no data set recognised; name it, one of {', '.join(f'{k}:DIR' for k in READERS)}")


def _folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise EdgeError(f"{folder}: no such folder; --data takes KIND:DIR with KIND one of {', '.join(READERS)}")
    return folder

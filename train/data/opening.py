"""From what a user types after ``--data`` to the splits of a data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError
from train.data.affectnet import is_affectnet, read_affectnet
from train.data.class_folders import Naming
from train.data.classes import restrict
from train.data.ferplus import is_ferplus, read_ferplus
from train.data.folder import is_folder_tree, read_folder
from train.data.kaggle import download
from train.data.samples import Samples

Reader = Callable[[Path, str, Naming], Samples]


def _read_ferplus(root: Path, split: str, _: Naming) -> Samples:
    return read_ferplus(root, split)


READERS: dict[str, tuple[Callable[[Path], bool], Reader]] = {
    "ferplus": (is_ferplus, _read_ferplus),
    "affectnet": (is_affectnet, read_affectnet),
    "folder": (is_folder_tree, read_folder),
}
_KINDS = (*(f"{kind}:DIR" for kind in READERS), "kaggle:OWNER/NAME")


def open_split(
    data: str, split: str, classes: tuple[str, ...] | None = None, class_order: tuple[str, ...] | None = None
) -> Samples:
    """Read a split (``"train"``, ``"validation"``, ``"test"``) of ``KIND:DIR``, or of a folder whose layout tells.

    Args:
        data: ``ferplus:DIR``, ``affectnet:DIR``, ``folder:DIR``, ``kaggle:OWNER/NAME``, or a folder.
        split: which one.
        classes: the classes to keep, in this order; None: the data's own. In a folder tree they may be no emotions.
        class_order: what class numbers mean, the smallest number's name first; None: numbers are refused.

    Raises:
        EdgeError: no such folder, unknown kind, a layout nobody recognises, or a class the data does not know.
    """
    folder, reader = _opened(data)
    # Folder trees may hold classes that only the user knows; all others are read whole, then restricted.
    naming = Naming(classes if reader is read_folder else None, class_order)
    return restrict(reader(folder, split, naming), classes)


def _opened(data: str) -> tuple[Path, Reader]:
    kind, _, rest = data.partition(":")
    if kind in READERS and rest:
        return _folder(rest), READERS[kind][1]
    if kind == "kaggle" and rest:
        folder = download(rest)
        # A copy's folders look like anybody's; its owner named it after what it is.
        if "affectnet" in rest.lower():
            return folder, read_affectnet
    else:
        folder = _folder(data)
    for recognises, reader in READERS.values():
        if recognises(folder):
            return folder, reader
    raise EdgeError(f"{folder}: no data set recognised; name it, one of {', '.join(_KINDS)}")


def _folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise EdgeError(f"{folder}: no such folder; --data takes a folder, or one of {', '.join(_KINDS)}")
    return folder

"""Where everything about updates lies on a device, below the root of its file tree; where the rest does: its layout."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, get_args

from devices.layout import Layout

#: What can be updated.
Kind = Literal["model", "software"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Says of a tree that it is all there; written last.
COMPLETE = ".complete"

#: Says which update a tree came from.
RECORD = ".update.json"

#: In a model's tree: a variable for the service, which reads it through the link ``current`` (edge-run.service).
VARIABLES = "edge-run.env"


@dataclasses.dataclass(frozen=True)
class Places(Layout):
    """Paths of a device, and what updates need to know of them.

    Attributes:
        image: whether nothing of this tree runs now; None: that is so of all but ``/``.
    """

    image: bool | None = None

    @property
    def is_image(self) -> bool:
        """Whether nothing of this tree runs now."""
        return not self.here if self.image is None else self.image

    @property
    def staging(self) -> Path:
        """What is not finished; may be emptied whenever nobody works in it."""
        return self.records / "staging"

    @property
    def journal(self) -> Path:
        """The switch that is under way or not confirmed yet."""
        return self.records / "journal.json"

    @property
    def history(self) -> Path:
        """What happened, a line each."""
        return self.records / "history.jsonl"

    @property
    def last(self) -> Path:
        """How things stand, for others to read."""
        return self.records / "last.json"

    def trees(self, kind: Kind) -> Path:
        """Return the folder that holds the trees of a kind."""
        return self.models if kind == "model" else self.software

    def link(self, kind: Kind) -> Path:
        """Return the link to the active tree of a kind."""
        return self.current_model if kind == "model" else self.current

    def previous(self, kind: Kind) -> Path:
        """Return the link to the tree that was active before; software's takes a switch back if the new can't start."""
        return self.link(kind).with_name("previous")

    def target(self, kind: Kind, name: str) -> str:
        """Return what the link says for the tree ``name``: relative, so that an image can be mounted anywhere."""
        return name if kind == "model" else f"software/{name}"

    def active(self, kind: Kind) -> Path | None:
        """Return the active tree; None where there is no link (for a model: the one in the package counts)."""
        link = self.link(kind)
        return link.parent / link.readlink() if link.is_symlink() else None

    def complete(self, kind: Kind) -> list[Path]:
        """Return all trees of a kind that are all there, newest last."""
        folder = self.trees(kind)
        found = [p for p in folder.iterdir() if is_complete(kind, p)] if folder.is_dir() else []
        return sorted(found, key=lambda tree: (tree.stat().st_mtime_ns, tree.name))


def is_complete(kind: Kind, tree: Path) -> bool:
    """Say whether a tree is all there: a model gets its name last, software its mark."""
    if tree.is_symlink() or not tree.is_dir() or tree.name.startswith("."):
        return False
    return (tree / ("model_config.json" if kind == "model" else COMPLETE)).is_file()

"""What is measured against: a package with its weights inside, a recipe, or this toolkit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from edge.labels import LABELS

#: A peer's own names of its classes, in the order of its outputs, and the label of :data:`edge.labels.LABELS` that each
#: stands for.
Classes = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Home:
    """The environment that peers run in.

    Attributes:
        name: its folder under ``--env``; empty: the environment that this toolkit runs in.
        kind: ``here``, a Python environment of its own, or a folder of npm packages.
        files: what is installed, under ``bench/peers``: requirements, or package.json and its lock.
        without_dependencies: packages that are installed last and alone, since what they ask for would bring much that
            is not used here.
        megabytes: size once installed, as seen on Linux x86-64.
    """

    name: str = ""
    kind: Literal["here", "python", "node"] = "here"
    files: tuple[str, ...] = ()
    without_dependencies: tuple[str, ...] = ()
    megabytes: int = 0


@dataclasses.dataclass(frozen=True)
class Peer:
    """One way to read emotions.

    Attributes:
        name: in keys of rows: ``peers/NAME``.
        title: what it consists of.
        adapter: its program in ``bench/peers/adapters``.
        options: what that program is told.
        classes: see :data:`Classes`.
        home: where it runs.
        licence: of package and weights, as far as it says.
        weights: where its weights come from, and what is known of their training.
        classifier: the peer whose classifier and preparation it shares: its answers to single faces are the same and
            taken from there; empty: its own.
        face: how a single picture of a face is given to its classifier.
        notes: what else one has to know, a sentence each.
    """

    name: str
    title: str
    adapter: str
    classes: Classes
    licence: str
    weights: str
    face: str
    classifier: str = ""
    home: Home = Home()
    options: Mapping[str, str | int | bool] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        """The labels that it has no class for."""
        return tuple(label for label in LABELS if label not in self.classes.values())

    @property
    def mapping(self) -> str:
        """Its classes and ours in words."""
        pairs = ", ".join(f"{name} = {label}" if name != label else name for name, label in self.classes.items())
        return pairs + (f"; no class for {', '.join(self.absent)}" if self.absent else "")

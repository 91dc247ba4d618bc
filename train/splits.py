"""The two splits of a run, ready to be trained on: classes chosen, part held out, damaged images left out."""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
from pathlib import Path

import numpy as np

from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.files import write_atomically
from edge.labels import LABELS
from train.data.checking import first_few, sound
from train.data.classes import first_classes, known_as, parse_classes
from train.data.findings import Fault
from train.data.holdout import hold_out
from train.data.opening import open_split
from train.data.samples import Samples

SKIPPED = "skipped_images.csv"
#: So many images take long enough to look at that a person should know what is going on.
_MANY = 20_000


@dataclasses.dataclass(frozen=True)
class Choice:
    """What of a data set a run uses.

    Attributes:
        classes: names separated by commas, in the order the network gets; empty: all of the data set.
        num_classes: the first so many emotions; 0: all.
        class_order: what class numbers mean, names separated by commas; empty: numbers are refused.
        hold_out: share of the training images that takes the place of the validation split; 0: none.
        max_damaged: largest share of images that may be damaged and are then skipped.
    """

    classes: str = ""
    num_classes: int = 0
    class_order: str = ""
    hold_out: float = 0.0
    max_damaged: float = 0.01

    def labels(self) -> tuple[str, ...] | None:
        """The classes chosen, in order; None: the data's own.

        Raises:
            EdgeError: chosen in two ways at once, or in a way that leaves no choice.
        """
        if self.classes and self.num_classes:
            raise EdgeError("--classes and --num-classes choose the same thing; give one of them")
        if self.num_classes:
            return first_classes(self.num_classes)
        return parse_classes(self.classes) if self.classes else None

    def numbers(self) -> tuple[str, ...] | None:
        """What class numbers mean, the smallest number's name first; None: nobody said."""
        names = tuple(known_as(name) for name in self.class_order.split(",") if name.strip())
        return names or None


@dataclasses.dataclass(frozen=True)
class Splits:
    """What a run trains on and chooses its best epoch by.

    Attributes:
        training: sound images, with a label or with votes.
        validation: sound images with a label; part of the training images where some are held out.
        faults: images that were left out because they are damaged, by split.
        notes: what a person should know before a long run, one sentence each.
    """

    training: Samples
    validation: Samples
    faults: dict[str, tuple[Fault, ...]]
    notes: tuple[str, ...]

    def write_skipped(self, folder: Path) -> None:
        """Write ``skipped_images.csv`` (split, path, reason) into a run's folder; none where nothing was skipped."""
        path = folder / SKIPPED
        if not any(self.faults.values()):
            path.unlink(missing_ok=True)
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("split", "path", "reason"))
        writer.writerows((name, fault.path, fault.reason) for name, faults in self.faults.items() for fault in faults)
        write_atomically(path, text.getvalue().encode())


def open_splits(data: str, choice: Choice, limit: int = 0, seed: int = 0) -> Splits:
    """Open what a run needs.

    Args:
        data: what the user typed, see :func:`train.data.opening.open_split`.
        choice: classes, hold-out, damage allowed.
        limit: at most so many training images, drawn with ``seed``; 0: all.
        seed: of the limit. The hold-out is the same for all seeds: a student may have a teacher of another seed, and
            neither may have seen what both are chosen by.

    Raises:
        EdgeError: what :func:`open_split` and :func:`train.data.checking.sound` raise, fewer than two classes to learn,
            a class chosen by name without any image, or no validation image with a label.
    """
    labels, numbers = choice.labels(), choice.numbers()
    training = open_split(data, "train", labels, numbers)
    if choice.hold_out:
        training, validation = hold_out(training, choice.hold_out, seed=0)
    else:
        validation = open_split(data, "validation", labels, numbers)
    validation = validation.labelled()
    if not len(validation):
        raise EdgeError(f"{data}: no validation image with a label; the best epoch could not be told")
    notes = _findings(training, validation) + _classes(training, validation, named=bool(choice.classes))
    if choice.hold_out:
        notes += (f"the best epoch is chosen on {validation.name}; the validation split is not looked at",)
    if limit:
        training = training.take(np.random.default_rng(seed).permutation(len(training))[:limit])
    if len(training) + len(validation) > _MANY:
        print(
            f"looking at {len(training) + len(validation):,} images for damaged ones ...", file=sys.stderr, flush=True
        )
    training, damaged = sound(training, choice.max_damaged)
    validation, damaged_validation = sound(validation, choice.max_damaged)
    faults = {"train": damaged, "validation": damaged_validation}
    notes += tuple(
        f"{len(found):,} damaged images of {name} are skipped ({SKIPPED} lists them): {first_few(found, 1)}"
        for name, found in faults.items()
        if found
    )
    return Splits(training, validation, faults, notes)


def open_for(model: Path, data: str, split: str, class_order: str = "") -> Samples:
    """Open a split with the classes that a model knows, in its order, so that it can be measured on them.

    Args:
        model: a bundle, or a file in one.
        data: what the user typed.
        split: which one.
        class_order: what class numbers mean, names separated by commas.

    Raises:
        EdgeError: what :func:`open_split` raises, or no bundle.
    """
    labels = None
    if model.exists():
        labels = read_bundle(model if model.is_dir() else model.parent).config.labels
    return open_split(data, split, None if labels == LABELS else labels, Choice(class_order=class_order).numbers())


def _findings(*splits: Samples) -> tuple[str, ...]:
    return tuple(f"{samples.name}: {line}" for samples in splits for line in samples.findings.lines())


def _classes(training: Samples, validation: Samples, named: bool) -> tuple[str, ...]:
    """Say which classes have no image; refuse what cannot be trained."""
    labels = np.array(training.labels)
    empty, unmeasured = (labels[samples.counts == 0].tolist() for samples in (training, validation))
    if len(empty) > len(labels) - 2:
        raise EdgeError(
            f"{training.name}: labelled images of only {', '.join(set(labels) - set(empty)) or 'no class'}; a network "
            "needs two classes or more"
        )
    if empty and named:
        raise EdgeError(f"{training.name}: no image of {', '.join(empty)}; leave it out of the classes, or add images")
    notes = []
    if empty:
        notes.append(
            f"{training.name}: no image of {', '.join(empty)}; the network cannot learn them, --classes leaves them out"
        )
    unmeasured = [name for name in unmeasured if name not in empty]
    if unmeasured:
        notes.append(f"{validation.name}: no image of {', '.join(unmeasured)}; how well they are read stays unknown")
    return tuple(notes)

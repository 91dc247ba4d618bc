"""Which classes a network is to know: from what a user types, and from a data set with more of them to fewer."""

from __future__ import annotations

import dataclasses

import numpy as np

from edge.errors import EdgeError
from edge.labels import LABELS, canonical
from train.data.samples import Samples


def parse_classes(names: str) -> tuple[str, ...]:
    """Return the classes of a comma-separated list, emotions by their label: ``"Happy,sad"`` gives both long names.

    Raises:
        EdgeError: fewer than two, or one twice.
    """
    classes = tuple(known_as(name) for name in names.split(",") if name.strip())
    if len(set(classes)) < max(2, len(classes)):
        raise EdgeError(f"--classes {names}: name two or more different classes, for example happiness,sadness")
    return classes


def first_classes(count: int) -> tuple[str, ...]:
    """Return the first ``count`` emotions; 7 leaves contempt out, which is what the field calls AffectNet-7."""
    if not 2 <= count <= len(LABELS):
        raise EdgeError(f"--num-classes {count}: choose 2 to {len(LABELS)}, the first of {', '.join(LABELS)}")
    return LABELS[:count]


def known_as(name: str) -> str:
    """Return the emotion that ``name`` stands for, or the name itself, in small letters, where it is none."""
    try:
        return canonical(name)
    except EdgeError:
        return name.strip().lower()


def restrict(samples: Samples, classes: tuple[str, ...] | None) -> Samples:
    """Keep the rows of some classes, in an order of one's own; None keeps everything as it is.

    A row leaves when its label is of another class, or when no vote for the chosen ones remains; what remains of a
    distribution is scaled to sum to one again. Valence and arousal stay: the face is the same.

    Raises:
        EdgeError: a class that the data set does not know, or nothing left.
    """
    if classes is None or classes == samples.labels:
        return samples
    have = {known_as(name): index for index, name in enumerate(samples.labels)}
    unknown = [name for name in classes if known_as(name) not in have]
    if unknown:
        raise EdgeError(f"{samples.name}: no class {', '.join(unknown)}; it has {', '.join(samples.labels)}")
    order = np.array([have[known_as(name)] for name in classes])
    to_class = np.full(len(samples.labels) + 1, -2)  # the last one is label -1: none
    to_class[order] = np.arange(len(classes))
    to_class[-1] = -1
    label = to_class[samples.label]
    votes = samples.distribution[:, order]
    total = votes.sum(axis=1, keepdims=True)
    kept = (label > -2) & (total[:, 0] > 0)
    if not kept.any():
        raise EdgeError(f"{samples.name}: no image of {', '.join(classes)}; choose others with --classes")
    findings = samples.findings
    gone = int((~kept).sum())
    dropped = {**findings.dropped, "of classes that are not among those chosen": gone} if gone else findings.dropped
    changed = dataclasses.replace(
        samples,
        label=np.maximum(label, -1),
        distribution=(votes / np.where(total > 0, total, 1)).astype(np.float32),
        labels=classes,
        findings=dataclasses.replace(findings, dropped=dropped),
    )
    return changed.take(kept)

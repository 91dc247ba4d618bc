"""A written file is run in its own runtime and held against its checkpoint: what both say about the same images."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import Config, Metrics, Parity
from edge.engines import Engine, load_engine
from edge.figures import class_metrics

Images = NDArray[np.uint8]
Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]
#: uint8 ``[N, S, S, 3]`` to logits ``[N, C]`` and valence/arousal ``[N, 2]``.
Run = Callable[[Images], Outputs]


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the checkpoint says about the comparison images.

    Attributes:
        images: uint8 ``[N, S, S, 3]``, RGB.
        logits: float32 ``[N, C]``.
        valence_arousal: float32 ``[N, 2]``.
        data: data set, split and rule, in words.
        truth: int64 ``[N]``, the labels, or None where there are none.
        labels: names of the C classes.
    """

    images: Images
    logits: NDArray[np.float32]
    valence_arousal: NDArray[np.float32]
    data: str
    truth: NDArray[np.int64] | None = None
    labels: tuple[str, ...] = ()

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The checkpoint's top class of each image, int64 ``[N]``."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    @property
    def accuracy(self) -> float | None:
        """The checkpoint's own accuracy; None without labels."""
        return None if self.truth is None else float(metrics.accuracy(self.truth, self.predicted))

    def metrics(self) -> tuple[Metrics, ...]:
        """The checkpoint's figures for the bundle's config; empty without labels."""
        figures = _figures(self, self.predicted)
        return () if figures is None else (figures,)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a file says about the images of a :class:`Reference`, and how that compares.

    Attributes:
        logits: float32 ``[N, C]``.
        valence_arousal: float32 ``[N, 2]``.
        parity: the comparison in figures.
        metrics: the file's own figures; None without labels.
        recall_drops: by class that the truth holds: loss of recall with its 95 % paired interval, and the images.
    """

    logits: NDArray[np.float32]
    valence_arousal: NDArray[np.float32]
    parity: Parity
    metrics: Metrics | None
    recall_drops: dict[str, RecallDrop]

    @property
    def finite(self) -> bool:
        """Whether every value is a number."""
        return bool(np.isfinite(self.logits).all() and np.isfinite(self.valence_arousal).all())


@dataclasses.dataclass(frozen=True)
class RecallDrop:
    """How much less often one class is recognised: ``drop`` and its interval in 0..1, over ``images`` images."""

    drop: float
    low: float
    high: float
    images: int


def reference(
    run: Run, images: Images, data: str, truth: NDArray[np.int64] | None = None, labels: tuple[str, ...] = ()
) -> Reference:
    """Run the checkpoint on the comparison images; the rest is passed on."""
    logits, affect = run_all(run, images)
    return Reference(images, logits, affect, data, truth, labels)


def compare(path: Path, config: Config, reference: Reference) -> Comparison:
    """Run a written file in its own runtime, loaded from disk, and compare.

    Raises:
        EdgeError: the file cannot be loaded or breaks the contract of inputs and outputs.
    """
    with opened(path, config) as engine:
        logits, affect = run_all(engine.run, reference.images)
    return compared(logits, affect, reference)


def compared(logits: NDArray[np.float32], affect: NDArray[np.float32], reference: Reference) -> Comparison:
    """Compare answers that are there already."""
    predicted = np.asarray(logits.argmax(axis=1), np.int64)
    agreement = float(np.mean(predicted == reference.predicted))
    difference, moved = logits - reference.logits, affect - reference.valence_arousal
    drop, interval, drops = None, None, {}
    if reference.truth is not None:
        lost = _lost(reference, predicted)
        drop, interval = float(lost.mean()), _interval(lost)
        drops = _recall_drops(lost, reference)
    parity = Parity(
        data=reference.data,
        samples=len(reference.images),
        logit_difference=float(np.abs(difference).max()),
        affect_difference=float(np.abs(moved).max()),
        logit_rmse=float(np.sqrt(np.mean(np.square(difference, dtype=np.float64)))),
        valence_rmse=float(np.sqrt(np.mean(np.square(moved[:, 0], dtype=np.float64)))),
        arousal_rmse=float(np.sqrt(np.mean(np.square(moved[:, 1], dtype=np.float64)))),
        agreement=agreement,
        accuracy_drop=drop,
        accuracy_drop_interval=interval,
    )
    return Comparison(logits, affect, parity, _figures(reference, predicted, agreement), drops)


@contextlib.contextmanager
def opened(path: Path, config: Config, threads: int | None = None) -> Iterator[Engine]:
    """Load a file in its own runtime and release it at the end of the block."""
    engine = load_engine(path, config, threads=threads)
    try:
        yield engine
    finally:
        engine.close()


def run_all(run: Run, images: Images) -> Outputs:
    """Run all images: first one, then three, then the rest in larger batches, so that a fixed batch size shows."""
    edges = [edge for edge in (0, 1, *range(4, len(images), 32)) if edge < len(images)] + [len(images)]
    parts = [run(images[start:end]) for start, end in itertools.pairwise(edges)]
    logits, affect = (np.concatenate(part) for part in zip(*parts, strict=True))
    return logits, affect


def torch_run(network: Any) -> Run:
    """Return a module of PyTorch, in evaluation mode, as something that takes and gives arrays."""
    import torch

    def run(images: Images) -> Outputs:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(images), 64):
                parts.append([part.numpy() for part in network(torch.from_numpy(images[start : start + 64]))])
        logits, affect = (np.concatenate(part) for part in zip(*parts, strict=True))
        return logits, affect

    return run


def _lost(reference: Reference, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """By image: 1 where only the checkpoint is right, -1 where only the file is, else 0."""
    truth = np.asarray(reference.truth)
    return np.asarray(truth == reference.predicted, np.int64) - np.asarray(truth == predicted, np.int64)


def _recall_drops(lost: NDArray[np.int64], reference: Reference) -> dict[str, RecallDrop]:
    assert reference.truth is not None
    result = {}
    for number, label in enumerate(reference.labels):
        mine = lost[reference.truth == number]
        if len(mine):
            result[label] = RecallDrop(float(mine.mean()), *_interval(mine), len(mine))
    return result


def _interval(values: NDArray[np.int64]) -> tuple[float, float]:
    """95 % paired bootstrap interval of a mean: both networks on the same resampled images."""
    return metrics.bootstrap(lambda drawn: (drawn.mean(axis=-1),), values)[0]


def _figures(reference: Reference, predicted: NDArray[np.int64], agreement: float | None = None) -> Metrics | None:
    if reference.truth is None:
        return None
    count = reference.logits.shape[1]
    return Metrics(
        data=reference.data,
        samples=len(reference.truth),
        accuracy=metrics.accuracy(reference.truth, predicted),
        macro_f1=metrics.macro_f1(reference.truth, predicted, count),
        agreement=agreement,
        classes=class_metrics(metrics.confusion_matrix(reference.truth, predicted, count), reference.labels),
    )

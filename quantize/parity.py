"""The gate: a written file is run in its own runtime and held against the PyTorch checkpoint before anybody gets it."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import Config, Metrics
from edge.engines import Engine, load_engine
from edge.engines.network import EmotionNetwork
from edge.figures import class_metrics

Images = NDArray[np.uint8]
Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]

#: Largest difference of a logit, or of valence or arousal, that a float file may show.
FLOAT_LIMIT = 1e-4
#: Smallest share of images on which an int8 file and the checkpoint name the same emotion.
AGREEMENT = 0.95
#: Largest loss of accuracy of an int8 file, as a share of the images.
ACCURACY_DROP = 0.01


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
    def accuracy(self) -> float | None:
        """The checkpoint's own accuracy; None without labels."""
        return None if self.truth is None else metrics.accuracy(self.truth, self.logits.argmax(axis=1))

    def metrics(self) -> tuple[Metrics, ...]:
        """The checkpoint's figures for the bundle's config; empty without labels."""
        figures = _figures(self, self.logits.argmax(axis=1))
        return () if figures is None else (figures,)


@dataclasses.dataclass(frozen=True)
class Parity:
    """How a file compares with its checkpoint.

    Attributes:
        problem: why it must not be used, in one line; None when it passed.
        logit_difference: largest difference of a logit.
        affect_difference: largest difference of valence or arousal.
        agreement: share of images with the same top class.
        metrics: accuracy and macro F1 of the file, None without labels.
    """

    problem: str | None
    logit_difference: float
    affect_difference: float
    agreement: float
    metrics: Metrics | None


def reference(
    network: EmotionNetwork,
    images: Images,
    data: str,
    truth: NDArray[np.int64] | None = None,
    labels: tuple[str, ...] = (),
) -> Reference:
    """Run the checkpoint on the comparison images, in PyTorch; the rest is passed on."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), 64):
            parts.append([output.numpy() for output in network(torch.from_numpy(images[start : start + 64]))])
    logits, affect = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Reference(images, logits, affect, data, truth, labels)


def check(path: Path, config: Config, reference: Reference, int8: bool) -> Parity:
    """Run a written file in its own runtime and judge it.

    A float file must give the checkpoint's numbers within :data:`FLOAT_LIMIT`. An int8 file must name the same emotion
    on :data:`AGREEMENT` of the images and, where there are labels, lose at most :data:`ACCURACY_DROP` of accuracy.

    Args:
        path: file under test; it is loaded from disk.
        config: of the bundle.
        reference: the checkpoint's outputs.
        int8: which of the two rules applies.

    Raises:
        EdgeError: the file cannot be loaded or breaks the contract of inputs and outputs.
    """
    with _opened(path, config) as engine:
        logits, affect = _run(engine, reference.images)
    agreement = float(np.mean(logits.argmax(axis=1) == reference.logits.argmax(axis=1)))
    figures = _figures(reference, logits.argmax(axis=1), agreement)
    logit_difference = float(np.abs(logits - reference.logits).max())
    affect_difference = float(np.abs(affect - reference.valence_arousal).max())
    worst = max(logit_difference, affect_difference)
    problem = None
    if not (np.isfinite(logits).all() and np.isfinite(affect).all()):
        problem = "gives values that are no numbers"
    elif not int8 and worst > FLOAT_LIMIT:
        problem = f"differs from the checkpoint by {worst:.2g}, allowed are {FLOAT_LIMIT:g}"
    elif int8 and agreement < AGREEMENT:
        problem = f"agrees with the checkpoint on {agreement:.1%} of the images, {AGREEMENT:.0%} are needed"
    elif int8 and figures is not None and reference.accuracy is not None:
        drop = reference.accuracy - figures.accuracy
        if drop > ACCURACY_DROP:
            problem = f"loses {100 * drop:.1f} points of accuracy, allowed is {100 * ACCURACY_DROP:g}"
    return Parity(problem, logit_difference, affect_difference, agreement, figures)


@contextlib.contextmanager
def _opened(path: Path, config: Config) -> Iterator[Engine]:
    engine = load_engine(path, config)
    try:
        yield engine
    finally:
        engine.close()


def _run(engine: Engine, images: Images) -> Outputs:
    """Run all images: first one, then three, then the rest in larger batches, so that a fixed batch size shows."""
    edges = [edge for edge in (0, 1, *range(4, len(images), 32)) if edge < len(images)] + [len(images)]
    parts = [engine.run(images[start:end]) for start, end in itertools.pairwise(edges)]
    logits, affect = (np.concatenate(part) for part in zip(*parts, strict=True))
    return logits, affect


def _figures(reference: Reference, predicted: NDArray[np.intp], agreement: float | None = None) -> Metrics | None:
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

"""Measure a network on a split: what ``edge-train evaluate`` prints, and what a run writes into its bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import Bundle, Config, Metrics, read_bundle
from edge.engines import Engine, load_engine
from edge.errors import EdgeError
from edge.figures import class_metrics
from train.data.samples import Samples
from train.plain import plain
from train.predictions import Predictions, predict_split

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Affect:
    """Figures of one dimension (valence or arousal) over ``samples`` images, both sides in [-1, 1].

    ``intervals`` are the 95 % bootstrap intervals, by the names of the figures.
    """

    samples: int
    mse: float
    mae: float
    rmse: float
    ccc: float
    pearson: float
    intervals: dict[str, Interval]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A network on the labelled images of a split.

    Attributes:
        data: name of the split.
        samples: number of images counted.
        unlabelled: images of the split that the data set's rule gives no label, not counted.
        labels: names of the model's C classes.
        accuracy: share of images whose top class is the label, 0..1.
        balanced_accuracy: mean recall over the classes that occur, 0..1.
        macro_f1: mean F1 over the classes that occur.
        nll: negative log-likelihood of the labels, in nats.
        ece: expected calibration error, 15 equal-width bins (Guo et al. 2017), 0..1.
        temperature: what logits were divided by for ``nll`` and ``ece``.
        intervals: 95 % bootstrap intervals of the five figures, by name.
        precision: per class, NaN where it is never predicted.
        recall: per class, NaN where the class does not occur.
        f1: per class.
        support: images per class.
        confusion: counts ``C x C``, rows the label, columns the prediction.
        affect: by ``"valence"`` and ``"arousal"``; empty where nothing is annotated.
        weak_affect: the target of ``affect`` is a weak signal, no annotation: the figures tell how well the network
            learnt the signal, not how right it is.
        in_sample: the temperature was fitted on these very images.
        notes: what a reader of the figures must know.
    """

    data: str
    samples: int
    unlabelled: int
    labels: tuple[str, ...]
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    nll: float
    ece: float
    temperature: float
    intervals: dict[str, Interval]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]
    affect: dict[str, Affect]
    weak_affect: bool
    in_sample: bool
    notes: tuple[str, ...]

    def metrics(self) -> Metrics:
        """The part that a bundle's config records."""
        return Metrics(
            data=self.data,
            samples=self.samples,
            accuracy=self.accuracy,
            macro_f1=self.macro_f1,
            classes=class_metrics(np.array(self.confusion), self.labels),
        )

    def record(self) -> dict[str, Any]:
        """Everything, ready for JSON: NaN becomes None."""
        result: dict[str, Any] = plain(dataclasses.asdict(self))
        return result


def evaluate_file(
    model: Path, samples: Samples, device: str = "cpu", mirror: bool = False
) -> tuple[Evaluation, str, Predictions]:
    """Measure a bundle's checkpoint, or one file of a bundle, through its runtime.

    Args:
        model: bundle folder (its ``.pth`` file is taken), or a file in one.
        samples: the split.
        device: ``"cpu"`` or ``"cuda"``.
        mirror: answer with the mean of picture and mirror image.

    Returns:
        The figures, the name of file and runtime, and what the figures are computed from.

    Raises:
        EdgeError: no bundle, a damaged file, no label shared with the data, a missing runtime, an unreadable image.
    """
    bundle, name = find_file(model)
    path = bundle.path(name)
    engine = load_engine(path, bundle.config, device)
    try:
        predictions = predict_split(engine, bundle.config, samples, mirror)
        return measure(predictions), f"{path} in {engine.name}", predictions
    finally:
        engine.close()


def find_file(model: Path) -> tuple[Bundle, str]:
    """Return the bundle that ``model`` names, and which of its files: its checkpoint where only the folder is named.

    Raises:
        EdgeError: nothing there, no bundle, or a bundle without checkpoint.
    """
    if not model.exists():
        raise EdgeError(f"{model}: no such bundle or model file")
    bundle = read_bundle(model if model.is_dir() else model.parent)
    if not model.is_dir():
        return bundle, model.name
    checkpoints = [name for name, file in bundle.config.files.items() if file.format == "pth"]
    if not checkpoints:
        listed = ", ".join(bundle.config.files) or "no files"
        raise EdgeError(f"{model} has no checkpoint (.pth); name one of its files: {listed}")
    return bundle, checkpoints[0]


def evaluate(engine: Engine, config: Config, samples: Samples) -> Evaluation:
    """Measure a loaded engine; see :func:`train.predictions.predict_split` and :func:`measure`."""
    return measure(predict_split(engine, config, samples))


def measure(predictions: Predictions) -> Evaluation:
    """Compute all figures of finished predictions."""
    p = predictions
    classes = len(p.labels)
    matrix = metrics.confusion_matrix(p.truth, p.predicted, classes)
    names = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece")

    def figures(
        truth: NDArray[Any], predicted: NDArray[Any], surprisal: NDArray[Any], confidence: NDArray[Any]
    ) -> Sequence[metrics.Figure]:
        return (
            metrics.accuracy(truth, predicted),
            metrics.balanced_accuracy(truth, predicted, classes),
            metrics.macro_f1(truth, predicted, classes),
            surprisal.mean(axis=-1),
            metrics.ece(truth == predicted, confidence),
        )

    arrays = (
        p.truth,
        p.predicted,
        metrics.surprisal(p.truth, p.logits, p.temperature),
        p.probabilities.max(axis=1),
    )
    values = dict(zip(names, map(float, figures(*arrays)), strict=True))
    return Evaluation(
        data=p.data,
        samples=len(p),
        unlabelled=p.unlabelled,
        labels=p.labels,
        **values,
        temperature=p.temperature,
        intervals=dict(zip(names, metrics.bootstrap(figures, *arrays), strict=True)),
        precision=tuple(metrics.precision_per_class(p.truth, p.predicted, classes).tolist()),
        recall=tuple(metrics.recall_per_class(p.truth, p.predicted, classes).tolist()),
        f1=tuple(metrics.f1_per_class(p.truth, p.predicted, classes).tolist()),
        support=tuple(matrix.sum(axis=1).tolist()),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        affect=_affect(p.target, p.valence_arousal),
        weak_affect=p.weak_affect,
        in_sample=p.in_sample,
        notes=p.notes,
    )


def _affect(target: NDArray[np.float32], given: NDArray[np.float32]) -> dict[str, Affect]:
    names = ("mse", "mae", "rmse", "ccc", "pearson")

    def figures(truth: NDArray[Any], predicted: NDArray[Any]) -> Sequence[metrics.Figure]:
        return [getattr(metrics, name)(truth, predicted) for name in names]

    result = {}
    for column, name in enumerate(("valence", "arousal")):
        known = ~np.isnan(target[:, column])
        if not known.any():
            continue
        arrays = target[known, column].astype(float), given[known, column].astype(float)
        values = dict(zip(names, figures(*arrays), strict=True))
        intervals = dict(zip(names, metrics.bootstrap(figures, *arrays), strict=True))
        result[name] = Affect(samples=int(known.sum()), **values, intervals=intervals)
    return result

"""Measure a network on a split: what ``edge-train evaluate`` prints, and what a run writes into its bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import FILE_NAMES, Config, Metrics, read_bundle
from edge.engines import Engine, load_engine
from edge.errors import EdgeError
from edge.preprocess import resize
from train.data.samples import Samples

#: uint8 images ``[N, S, S, 3]`` to logits ``[N, C]`` and valence/arousal ``[N, 2]``.
Predict = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclasses.dataclass(frozen=True)
class Affect:
    """Figures of one dimension (valence or arousal) over ``samples`` images, both sides in [-1, 1]."""

    samples: int
    mse: float
    mae: float
    rmse: float
    ccc: float
    pearson: float


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A network on the labelled images of a split.

    Attributes:
        data: name of the split.
        samples: number of images counted.
        unlabelled: images of the split that the data set's rule gives no label, not counted.
        labels: names of the C classes.
        accuracy: share of images whose top class is the label, 0..1.
        interval: 95 % bootstrap interval of the accuracy.
        macro_f1: mean F1 over the classes that occur.
        recall: per class, NaN where the class does not occur.
        f1: per class.
        support: images per class.
        confusion: counts ``C x C``, rows the label, columns the prediction.
        affect: by ``"valence"`` and ``"arousal"``; empty where nothing is annotated.
        weak_affect: the target of ``affect`` is a weak signal, no annotation: the figures tell how well the network
            learnt the signal, not how right it is.
    """

    data: str
    samples: int
    unlabelled: int
    labels: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]
    affect: dict[str, Affect]
    weak_affect: bool

    def metrics(self) -> Metrics:
        """The part that a bundle's config records."""
        return Metrics(data=self.data, samples=self.samples, accuracy=self.accuracy, macro_f1=self.macro_f1)

    def record(self) -> dict[str, Any]:
        """Everything, ready for JSON: NaN becomes None."""
        result: dict[str, Any] = _plain(dataclasses.asdict(self))
        return result


def evaluate_file(model: Path, samples: Samples, device: str = "cpu") -> tuple[Evaluation, str]:
    """Measure a bundle's checkpoint, or one file of a bundle, through its runtime.

    Args:
        model: bundle folder (its ``model_weights.pth`` is taken), or a file in one.
        samples: the split.
        device: ``"cpu"`` or ``"cuda"``.

    Returns:
        The figures, and the name of file and runtime.

    Raises:
        EdgeError: no bundle, a damaged file, labels other than the data's, a missing runtime, an unreadable image.
    """
    if not model.exists():
        raise EdgeError(f"{model}: no such bundle or model file")
    bundle = read_bundle(model if model.is_dir() else model.parent)
    path = bundle.path(FILE_NAMES["pth", "float32"] if model.is_dir() else model.name)
    config = bundle.config
    if config.labels != samples.labels:
        raise EdgeError(f"{model} knows {', '.join(config.labels)}; the data knows {', '.join(samples.labels)}")
    engine = load_engine(path, config, device)
    try:
        return evaluate(engine, config, samples), f"{path} in {engine.name}"
    finally:
        engine.close()


def evaluate(engine: Engine, config: Config, samples: Samples) -> Evaluation:
    """Measure a loaded engine on the labelled images of a split, whole and resized, without alignment."""
    counted = samples.labelled()
    if not len(counted):
        raise EdgeError(f"{samples.name}: no image with a label; nothing can be measured")
    logits, affect = predict(engine.run, counted, config.input.size, config.crop.source_size)
    if not (np.isfinite(logits).all() and np.isfinite(affect).all()):
        raise EdgeError(f"{engine.name} gives values that are no numbers; train or export the model again")
    truth, predicted = counted.label, logits.argmax(axis=1)
    classes = len(samples.labels)
    matrix = metrics.confusion_matrix(truth, predicted, classes)
    return Evaluation(
        data=samples.title,
        samples=len(counted),
        unlabelled=len(samples) - len(counted),
        labels=samples.labels,
        accuracy=metrics.accuracy(truth, predicted),
        interval=metrics.accuracy_interval(truth, predicted),
        macro_f1=metrics.macro_f1(truth, predicted, classes),
        recall=tuple(metrics.recall_per_class(truth, predicted, classes).tolist()),
        f1=tuple(metrics.f1_per_class(truth, predicted, classes).tolist()),
        support=tuple(matrix.sum(axis=1).tolist()),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        affect=_affect(counted.valence_arousal, affect),
        weak_affect=samples.weak_affect,
    )


def predict(
    run: Predict, samples: Samples, size: int, source_size: int | None, batch: int = 64
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits ``[N, C]`` and valence/arousal ``[N, 2]`` of all samples, prepared by ``edge.preprocess``."""
    logits, affect = [], []
    for start in range(0, len(samples), batch):
        rows = range(start, min(start + batch, len(samples)))
        images = np.stack([resize(samples.image(row), size, source_size) for row in rows])
        answer = run(images)
        logits.append(answer[0])
        affect.append(answer[1])
    return np.concatenate(logits), np.concatenate(affect)


def text(evaluation: Evaluation) -> str:
    """The figures as a page for a terminal."""
    e = evaluation
    left_out = f" ({e.unlabelled} without a label are left out)" if e.unlabelled else ""
    low, high = e.interval
    lines = [
        f"data      {e.data}: {e.samples} images{left_out}",
        f"accuracy  {100 * e.accuracy:.2f} %  (95 % bootstrap interval {100 * low:.2f} to {100 * high:.2f})",
        f"macro F1  {e.macro_f1:.3f}",
        "",
        f"{'class':<12}{'recall':>8}{'F1':>8}{'images':>9}",
    ]
    for name, recall, f1, support in zip(e.labels, e.recall, e.f1, e.support, strict=True):
        figures = f"{recall:>8.3f}{f1:>8.3f}" if support else f"{'-':>8}{'-':>8}"
        lines.append(f"{name:<12}{figures}{support:>9}")
    width = max(5, *(len(str(count)) + 1 for row in e.confusion for count in row))
    lines += ["", "confusion: rows are the label, columns the prediction"]
    lines.append(" " * 12 + "".join(f"{name[: width - 1]:>{width}}" for name in e.labels))
    for name, row in zip(e.labels, e.confusion, strict=True):
        lines.append(f"{name:<12}" + "".join(f"{count:>{width}}" for count in row))
    if e.affect:
        lines += ["", "valence and arousal, against the data set's annotations"]
        if e.weak_affect:
            lines[-1] = "valence and arousal, against the weak signal: how well it was learnt, not how right it is"
        lines.append(f"{'':<12}{'MSE':>8}{'MAE':>8}{'RMSE':>8}{'CCC':>8}{'Pearson':>9}{'images':>9}")
        for name, a in e.affect.items():
            lines.append(
                f"{name:<12}{a.mse:>8.4f}{a.mae:>8.4f}{a.rmse:>8.4f}{a.ccc:>8.3f}{a.pearson:>9.3f}{a.samples:>9}"
            )
    return "\n".join(lines)


def _affect(target: NDArray[np.float32], given: NDArray[np.float32]) -> dict[str, Affect]:
    result = {}
    for column, name in enumerate(("valence", "arousal")):
        known = ~np.isnan(target[:, column])
        if not known.any():
            continue
        truth, predicted = target[known, column], given[known, column]
        result[name] = Affect(
            samples=int(known.sum()),
            mse=metrics.mse(truth, predicted),
            mae=metrics.mae(truth, predicted),
            rmse=metrics.rmse(truth, predicted),
            ccc=metrics.ccc(truth, predicted),
            pearson=metrics.pearson(truth, predicted),
        )
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value

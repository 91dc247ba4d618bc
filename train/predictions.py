"""What a network says about a split, beside what the data set says: one record for figures, plots and calibration."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import Config
from edge.engines import Engine
from edge.errors import EdgeError
from edge.files import write_atomically
from edge.preprocess import resize
from train.data.samples import Samples

#: uint8 images ``[N, S, S, 3]`` to logits ``[N, C]`` and valence/arousal ``[N, 2]``.
Predict = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclasses.dataclass(frozen=True)
class Predictions:
    """A network's answers to N labelled images of a split, in the model's label order.

    Attributes:
        data: name of the split, with the classes that had to be left out.
        labels: names of the model's C classes.
        images: where each image comes from.
        truth: int64 ``[N]``, the label as a class of the model.
        logits: float32 ``[N, C]``, raw.
        valence_arousal: float32 ``[N, 2]``.
        target: float32 ``[N, 2]``, the data set's valence and arousal; NaN where not annotated.
        temperature: what logits are divided by before softmax.
        fitted_on: name of the data the temperature was fitted on; None where it was not fitted.
        weak_affect: ``target`` is derived from the emotion labels, nobody annotated it.
        unlabelled: images of the split that the data set's rule gives no label; not among the N.
        notes: what a reader of the figures must know, a sentence each.
    """

    data: str
    labels: tuple[str, ...]
    images: tuple[str, ...]
    truth: NDArray[np.int64]
    logits: NDArray[np.float32]
    valence_arousal: NDArray[np.float32]
    target: NDArray[np.float32]
    temperature: float = 1.0
    fitted_on: str | None = None
    weak_affect: bool = False
    unlabelled: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The top class of each image, int64 ``[N]``."""
        return np.asarray(self.logits.argmax(axis=1), np.int64)

    @property
    def hit(self) -> NDArray[np.bool_]:
        """Whether the top class is the label, bool ``[N]``."""
        return np.asarray(self.truth == self.predicted)

    @property
    def probabilities(self) -> NDArray[np.floating]:
        """What the runtime would show, ``[N, C]``."""
        return metrics.softmax(self.logits.astype(float), self.temperature)

    @property
    def in_sample(self) -> bool:
        """Whether the temperature was fitted on these very images, so that ECE and NLL flatter it a little."""
        return self.fitted_on == self.data


def predict_split(engine: Engine, config: Config, samples: Samples, mirror: bool = False) -> Predictions:
    """Run a loaded engine on the labelled images of a split, whole and resized, without alignment.

    Labels are matched by name. Images of a class that the model does not have are left out, and a note says so; a class
    that only the model has stays a possible answer.

    Args:
        engine: the network.
        config: of its bundle.
        samples: the split.
        mirror: answer with the mean of picture and mirror image, logits and valence/arousal alike.

    Raises:
        EdgeError: no labelled image of a class the model has, an unreadable image, or values that are no numbers.
    """
    counted, truth, data, notes = _matched(samples, config)
    logits, affect = predict(engine.run, counted, config.input.size, config.crop.source_size, mirror=mirror)
    if not (np.isfinite(logits).all() and np.isfinite(affect).all()):
        raise EdgeError(f"{engine.name} gives values that are no numbers; train or export the model again")
    return Predictions(
        data=data,
        labels=config.labels,
        images=tuple(str(path) for path in counted.paths),
        truth=truth,
        logits=logits,
        valence_arousal=affect,
        target=counted.valence_arousal,
        temperature=config.temperature,
        fitted_on=config.calibration.data if config.calibration else None,
        weak_affect=samples.weak_affect,
        unlabelled=int((samples.label < 0).sum()),
        notes=(*notes, "each answer is the mean of picture and mirror image") if mirror else notes,
    )


def predict(
    run: Predict, samples: Samples, size: int, source_size: int | None, batch: int = 64, mirror: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return logits ``[N, C]`` and valence/arousal ``[N, 2]`` of all samples, prepared by ``edge.preprocess``."""
    logits, affect = [], []
    for start in range(0, len(samples), batch):
        rows = range(start, min(start + batch, len(samples)))
        images = np.stack([resize(samples.image(row), size, source_size) for row in rows])
        answers = [run(images)]
        if mirror:
            answers.append(run(np.ascontiguousarray(images[:, :, ::-1])))
        logits.append(np.mean([answer[0] for answer in answers], axis=0))
        affect.append(np.mean([answer[1] for answer in answers], axis=0))
    return np.concatenate(logits), np.concatenate(affect)


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write one CSV row an image: truth, prediction, probabilities, valence and arousal as given and as annotated.

    Cells of what nobody annotated are empty.

    Raises:
        EdgeError: the file cannot be written.
    """
    p = predictions
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    affect = ("valence", "arousal", "valence_truth", "arousal_truth")
    writer.writerow(["image", "truth", "predicted", *(f"p_{label}" for label in p.labels), *affect])
    rows = zip(p.images, p.truth, p.predicted, p.probabilities, p.valence_arousal, p.target, strict=True)
    for image, truth, predicted, probabilities, given, target in rows:
        numbers = ["" if np.isnan(value) else f"{value:.6g}" for value in (*probabilities, *given, *target)]
        writer.writerow([image, p.labels[truth], p.labels[predicted], *numbers])
    write_atomically(path, text.getvalue().encode())


def _matched(samples: Samples, config: Config) -> tuple[Samples, NDArray[np.int64], str, tuple[str, ...]]:
    """Return the countable samples, their classes in the model's order, the name of what is left, and notes."""
    if not (samples.label >= 0).any():
        raise EdgeError(f"{samples.name}: no image with a label; nothing can be measured")
    shared = [name for name in samples.labels if name in config.labels]
    order = np.array([config.labels.index(name) if name in shared else -1 for name in samples.labels])
    truth = np.where(samples.label >= 0, order[samples.label], -1)
    if not (truth >= 0).any():
        raise EdgeError(
            f"{config.name} knows {', '.join(config.labels)}; the data knows {', '.join(samples.labels)}: no image "
            "shows a class they share"
        )
    data, notes = samples.title, []
    lost = {samples.labels[i]: int((samples.label == i).sum()) for i in np.unique(samples.label) if i >= 0}
    lost = {name: count for name, count in lost.items() if name not in shared}
    if lost:
        data += f", without {', '.join(lost)}"
        images = ", ".join(f"{count} of {name}" for name, count in lost.items())
        notes.append(f"left out, since the model has no such class: {images}")
    more = [name for name in config.labels if name not in samples.labels]
    if more:
        notes.append(
            f"the model also knows {', '.join(more)}, which this data never holds: its choice among all "
            f"{len(config.labels)} classes is counted"
        )
    rows = truth >= 0
    return samples.take(rows), truth[rows], data, tuple(notes)

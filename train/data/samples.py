"""What every data set reader returns: images by path, and one table of annotations. numpy and OpenCV's decoder only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import LABELS
from train.data.findings import Findings


class MissingSplitError(EdgeError):
    """The data set has no such split; its others may be fine."""


@dataclasses.dataclass(frozen=True)
class Samples:
    """One split of a data set.

    Attributes:
        name: for reports, for example ``"FER+ validation"``.
        paths: N image files.
        distribution: float32 ``[N, C]``, rows sum to one: votes where there are votes, else one-hot.
        label: int64 ``[N]``, the class an evaluation counts; -1 where the data set's rule gives none.
        valence_arousal: float32 ``[N, 2]`` in [-1, 1]; NaN where not annotated.
        labels: names of the C classes, in order.
        rule: how ``label`` was found where the data set leaves a choice; part of what a figure is called.
        licence: what the data set's owner allows, for model cards.
        boxes: int ``[N, 4]`` (x, y, w, h) in pixels, the face in its image, or None where images are cropped already.
        weak_affect: ``valence_arousal`` is derived from the emotion labels, nobody annotated it.
        findings: what the reader left out or doubts.
    """

    name: str
    paths: Sequence[Path]
    distribution: NDArray[np.float32]
    label: NDArray[np.int64]
    valence_arousal: NDArray[np.float32]
    labels: tuple[str, ...] = LABELS
    licence: str = "unknown"
    rule: str = ""
    boxes: NDArray[np.int64] | None = None
    weak_affect: bool = False
    findings: Findings = dataclasses.field(default_factory=Findings)

    @property
    def affect_source(self) -> str:
        """Where valence and arousal come from, in words, as a bundle's config and the model card say it."""
        if not np.isfinite(self.valence_arousal).any():
            return "none: valence and arousal were not taught, their output means nothing"
        if self.weak_affect:
            return (
                "weak: circumplex coordinates (Russell & Mehrabian 1977) weighted by the emotion votes, no annotations"
            )
        return "the data set's own annotations"

    @property
    def counts(self) -> NDArray[np.int64]:
        """Labelled images of each class, int64 ``[C]``."""
        return np.bincount(self.label[self.label >= 0], minlength=len(self.labels)).astype(np.int64)

    @property
    def title(self) -> str:
        """What a figure measured on these samples is called: name and rule."""
        return f"{self.name} ({self.rule})" if self.rule else self.name

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return image ``index`` as uint8 ``[H, W, 3]``, RGB, cropped to its face box where the data set has one.

        Raises:
            EdgeError: the file is missing or no image, or the face box lies outside it.
        """
        path = self.paths[index]
        # Asked first, since OpenCV prints a warning of its own where there is no file.
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
        if bgr is None:
            raise EdgeError(f"{path}: missing or not a readable image; restore it or remove its row")
        if self.boxes is not None:
            x, y, w, h = self.boxes[index].tolist()
            bgr = bgr[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)]
            if not bgr.size:
                raise EdgeError(f"{path}: its face box {(x, y, w, h)} lies outside the image; remove its row")
        return np.ascontiguousarray(bgr[:, :, ::-1])

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Samples:
        """Return the rows of an index array, a boolean mask or a slice as a new split."""
        picked = np.arange(len(self))[rows]
        return dataclasses.replace(
            self,
            paths=[self.paths[i] for i in picked],
            distribution=self.distribution[picked],
            label=self.label[picked],
            valence_arousal=self.valence_arousal[picked],
            boxes=None if self.boxes is None else self.boxes[picked],
        )

    def labelled(self) -> Samples:
        """Return only the rows an evaluation counts (``label >= 0``)."""
        return self.take(self.label >= 0)

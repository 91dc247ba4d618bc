"""Pick a face detector by name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.types import Face

#: What ``--detector`` takes.
DETECTORS = {
    "blazeface": "near and far faces: full range, and short range where that finds nobody (default)",
    "blazeface-short": "faces up to about 2 m, the cheapest",
    "blazeface-full": "faces up to about 5 m",
    "mediapipe": "the same two models through MediaPipe Tasks, the reference (slow to start)",
    "yunet": "OpenCV's FaceDetectorYN with a model file you bring (--detector-model)",
}


class Detector(Protocol):
    """Finds faces in one picture, with no memory of earlier ones."""

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a BGR picture ``[H, W, 3]``, best score first; boxes and landmarks in its pixels."""

    def close(self) -> None:
        """Release the detector."""


def load_detector(
    name: str = "blazeface", min_score: float = 0.5, threads: int | None = None, model: Path | None = None
) -> Detector:
    """Return a detector of :data:`DETECTORS`.

    Args:
        name: which one.
        min_score: least confidence of a reported face, 0..1.
        threads: CPU threads; None leaves the runtime's choice.
        model: the model file of ``yunet``.

    Raises:
        EdgeError: unknown name, or its package or model file is missing.
    """
    match name:
        case "blazeface":
            from edge.detect.blazeface import FULL_RANGE, SHORT_RANGE, BlazeFace
            from edge.detect.cascade import Cascade

            return Cascade(BlazeFace(FULL_RANGE, min_score, threads), BlazeFace(SHORT_RANGE, min_score, threads))
        case "blazeface-short" | "blazeface-full":
            from edge.detect.blazeface import FULL_RANGE, SHORT_RANGE, BlazeFace

            return BlazeFace(FULL_RANGE if name.endswith("full") else SHORT_RANGE, min_score, threads)
        case "mediapipe":
            from edge.detect.blazeface import FULL_RANGE, SHORT_RANGE
            from edge.detect.cascade import Cascade
            from edge.detect.mediapipe import MediaPipeDetector

            return Cascade(MediaPipeDetector(FULL_RANGE, min_score), MediaPipeDetector(SHORT_RANGE, min_score))
        case "yunet":
            from edge.detect.yunet import YuNet

            return YuNet(model, min_score)
        case _:
            raise EdgeError(f"unknown detector {name!r}; use one of {', '.join(DETECTORS)}")

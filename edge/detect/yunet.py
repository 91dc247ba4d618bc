"""OpenCV's ``FaceDetectorYN``, for those who bring its model file (face_detection_yunet_*.onnx)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.types import Face


class YuNet:
    """YuNet (Wu et al. 2023) in OpenCV's DNN module."""

    def __init__(self, model: Path | None, min_score: float = 0.5) -> None:
        """Load a model file.

        Raises:
            EdgeError: no file given, missing, or not a model OpenCV can read.
        """
        if model is None:
            raise EdgeError("--detector yunet needs its model file: --detector-model face_detection_yunet.onnx")
        if not model.is_file():
            raise EdgeError(f"{model} is missing; --detector-model takes YuNet's .onnx file")
        try:
            self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), score_threshold=min_score)
        except cv2.error as error:
            raise EdgeError(f"{model} is not a YuNet model OpenCV can read; download it again") from error

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a BGR picture ``[H, W, 3]``, best score first, without landmarks of the ears."""
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self._detector.detect(image)
        faces = []
        for row in [] if rows is None else rows:
            x, y, w, h = (float(value) for value in row[:4])
            eyes_nose = [(float(row[i]), float(row[i + 1])) for i in (4, 6, 8)]
            mouth = (float(row[10] + row[12]) / 2, float(row[11] + row[13]) / 2)
            faces.append(Face((x, y, w, h), float(row[14]), (*eyes_nose, mouth)))
        return sorted(faces, key=lambda face: -face.score)

    def close(self) -> None:
        """Nothing to release."""

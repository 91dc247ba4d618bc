"""The package ``fer``."""

from __future__ import annotations

from typing import Any

import numpy as np
from serving import Image, serve  # type: ignore[import-not-found]

#: Side of its network's input, pixels, and how it brings pixels to -1..1: ``FER.detect_emotions``.
SIDE = 64


class FerAdapter:
    """``fer.fer.FER``."""

    def load(self, options: dict[str, Any]) -> None:
        from fer.fer import FER  # type: ignore[import-not-found]

        self._detector = FER(**options)
        self.labels = list(FER._get_labels().values())

    def process(self, frame: Image) -> int:
        return len(self._detector.detect_emotions(frame))

    def classify(self, face: Image) -> list[float]:
        import cv2

        gray = cv2.resize(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), (SIDE, SIDE))
        batch = (np.array([gray], "float32") / 255.0 - 0.5) * 2.0
        return [float(score) for score in np.asarray(self._detector._classify_emotions(batch))[0]]


serve(FerAdapter())

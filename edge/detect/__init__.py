"""Face detection: the same question to several detectors, ``detect(image) -> faces``."""

from __future__ import annotations

from edge.detect.loading import DETECTORS, Detector, load_detector

__all__ = ["DETECTORS", "Detector", "load_detector"]

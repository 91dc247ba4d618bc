"""Draw the documents' pictures: a frame of the demo as edge-run stores it, and the window with every layer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge import EmotionReader
from edge.health import Health
from edge.layers import LAYERS
from edge.overlay import Overlay, Status
from edge.sources import open_source

FRAME = 245


def main() -> None:
    """Write demo.jpg and window.jpg beside this script."""
    health = Health()
    stored, window = Overlay(), Overlay(frozenset(LAYERS), health)
    with EmotionReader() as reader:
        health.model, health.detector = f"{reader.model.path.name} on {reader.model.engine.name}", "blazeface"
        for frame in open_source("demo").frames():
            assert frame is not None
            result = reader.process(frame, "demo")
            health.count(len(result.readings), result.timings_ms)
            canvas = stored.draw(result)
            shown = window.draw(result, size=(1280, 720), status=Status(hint="?: all keys"))
            if frame.index == FRAME:
                _write("demo.jpg", canvas)
                _write("window.jpg", shown)
                return


def _write(name: str, image: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(Path(__file__).with_name(name)), image, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()

"""Draw the README's picture: a frame of the demo, as edge-run shows it."""

from __future__ import annotations

from pathlib import Path

import cv2

from edge import EmotionReader
from edge.overlay import Overlay
from edge.sources import open_source

FRAME = 245


def main() -> None:
    """Write demo.jpg beside this script."""
    overlay = Overlay()
    with EmotionReader() as reader:
        for frame in open_source("demo").frames():
            assert frame is not None
            canvas = overlay.draw(reader.process(frame, "demo"))
            if frame.index == FRAME:
                cv2.imwrite(str(Path(__file__).with_name("demo.jpg")), canvas, [cv2.IMWRITE_JPEG_QUALITY, 88])
                return


if __name__ == "__main__":
    main()

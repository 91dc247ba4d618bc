"""Read a face that moves, in a sequence of frames made here, and write what each frame gives.

    python following.py FOUND.json

``FOUND`` is a list of the objects that ``edge-run`` writes, with ``searched`` beside them: whether the whole picture
was searched in that frame, or the face followed in a window.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.assets import asset
from edge.events import event
from edge.reader import EmotionReader
from edge.types import Frame

FRAMES = 13


def main() -> None:
    """Make the frames, read them, write."""
    cv2.setNumThreads(1)
    portrait = cv2.imread(str(asset("portrait_hopper.jpg")))
    shown = cv2.resize(portrait, (213, 250), interpolation=cv2.INTER_AREA)
    found = []
    with EmotionReader(threads=1) as reader:
        for index in range(FRAMES):
            picture = np.full((360, 480, 3), 160, np.uint8)
            picture[50:300, 40 + 5 * index : 253 + 5 * index] = shown
            result = reader.process(Frame(picture, index / 25, index), "moving")
            found.append(event(result) | {"searched": reader.following.searched})
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main()

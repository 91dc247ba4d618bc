"""The program whose instructions are counted: it runs on the emulated processor, and marks what counts.

    python counted.py network BUNDLE FILE
    python counted.py detector NAME [WIDTH HEIGHT]
    python counted.py frame BUNDLE FILE

It needs ``edge`` and what that needs, nothing else of this project. The plugin writes what it counted to stderr, see
``plugin.c``; this program writes to stdout what each of its regions was, a line each: ``region NUMBER NAME``. The
first region is ``mark``, in which nothing happens: it is what two marks cost, to be taken off the others.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

#: As in plugin.c.
MARK = 0x5EED0000

#: Runs before those that count: runtimes prepare buffers, Python specializes its bytecode after eight or so.
WARM_UPS = 10

#: Inferences that count.
INFERENCES = 5

#: Frames before those that count: by then searches are as far apart as they will be, and one is due.
FIRST_FRAMES = 27

#: Frames that count: one turn of a search and what follows it.
FRAMES = 10

#: Of the moving picture: width and height, and how far the face moves from frame to frame, pixels.
SCENE = (640, 480)
STEP = 3

#: Distance of frames in the moving picture, seconds.
FRAME_TIME = 1 / 25


def mark(region: int) -> None:
    """Begin the first region (0), or end one and begin the next."""
    with suppress(ProcessLookupError):
        os.getpgid(MARK + region)


def count(runs: Sequence[Callable[[], str]]) -> None:
    """Run things, each in a region of its own that is named by what it returns."""
    names = ["mark"]
    gc.collect()
    gc.disable()
    mark(0)
    mark(1)
    for region, run in enumerate(runs, start=2):
        mark(0)
        name = run()
        mark(region)
        names.append(name)
    for region, name in enumerate(names, start=1):
        print("region", region, name)


def network(bundle: str, file: str) -> None:
    """One inference: bytes of an image in, logits and valence/arousal out, as the runtime calls its engine."""
    from edge.bundle import read_bundle
    from edge.engines import load_engine

    config = read_bundle(Path(bundle)).config
    engine = load_engine(Path(bundle) / file, config, "cpu", 1)
    size = config.input.size
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 256, (1, size, size, 3), np.uint8) for _ in range(WARM_UPS + INFERENCES)]

    def run(image: Image) -> Callable[[], str]:
        def infer() -> str:
            engine.run(image)
            return "inference"

        return infer

    for image in images[:WARM_UPS]:
        run(image)()
    count([run(image) for image in images[WARM_UPS:]])


def detector(name: str, width: str = "", height: str = "") -> None:
    """One look of a detection network at a picture of exactly its input's size, candidates merged."""
    from edge.detect.network import FULL_RANGE, SHORT_RANGE, Network

    variant = {"short": SHORT_RANGE, "full": FULL_RANGE}[name]
    looking = Network(variant, 1, (int(width), int(height)) if width else None)
    picture = np.asarray(
        cv2.resize(portrait(), (looking.width, looking.height), interpolation=cv2.INTER_AREA), np.uint8
    )

    def look() -> str:
        looking.run(picture, 0.5)
        return "inference"

    for _ in range(WARM_UPS):
        look()
    count([look] * INFERENCES)


def frame(bundle: str, file: str) -> None:
    """One frame: EmotionReader.process on a picture with a face, searched or followed, and the face's emotion read."""
    from edge.reader import EmotionReader
    from edge.types import Frame

    reader = EmotionReader(Path(bundle) / file, threads=1)
    frames = [Frame(image, index * FRAME_TIME, index) for index, image in enumerate(scene(FIRST_FRAMES + FRAMES))]

    def run(each: Frame) -> Callable[[], str]:
        def process() -> str:
            result = reader.process(each)
            if len(result.readings) != 1:
                raise SystemExit(f"frame {each.index} shows {len(result.readings)} faces, not one")
            return "searched" if reader.following.searched else "followed"

        return process

    for each in frames[:FIRST_FRAMES]:
        run(each)()
    count([run(each) for each in frames[FIRST_FRAMES:]])


def scene(length: int) -> list[Image]:
    """Return BGR pictures of a portrait that moves to and fro before a wall."""
    width, height = SCENE
    shown = cv2.resize(portrait(), (width // 3, height * 3 // 4), interpolation=cv2.INTER_AREA)
    pictures = []
    for index in range(length):
        picture = np.full((height, width, 3), 160, np.uint8)
        away = index % 20 if index % 40 < 20 else 20 - index % 20
        left, top = width // 4 + STEP * away, height // 8
        picture[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
        pictures.append(picture)
    return pictures


def portrait() -> Image:
    """Return a packaged portrait, BGR."""
    from edge.assets import asset

    return np.asarray(cv2.imread(str(asset("portrait_hopper.jpg"))), np.uint8)


def main() -> None:
    """Do what the command line says."""
    cv2.setNumThreads(1)  # as edge-run does
    tasks: dict[str, Callable[..., None]] = {"network": network, "detector": detector, "frame": frame}
    tasks[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()

"""Run each stage of the way from a picture to a reading on given inputs, and write what it gives.

    python stages.py GIVEN.npz FOUND.npz

It runs on every machine that is compared. ``GIVEN`` holds what the stages start from, so that no stage is blamed for
what the one before it did: ``frame`` (uint8 ``[H, W, 3]``, BGR), ``square`` (uint8 ``[192, 192, 3]``), ``patch`` and
``small`` (uint8 ``[S, S, 3]``, larger and smaller than a network's input), ``face`` (float64 ``[16]``: box, then six
points) and ``crops`` (uint8 ``[N, S, S, 3]``).
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np

from edge.assets import asset
from edge.detect.blazeface import letterbox
from edge.detect.network import FULL_RANGE, SHORT_RANGE, Network
from edge.detect.windows import Window, cut
from edge.model import Model
from edge.preprocess import resize
from edge.types import Face


def pictures(given: dict[str, Any], model: Model) -> dict[str, Any]:
    """All that has to do with bytes: decoding, scaling, turning, cropping."""
    frame, box = given["frame"], given["face"]
    size, source_size = model.bundle.config.input.size, model.bundle.config.crop.source_size
    square, scale, left, top = letterbox(frame, 192)
    face = Face(tuple(box[:4]), 1.0, tuple(map(tuple, box[4:].reshape(-1, 2))))
    return {
        "decode": cv2.imread(str(asset("portrait_hopper.jpg"))),
        "letterbox": square,
        "window": cut(frame, Window(1, 32, 16, (128, 96), (0,)), scale, left, top),
        "window of half": cut(frame, Window(2, 0, 0, (96, 96), (0,)), scale, left, top),
        "window of a quarter": cut(frame, Window(4, -24, -24, (96, 96), (0,)), scale, left, top),
        "shrink": resize(given["patch"], size, source_size),
        "shrink by parts of pixels": resize(np.ascontiguousarray(frame[:333, :333]), 112),
        "enlarge": resize(given["small"], size, source_size),
        "crop": model.crop(frame, [face]),
    }


def detections(given: dict[str, Any]) -> dict[str, Any]:
    """What the detection networks find: float32 from end to end."""
    found = {}
    for name, variant, window in (
        ("short range", SHORT_RANGE, None),
        ("full range", FULL_RANGE, None),
        ("full range in a window", FULL_RANGE, (160, 192)),
    ):
        network = Network(variant, 1, window)
        picture = cv2.warpAffine(given["square"], np.eye(2, 3) * network.width / 192, (network.width, network.height))
        found[name] = np.array([[*values, score] for values, score in network.run(picture, 0.5)])
        network.close()
    return found


def readings(given: dict[str, Any], onnx: bool) -> dict[str, Any]:
    """What the emotion network gives for the very same crops."""
    name = "onnx" if onnx else "tflite"
    model = Model(onnx=onnx, threads=1)
    rows = [model.engine.run(crop[None]) for crop in given["crops"]]
    return {f"{name} {head}": np.concatenate([row[i] for row in rows]) for i, head in enumerate(("logits", "affect"))}


def main() -> None:
    """Read, run, write."""
    cv2.setNumThreads(1)
    given = dict(np.load(sys.argv[1]))
    found = pictures(given, Model(threads=1)) | detections(given) | readings(given, False) | readings(given, True)
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()

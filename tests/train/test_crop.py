from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.detect import load_detector
from edge.errors import EdgeError
from train.crop import measure_crop
from train.data.samples import Samples


def samples_of(paths: list[Path]) -> Samples:
    n = len(paths)
    return Samples(
        "test", paths, np.eye(8, dtype=np.float32)[[0] * n], np.zeros(n, np.int64), np.zeros((n, 2), np.float32)
    )


def test_the_crop_that_made_the_pictures_is_found_again(tmp_path: Path, portraits: dict[str, np.ndarray]) -> None:
    detector = load_detector("blazeface-full")
    paths = []
    for name, image in portraits.items():
        (face,) = detector.detect(image)
        x, y, w, h = face.box
        side = 1.3 * w
        cx, cy = x + w / 2, y + h / 2 - 0.1 * h
        cut = image[round(cy - side / 2) : round(cy + side / 2), round(cx - side / 2) : round(cx + side / 2)]
        paths.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(paths[-1]), cut)
    fit = measure_crop(samples_of(paths), detector)
    assert fit.found == 1
    assert fit.scale == pytest.approx(1.3, rel=0.1)
    assert fit.shift_y == pytest.approx(-0.1, abs=0.06)
    assert fit.shift_x == pytest.approx(0, abs=0.05)


def test_pictures_without_faces_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((48, 48, 3), 120, np.uint8))
    with pytest.raises(EdgeError, match="only 0 of 1 pictures"):
        measure_crop(samples_of([tmp_path / "wall.png"]), load_detector("blazeface-full"))

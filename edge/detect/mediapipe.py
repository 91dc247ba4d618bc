"""The same BlazeFace models through MediaPipe Tasks: the reference that the direct implementation is held to."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from edge.assets import asset
from edge.detect.blazeface import FULL_RANGE, Variant
from edge.errors import EdgeError
from edge.types import Face


class MediaPipeDetector:
    """MediaPipe's ``FaceDetector`` task in image mode."""

    def __init__(self, variant: Variant = FULL_RANGE, min_score: float = 0.5) -> None:
        """Load a packaged model.

        Raises:
            EdgeError: mediapipe is not installed, or the model file is damaged.
        """
        os.environ.setdefault("GLOG_minloglevel", "2")  # its start-up notes are not for the user
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions
            from mediapipe.tasks.python.vision import FaceDetector, FaceDetectorOptions
        except ModuleNotFoundError as error:
            raise EdgeError("--detector mediapipe needs: pip install 'emot-edge[mediapipe]'") from error
        self._mediapipe = mediapipe
        options = FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=asset(variant.file).read_bytes()),
            min_detection_confidence=min_score,
        )
        self._detector = FaceDetector.create_from_options(options)

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of a BGR picture ``[H, W, 3]``, best score first."""
        height, width = image.shape[:2]
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image[:, :, ::-1])
        )
        faces = []
        for detection in self._detector.detect(picture).detections:
            box = detection.bounding_box
            faces.append(
                Face(
                    (float(box.origin_x), float(box.origin_y), float(box.width), float(box.height)),
                    float(detection.categories[0].score),
                    tuple((point.x * width, point.y * height) for point in detection.keypoints),
                )
            )
        return sorted(faces, key=lambda face: -face.score)

    def close(self) -> None:
        """Close the task; without it the interpreter complains at exit."""
        self._detector.close()

"""The plain sequential recipe that live speed is compared with: what most examples of the field do, frame by frame.

MediaPipe's short-range detection, each face resized to 224 px, ResNet-18 in PyTorch float32, one after the other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import NotInstalledError
from edge.quiet import silent_stderr

#: Side of the network's input, pixels.
INPUT = 224


class PlainRecipe:
    """MediaPipe, then ResNet-18.

    Attributes:
        network: takes uint8 RGB ``[N, 224, 224, 3]``. Its weights are random: they cost the same time as trained ones.
    """

    def __init__(self) -> None:
        """Load both.

        Raises:
            NotInstalledError: mediapipe, torch or torchvision is missing.
        """
        try:
            with silent_stderr():  # both announce their processors and accelerators there
                import mediapipe  # noqa: F401
                import torch
        except ModuleNotFoundError as error:
            raise NotInstalledError(
                f"the comparison needs {error.name}, which is not installed: pip install "
                "'emot-edge[mediapipe,train]', or leave it out with --no-plain"
            ) from error
        with silent_stderr():
            from edge.detect.mediapipe import MediaPipeDetector
            from edge.detect.network import SHORT_RANGE
            from edge.engines.network import EmotionNetwork, NetworkSpec

            self._torch = torch
            self._detector = MediaPipeDetector(SHORT_RANGE)
            torch.manual_seed(0)
            self.network = EmotionNetwork(NetworkSpec("resnet18")).eval()
            self._detector.detect(np.zeros((INPUT, INPUT, 3), np.uint8))  # it has something to say here too

    def process(self, image: NDArray[np.uint8]) -> int:
        """Read every face of a BGR picture ``[H, W, 3]``; return how many there were."""
        faces = self._detector.detect(image)
        height, width = image.shape[:2]
        for face in faces:
            x, y, w, h = (round(value) for value in face.box)
            cut = image[max(y, 0) : min(y + h, height), max(x, 0) : min(x + w, width)]
            crop = cv2.cvtColor(cv2.resize(cut, (INPUT, INPUT)), cv2.COLOR_BGR2RGB)
            self.read(np.asarray(crop, np.uint8))
        return len(faces)

    def read(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities of one face, RGB ``[224, 224, 3]``."""
        with self._torch.inference_mode():
            logits, _ = self.network(self._torch.from_numpy(crop[None]))
            return np.asarray(logits.softmax(1)[0].numpy(), np.float32)

    def close(self) -> None:
        """Release the detector."""
        with silent_stderr():
            self._detector.close()

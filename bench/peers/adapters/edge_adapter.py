"""This toolkit, by the same rules as its peers."""

from __future__ import annotations

from typing import Any

from serving import Image, serve  # type: ignore[import-not-found]

#: Frames a second of the frames' own clock, which following and smoothing go by.
FPS = 30.0


class EdgeAdapter:
    """``edge-run``'s reader."""

    def load(self, options: dict[str, Any]) -> None:
        import cv2

        from edge.reader import EmotionReader

        cv2.setNumThreads(1)  # as edge-run does
        self._reader = EmotionReader(**options)
        self._index = 0
        self.labels = list(self._reader.model.bundle.config.labels)

    def process(self, frame: Image) -> int:
        from edge.types import Frame

        result = self._reader.process(Frame(frame, self._index / FPS, self._index))
        self._index += 1
        return len(result.readings)

    def classify(self, face: Image) -> list[float]:
        from edge.preprocess import resize

        config = self._reader.model.bundle.config
        crop = resize(face[:, :, ::-1].copy(), config.input.size, config.crop.source_size)
        return list(self._reader.model.classify(crop[None])[0].probabilities)


serve(EdgeAdapter())

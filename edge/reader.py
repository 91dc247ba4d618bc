"""The library's front door: faces and emotions of pictures and of moving pictures."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.detect import load_detector
from edge.model import Model
from edge.smoothing import Smoother
from edge.tracking import Tracker
from edge.types import Frame, Reading, Result


class EmotionReader:
    """Finds faces and reads emotions; with memory for video (:meth:`process`) or without for pictures (:meth:`read`).

    Example::

        with EmotionReader() as reader:
            for reading in reader.read(cv2.imread("group.jpg")):
                print(reading.emotion.label, reading.face.box)
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        onnx: bool = False,
        device: str = "cpu",
        threads: int | None = None,
        detector: str = "blazeface",
        detector_model: Path | None = None,
        min_score: float = 0.5,
        smoothing: float = 0.3,
    ) -> None:
        """Load detector and network.

        Args:
            model: a bundle folder or one file in it; None takes the packaged default.
            onnx: of a folder, take the ONNX file.
            device: ``"cpu"`` or ``"cuda"``, for the emotion network.
            threads: CPU threads of each runtime; None leaves their choice.
            detector: a name of ``edge.detect.DETECTORS``.
            detector_model: model file of the ``yunet`` detector.
            min_score: least confidence of a reported face, 0..1.
            smoothing: time constant of the averaging per person, seconds; 0: none.

        Raises:
            EdgeError: a model or detector that cannot be loaded.
        """
        self.model = Model(None if model is None else Path(model), onnx=onnx, device=device, threads=threads)
        self.detector = load_detector(detector, min_score, threads, detector_model)
        self._tracker = Tracker()
        self._smoother = Smoother(smoothing)
        self._finished: deque[float] = deque(maxlen=30)

    def read(self, image: NDArray[np.uint8]) -> list[Reading]:
        """Return what a single BGR picture ``[H, W, 3]`` shows; faces have no id and nothing is smoothed."""
        faces = self.detector.detect(image)
        emotions = self.model.read(image, faces)
        return [Reading(face, emotion) for face, emotion in zip(faces, emotions, strict=True)]

    def process(self, frame: Frame, source: str = "", dropped: int = 0) -> Result:
        """Return the result of the next frame of a sequence: faces carry ids, emotions are smoothed per id."""
        clock = [time.perf_counter()]
        found = self.detector.detect(frame.image)
        clock.append(time.perf_counter())
        faces = self._tracker.update(found, frame.time)
        clock.append(time.perf_counter())
        crops = self.model.crop(frame.image, faces)
        clock.append(time.perf_counter())
        emotions = self.model.classify(crops)
        readings = tuple(
            Reading(face, self._smoother.update(face.id or 0, emotion, frame.time))
            for face, emotion in zip(faces, emotions, strict=True)
        )
        self._smoother.keep(self._tracker.ids)
        clock.append(time.perf_counter())
        stages = dict(zip(("detect", "track", "crop", "classify"), np.diff(clock) * 1e3, strict=True))
        timings = {name: float(value) for name, value in stages.items()}
        timings["total"] = (clock[-1] - clock[0]) * 1e3
        return Result(frame, source, readings, timings, self._fps(clock[-1]), dropped)

    def close(self) -> None:
        """Release both runtimes."""
        self.detector.close()
        self.model.close()

    def __enter__(self) -> EmotionReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fps(self, now: float) -> float:
        """Frames finished per second over the last 30."""
        self._finished.append(now)
        elapsed = now - self._finished[0]
        return (len(self._finished) - 1) / elapsed if elapsed > 0 else 0.0

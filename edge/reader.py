"""The library's front door: faces and emotions of pictures and of moving pictures."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.detect import Detector, load_detector
from edge.detect.following import FOLLOWED, INTERVAL, Following
from edge.errors import EdgeError
from edge.model import Model
from edge.smoothing import Smoother
from edge.sources import SourceOptions, open_source
from edge.tracking import Tracker
from edge.types import Frame, Reading, Result


class EmotionReader:
    """Finds faces and reads emotions; with memory for video (:meth:`process`) or without for pictures (:meth:`read`).

    Example::

        with EmotionReader() as reader:
            for reading in reader.read(cv2.imread("group.jpg")):
                print(reading.emotion.label, reading.face.box)

    Attributes:
        model: the emotion network.
        detector: finds the faces of a single picture.
        detector_name: its name in ``edge.detect.DETECTORS``.
        following: finds the faces of a sequence with it.
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
        search_interval: int = INTERVAL,
    ) -> None:
        """Load detector and network.

        Args:
            model: a bundle folder or one file in it; None takes the packaged default.
            onnx: of a folder, take the ONNX file.
            device: ``"cpu"`` or ``"cuda"``, for the emotion network.
            threads: CPU threads of each runtime; None: one for LiteRT, the runtime's choice for others.
            detector: a name of ``edge.detect.DETECTORS``.
            detector_model: model file of the ``yunet`` detector.
            min_score: least confidence of a reported face, 0..1.
            smoothing: time constant of the averaging per person, seconds; 0: none.
            search_interval: frames of a sequence from one search of the whole picture to the next; see
                :attr:`search_interval`.

        Raises:
            EdgeError: a model or detector that cannot be loaded.
        """
        self._onnx, self._device, self._threads = onnx, device, threads
        self._detector_model, self._min_score = detector_model, min_score
        self._interval = _checked(search_interval)
        self.model = self._load_model(model)
        self.detector, self.following = self._load_detector(detector)
        self.detector_name = detector
        self._tracker = Tracker()
        self._smoother = Smoother(smoothing)
        self._finished: deque[float] = deque(maxlen=30)

    @property
    def search_interval(self) -> int:
        """Frames of a sequence from one search of the whole picture to the next, at least 1; may be set at any time.

        In between, the faces found are followed by the same network in small windows, at a fraction of the cost. Who
        comes into view is seen after so many frames at the latest; who leaves is gone at once. 1 searches every frame.
        """
        return self._interval

    @search_interval.setter
    def search_interval(self, frames: int) -> None:
        self._interval = self.following.interval = _checked(frames)

    def change(self, *, model: Path | str | None = None, detector: str | None = None) -> None:
        """Replace the network, the detector or both between two frames; people keep their ids.

        Args:
            model: a bundle folder or one file in it; None keeps the network.
            detector: a name of ``edge.detect.DETECTORS``; None keeps the detector.

        Raises:
            EdgeError: one of them cannot be loaded; then both stay as they were.
        """
        new_model = None if model is None else self._load_model(model)
        try:
            found = None if detector is None else self._load_detector(detector)
        except EdgeError:
            if new_model is not None:
                new_model.close()
            raise
        if new_model is not None:
            self.model.close()
            self.model = new_model
        if found is not None:
            self.following.close()
            self.detector.close()
            self.detector, self.following = found
            self.detector_name = detector or self.detector_name

    def read(self, image: NDArray[Any]) -> list[Reading]:
        """Return what a single BGR picture shows; faces have no id and nothing is smoothed.

        Args:
            image: uint8 ``[H, W, 3]``, as ``cv2.imread`` returns it.

        Raises:
            EdgeError: it is no such picture.
        """
        picture = _picture(image)
        faces = self.detector.detect(picture)
        emotions = self.model.read(picture, faces)
        return [Reading(face, emotion) for face, emotion in zip(faces, emotions, strict=True)]

    def process(self, frame: Frame, source: str = "", dropped: int = 0) -> Result:
        """Return the result of the next frame of a sequence: faces carry ids, emotions are smoothed per id."""
        start = time.perf_counter()
        found = self.following.find(frame)
        detected = time.perf_counter()
        faces = self._tracker.update(found, frame.time)
        tracked = time.perf_counter()
        crops = self.model.crop(frame.image, faces)
        cropped = time.perf_counter()
        emotions = self.model.classify(crops)
        readings = tuple(
            Reading(face, self._smoother.update(face.id or 0, emotion, frame.time))
            for face, emotion in zip(faces, emotions, strict=True)
        )
        self._smoother.keep(self._tracker.ids)
        end = time.perf_counter()
        timings = {
            "detect": (detected - start) * 1e3,
            "track": (tracked - detected) * 1e3,
            "crop": (cropped - tracked) * 1e3,
            "classify": (end - cropped) * 1e3,
            "total": (end - start) * 1e3,
        }
        if frame.captured > 0:
            timings["latency"] = (end - frame.captured) * 1e3
        return Result(frame, source, readings, timings, self._fps(end), dropped)

    def watch(self, source: str | int | Path = 0, options: SourceOptions | None = None) -> Iterator[Result]:
        """Open a source and yield the result of each of its frames, until it ends or whoever asks stops asking.

        A camera goes on for ever: it is opened again when it is lost, and frames that come while a result is being used
        are replaced by newer ones. Of a file every frame comes. Ids go on from one source to the next.

        Args:
            source: what ``--source`` takes: a camera's number or name, a video, a picture, a folder, a URL, ``demo``.
            options: how to open it.

        Raises:
            EdgeError: it can't be opened, or breaks off.
        """
        with closing(open_source(str(source), options)) as opened:
            self.following.reset()
            self._tracker.update((), -math.inf)  # nobody here is somebody of the source before
            for frame in opened.frames():
                if frame is not None:
                    yield self.process(frame, opened.name, opened.dropped)

    def close(self) -> None:
        """Release the runtimes."""
        self.following.close()
        self.detector.close()
        self.model.close()

    def __enter__(self) -> EmotionReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load_model(self, model: Path | str | None) -> Model:
        path = None if model is None else Path(model)
        return Model(path, onnx=self._onnx, device=self._device, threads=self._threads)

    def _load_detector(self, name: str) -> tuple[Detector, Following]:
        detector = load_detector(name, self._min_score, self._threads, self._detector_model)
        following = Following(
            detector,
            interval=self._interval,
            min_score=self._min_score,
            threads=self._threads,
            follows=name in FOLLOWED,
        )
        return detector, following

    def _fps(self, now: float) -> float:
        """Frames finished per second over the last 30."""
        self._finished.append(now)
        elapsed = now - self._finished[0]
        return (len(self._finished) - 1) / elapsed if elapsed > 0 else 0.0


def _checked(interval: int) -> int:
    if interval < 1:
        raise EdgeError(f"a search interval of {interval} frames: use 1 (search every frame) or more")
    return interval


def _picture(image: NDArray[Any]) -> NDArray[np.uint8]:
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return image
    if image is None:
        raise EdgeError("there is no picture: cv2.imread returns None for a file that is missing or damaged")
    what = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
    raise EdgeError(
        f"a picture is uint8 [height, width, 3] in BGR order, not {what}; convert it, or give its path to watch()"
    )

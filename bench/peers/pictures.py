"""The same pictures for everybody: frames of a clip, and faces of a data set."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import LABELS


@dataclasses.dataclass(frozen=True)
class Frames:
    """Decoded frames.

    Attributes:
        images: uint8 ``[N, H, W, 3]``, BGR.
        source: where they come from, in words.
    """

    images: NDArray[np.uint8]
    source: str


@dataclasses.dataclass(frozen=True)
class Faces:
    """Pictures that are a face each.

    Attributes:
        images: uint8 ``[N, H, W, 3]``, BGR.
        truth: int64 ``[N]``, index in :data:`edge.labels.LABELS`.
        source: where they come from, in words.
    """

    images: NDArray[np.uint8]
    truth: NDArray[np.int64]
    source: str


def clip_frames(clip: Path, size: tuple[int, int] | None) -> Frames:
    """Return the frames of a video; see :func:`bench.live.load_frames`.

    Raises:
        EdgeError: no video.
    """
    from bench.live import load_frames

    return Frames(np.stack(load_frames(clip, size)), clip.name)


def demo_frames() -> Frames:
    """Return the built-in frames: two portraits, 640x480, ten seconds."""
    from edge.sources.demo import DemoSource

    images = [frame.image for frame in DemoSource().frames() if frame is not None]
    return Frames(np.stack(images), "the built-in portraits")


def read_faces(data: str, split: str, count: int, seed: int = 0) -> Faces:
    """Return labelled faces of a split, each the whole picture as it lies in the data set.

    Args:
        data: as for :func:`train.data.opening.open_split`.
        split: ``train``, ``validation`` or ``test``.
        count: how many, drawn with the seed; 0: all.
        seed: of the draw.

    Raises:
        EdgeError: no such data, or pictures of several sizes.
    """
    from train.data.opening import open_split

    samples = open_split(data, split).labelled()
    to_label = np.array([LABELS.index(name) if name in LABELS else -1 for name in samples.labels])
    samples = samples.take(to_label[samples.label] >= 0 if len(samples) else np.zeros(0, bool))
    total = len(samples)
    if not total:
        raise EdgeError(f"{data}: no image of split {split} carries one of the labels {', '.join(LABELS)}")
    if count and count < total:
        samples = samples.take(np.sort(np.random.default_rng(seed).choice(total, count, replace=False)))
    images = [samples.image(index)[:, :, ::-1] for index in range(len(samples))]
    if len({image.shape for image in images}) > 1:
        raise EdgeError(f"{data} holds pictures of several sizes; peers are compared on one size, such as FER+'s")
    return Faces(
        np.ascontiguousarray(np.stack(images)),
        to_label[samples.label],
        f"{samples.title}, {len(samples)} of {total} labelled faces",
    )

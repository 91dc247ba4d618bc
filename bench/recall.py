"""Following against searching every frame: who is missed, how far boxes and readings differ, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.detect import load_detector
from edge.detect.following import FOLLOWED, Following
from edge.errors import EdgeError
from edge.model import Model
from edge.tracking import overlap
from edge.types import Face, Frame

#: Boxes that share less are two faces.
_SAME = 0.3


class RecallReport(msgspec.Struct, frozen=True):
    """Following measured against a search in every frame, over one pass of a clip.

    Attributes:
        frames: in the clip.
        searched: of them, searched as a whole by following.
        faces: that searching every frame finds.
        missed: of them, faces following does not report in that frame.
        extra: faces that only following reports.
        least_overlap: smallest intersection over union of the two boxes of a face.
        median_overlap: its median.
        below: faces whose boxes share less than 0.7.
        same_emotion: share of faces with the same label, unsmoothed.
        probability_difference: mean absolute difference of a probability.
        search_ms: processor time a frame of searching every frame.
        following_ms: processor time a frame of following.
        cost: one divided by the other.
    """

    frames: int
    searched: int
    faces: int
    missed: int
    extra: int
    least_overlap: float
    median_overlap: float
    below: int
    same_emotion: float
    probability_difference: float
    search_ms: float
    following_ms: float
    cost: float


def measure_recall(
    images: Sequence[NDArray[np.uint8]],
    *,
    detector: str,
    interval: int,
    model: Model,
    fps: float,
    threads: int | None = None,
    passes: int = 5,
) -> RecallReport:
    """Run both over the same frames, taking turns at each frame.

    Args:
        images: BGR frames ``[H, W, 3]``.
        detector: one that can be followed.
        interval: frames from one search to the next.
        model: reads the emotions of both.
        fps: frames a second of the frames' clock.
        threads: CPU threads of each network.
        passes: how often the clip is run for the times, each from the start, after one pass to warm up and compare.

    Raises:
        EdgeError: a detector that is not followed, or nobody in the clip.
    """
    if detector not in FOLLOWED:
        raise EdgeError(f"--recall: {detector} searches every frame as it is; use {' or '.join(sorted(FOLLOWED))}")
    search = load_detector(detector, threads=threads)
    following = Following(load_detector(detector, threads=threads), interval=interval, threads=threads)
    frames = [Frame(image, index / fps, index) for index, image in enumerate(images)]
    overlaps: list[float] = []
    same: list[bool] = []
    differences: list[float] = []
    searched = missed = extra = 0
    for frame in frames:
        wanted, found = search.detect(frame.image), following.find(frame)
        searched += following.searched
        twins = _pairs(wanted, found)
        missed += len(wanted) - len(twins)
        extra += len(found) - len(twins)
        for face, twin, share in twins:
            overlaps.append(share)
            one, other = model.read(frame.image, [face])[0], model.read(frame.image, [twin])[0]
            same.append(one.label == other.label)
            differences.append(float(np.abs(np.subtract(one.probabilities, other.probabilities)).mean()))
    if not overlaps:
        raise EdgeError("--recall: no face was found; give a video with faces")
    spent = np.zeros(2)
    for _ in range(passes):
        following.reset()
        for frame in frames:
            begin = time.process_time()
            search.detect(frame.image)
            middle = time.process_time()
            following.find(frame)
            spent += (middle - begin, time.process_time() - middle)
    search.close()
    following.close()
    search_ms, following_ms = (spent / passes / len(frames) * 1e3).tolist()
    return RecallReport(
        frames=len(frames),
        searched=searched,
        faces=len(overlaps) + missed,
        missed=missed,
        extra=extra,
        least_overlap=min(overlaps),
        median_overlap=float(np.median(overlaps)),
        below=sum(share < 0.7 for share in overlaps),
        same_emotion=float(np.mean(same)),
        probability_difference=float(np.mean(differences)),
        search_ms=search_ms,
        following_ms=following_ms,
        cost=following_ms / search_ms,
    )


def show_recall(report: RecallReport) -> str:
    """Return the report as text."""
    return "\n".join(
        (
            f"following, {report.frames} frames, {report.searched} of them searched; against a search in every frame:",
            f"  faces      {report.faces}, {report.missed} missed, {report.extra} only followed",
            f"  boxes      overlap {report.least_overlap:.2f} at least, {report.median_overlap:.2f} in the median, "
            f"{report.below} below 0.7",
            f"  readings   {100 * report.same_emotion:.1f} % the same emotion, probabilities differ by "
            f"{report.probability_difference:.4f} on average",
            f"  cost       {report.following_ms:.2f} ms a frame instead of {report.search_ms:.2f}: "
            f"{100 * report.cost:.0f} %",
        )
    )


def _pairs(faces: Sequence[Face], others: Sequence[Face]) -> list[tuple[Face, Face, float]]:
    """Match the faces of two detectors by overlap, best first."""
    ranked = sorted(
        ((overlap(a.box, b.box), i, j) for i, a in enumerate(faces) for j, b in enumerate(others)), reverse=True
    )
    pairs: list[tuple[Face, Face, float]] = []
    rows: set[int] = set()
    columns: set[int] = set()
    for share, row, column in ranked:
        if share >= _SAME and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((faces[row], others[column], share))
    return pairs

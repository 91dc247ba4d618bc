"""One picture of a data set: how many of each class, where valence and arousal lie, sizes, and faces to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.files import replacing
from edge.palette import emotion_color
from train.data.samples import Samples
from train.inspection import Inspection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Faces of each class on the sheet, and the side of one in pixels.
_FACES, _SIDE = 12, 96
#: Bins of the valence-arousal plane on each axis.
_BINS = 40
_SHADES = ("#30475e", "#e08e45", "#7a9e7e")


def draw(found: dict[str, Inspection], path: Path, seed: int = 0) -> None:
    """Draw an inspection into a PNG, PDF or SVG file; no display is needed.

    Args:
        found: by split, see :func:`train.inspection.inspect`.
        path: where to; its ending chooses the format.
        seed: chooses the faces on the sheet.

    Raises:
        EdgeError: matplotlib is not installed, an ending it does not know, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise EdgeError("--draw needs matplotlib, which is not installed: pip install matplotlib") from error
    first = next(iter(found.values())).samples
    height = 0.85 * max(1, int((first.counts > 0).sum())) + 0.4
    figure = Figure(figsize=(13, 4.8 + height), layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(2, 1, height_ratios=(4.8, height))
    top, bottom = parts
    figure.suptitle(f"{first.title}: {len(first):,} images", fontsize=14, fontweight="bold")
    counts, plane, sizes = top.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _draw_counts(counts, found)
    _draw_plane(plane, first, top)
    _draw_sizes(sizes, found)
    _draw_sheet(bottom.subplots(), first, seed)
    if path.suffix.lower().lstrip(".") not in FigureCanvasAgg.get_supported_filetypes():
        raise EdgeError(f"--draw {path}: a picture ends in .png, .pdf or .svg")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw_counts(axes: Axes, found: dict[str, Inspection]) -> None:
    """Bars by class and split, on a logarithmic scale: the rare classes are the ones to see."""
    labels = next(iter(found.values())).samples.labels
    place = np.arange(len(labels))
    height = 0.8 / len(found)
    most = 1
    for index, (split, inspection) in enumerate(found.items()):
        counts = inspection.samples.counts
        most = max(most, int(counts.max()))
        where = place + (index - (len(found) - 1) / 2) * height
        axes.barh(where, np.maximum(counts, 0.5), height, color=_SHADES[index], label=split)
        for y, count in zip(where, counts, strict=True):
            axes.text(max(count, 0.5) * 1.1, y, f"{count:,}", va="center", fontsize=7)
    axes.set_xscale("log")
    axes.set_xlim(0.5, most * 4)
    axes.set_yticks(place, labels)
    axes.invert_yaxis()
    axes.set_title("images of each class (log scale)", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    _bare(axes)


def _draw_plane(axes: Axes, samples: Samples, figure: Any) -> None:
    """Density of the annotated images over valence and arousal, with each class's mean."""
    from matplotlib.colors import LogNorm

    known = np.isfinite(samples.valence_arousal).all(axis=1)
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xlabel="valence", ylabel="arousal")
    weak = ", weak" if samples.weak_affect else ""
    axes.set_title(f"valence and arousal{weak}: {known.mean():.0%} of the images", fontsize=10)
    axes.axhline(0, color="#cccccc", lw=0.8)
    axes.axvline(0, color="#cccccc", lw=0.8)
    _bare(axes)
    if not known.any():
        axes.text(0, 0.1, "nothing annotated", ha="center", color="#888888")
        return
    valence, arousal = samples.valence_arousal[known].T
    density, _, _ = np.histogram2d(valence, arousal, bins=_BINS, range=((-1, 1), (-1, 1)))
    shown = np.ma.masked_equal(density.T, 0)
    image = axes.imshow(
        shown,
        extent=(-1, 1, -1, 1),
        origin="lower",
        cmap="Blues",
        norm=LogNorm(1, max(10, density.max())),
        interpolation="nearest",
        zorder=2,
    )
    figure.colorbar(image, ax=axes, shrink=0.7, label="images")
    for index, name in enumerate(samples.labels):
        of_class = samples.valence_arousal[known & (samples.label == index)]
        if len(of_class):
            x, y = of_class.mean(axis=0)
            axes.plot(x, y, "o", ms=7, color=_color(name, index), mec="black", mew=0.8, zorder=3, label=name, ls="")
    axes.legend(
        fontsize=7,
        frameon=False,
        ncols=4,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        title="mean of each class",
        title_fontsize=7,
        columnspacing=1,
        handletextpad=0.2,
    )


def _draw_sizes(axes: Axes, found: dict[str, Inspection]) -> None:
    """How long the pictures' longer sides are; a sentence where all are the same."""
    sides = [inspection.sizes.max(axis=1) for inspection in found.values() if len(inspection.sizes)]
    gray = next(iter(found.values())).gray
    axes.set_title(f"longer side of the files ({gray:.0%} gray)", fontsize=10)
    _bare(axes)
    low, high = min(int(side.min()) for side in sides), max(int(side.max()) for side in sides)
    if low == high:
        axes.set_axis_off()
        axes.text(0.5, 0.85, f"all {low} pixels", ha="center", va="center", fontsize=13, transform=axes.transAxes)
        return
    edges = np.unique(np.linspace(low, high + 1, 41).astype(int)).tolist()
    for index, side in enumerate(sides):
        axes.hist(side, bins=edges, color=_SHADES[index], histtype="stepfilled", alpha=0.7)
    axes.set(xlabel="pixels", ylabel="images")


def _draw_sheet(axes: Axes, samples: Samples, seed: int) -> None:
    """A row of random faces for each class that has any."""
    present = np.flatnonzero(samples.counts).tolist()
    axes.imshow(_sheet(samples, present, seed), interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks(_SIDE * (np.arange(len(present)) + 0.5), [samples.labels[label] for label in present])
    axes.tick_params(length=0)
    axes.set_title("faces of each class, drawn at random", fontsize=10)
    for side in axes.spines.values():
        side.set_visible(False)


def _sheet(samples: Samples, present: list[int], seed: int) -> NDArray[np.uint8]:
    """Return a row of faces a class, uint8 ``[classes * side, faces * side, 3]``, RGB; white where there are fewer."""
    sheet = np.full((max(1, len(present)) * _SIDE, _FACES * _SIDE, 3), 255, np.uint8)
    for line, label in enumerate(present):
        rows = np.flatnonzero(samples.label == label)
        chosen = np.random.default_rng((seed, label)).permutation(rows)[:_FACES]
        for column, row in enumerate(chosen):
            top, left = line * _SIDE, column * _SIDE
            sheet[top : top + _SIDE, left : left + _SIDE] = _framed(samples.image(int(row)))
    return sheet


def _framed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fit a face into a square of the sheet, its sides' ratio kept, with a thin white border."""
    room = _SIDE - 4
    height, width = image.shape[:2]
    scale = room / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    result = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result


def _color(name: str, index: int) -> tuple[float, float, float]:
    blue, green, red = emotion_color(name, index)
    return red / 255, green / 255, blue / 255


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)

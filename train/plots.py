"""Pictures of a run and of an evaluation, as PNG files. Needs matplotlib, which is imported when something is drawn.

Colours are Okabe & Ito's, which people with every kind of colour vision can tell apart; classes differ in their marker
too.
"""

from __future__ import annotations

import csv
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.files import replacing
from edge.palette import emotion_color
from train.predictions import Predictions

_BLUE, _ORANGE, _GRAY = "#0072B2", "#D55E00", "#808080"
_MARKERS = "oXs^Dv*P"
_BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 3}
#: Names a learning rate may have in ``metrics.csv``.
_RATES = ("lr", "learning_rate")
#: Most points of a scatter; more only make a blot.
_POINTS = 3000


def draw_all(out: Path, predictions: Predictions) -> list[Path]:
    """Draw a finished run and its best epoch into ``out / "plots"``; without matplotlib say so in one line.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    try:
        _figure(1, 1)
    except ImportError as error:  # not installed, or built for another numpy: no reason to end a run that is done
        print(f"plots are left out: {error} (pip install matplotlib)", file=sys.stderr)
        return []
    return [*draw_run(out), *draw_evaluation(predictions, out / "plots")]


def draw_run(folder: Path) -> list[Path]:
    """Draw the curves of ``folder / "metrics.csv"`` into ``folder / "plots" / "run.png"``; nothing without a table.

    Raises:
        EdgeError: the picture cannot be written.
    """
    table = folder / "metrics.csv"
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        columns = _columns(list(csv.DictReader(file)))
    epoch = columns.pop("epoch", np.zeros(0))
    panels: list[tuple[str, list[tuple[str, str, str, str]]]] = [
        ("loss", [("train_loss", "training", _BLUE, "o"), ("val_loss", "validation", _ORANGE, "s")]),
        ("validation", [("val_accuracy", "accuracy", _BLUE, "o"), ("val_macro_f1", "macro F1", _ORANGE, "s")]),
        ("learning rate", [(name, "learning rate", _BLUE, "o") for name in _RATES]),
    ]
    panels = [(title, [line for line in lines if line[0] in columns]) for title, lines in panels]
    panels = [(title, lines) for title, lines in panels if lines]
    if not panels or not len(epoch):
        return []
    figure = _figure(4.6 * len(panels), 3.6)
    for axes, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, label, colour, marker in lines:
            every = max(1, len(epoch) // 12)
            axes.plot(epoch, columns[name], color=colour, marker=marker, markevery=every, markersize=4, label=label)
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(frameon=False)
        if title == "validation":
            _mark_best(axes, epoch, columns)
    return [_save(figure, folder / "plots" / "run.png")]


def draw_evaluation(predictions: Predictions, folder: Path) -> list[Path]:
    """Draw confusion matrix, reliability diagram and, where annotated, the valence-arousal plane into ``folder``.

    Returns:
        The files written: ``confusion.png``, ``reliability.png``, ``valence_arousal.png``.

    Raises:
        EdgeError: a picture cannot be written.
    """
    drawn = [
        _save(_confusion(predictions), folder / "confusion.png"),
        _save(_reliability(predictions), folder / "reliability.png"),
    ]
    if not np.isnan(predictions.target).any(axis=1).all():
        drawn.append(_save(_plane(predictions), folder / "valence_arousal.png"))
    return drawn


def _confusion(p: Predictions) -> Any:
    counts = metrics.confusion_matrix(p.truth, p.predicted, len(p.labels))
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.full(counts.shape, np.nan), where=rows > 0)
    figure = _figure(1.2 * len(p.labels) + 4, 0.55 * len(p.labels) + 2)
    figure.suptitle(f"{p.data}: {len(p)} images, accuracy {100 * metrics.accuracy(p.truth, p.predicted):.1f} %")
    left, right = figure.subplots(1, 2)
    for axes, values, title in ((left, counts, "images"), (right, shares, "share of the label's images")):
        # Both panels are coloured by share, else the frequent class is all one sees.
        axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            text = "" if np.isnan(value) or value == 0 else f"{value}" if axes is left else _percent(value)
            dark = np.nan_to_num(shares)[row, column] > 0.5
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
        axes.set(title=title, xlabel="predicted", ylabel="label" if axes is left else "")
        axes.set_xticks(range(len(p.labels)), p.labels, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(p.labels)), p.labels if axes is left else [])
    return figure


def _reliability(p: Predictions) -> Any:
    states = [("raw logits", 1.0)]
    if p.temperature != 1:
        here = " (fitted on these images)" if p.in_sample else ""
        states.append((f"temperature {p.temperature:.2f}{here}", p.temperature))
    figure = _figure(4.4 * len(states), 5.2)
    figure.suptitle(f"{p.data}: {len(p)} images", fontsize=11)
    grid = figure.subplots(2, len(states), squeeze=False, height_ratios=(4, 1), sharex=True)
    edges = np.linspace(0, 1, metrics.BINS + 1)[:-1]
    for (axes, below), (title, temperature) in zip(grid.T, states, strict=True):
        confidence = metrics.softmax(p.logits.astype(float), temperature).max(axis=1)
        bins = metrics.reliability(p.hit, confidence)
        bar = {"width": 1 / metrics.BINS, "align": "edge", "edgecolor": "white"}
        axes.bar(edges, bins.accuracy, color=_BLUE, label="accuracy", **bar)
        axes.plot(bins.confidence, bins.confidence, "_", color=_ORANGE, markersize=13, mew=3, label="mean confidence")
        axes.plot([0, 1], [0, 1], color=_GRAY, linestyle="--", linewidth=1)
        error = f"ECE {metrics.ece(p.hit, confidence):.3f}"
        axes.text(0.97, 0.04, error, ha="right", bbox=_BOX, transform=axes.transAxes)
        axes.set(title=title, xlim=(0, 1), ylim=(0, 1), ylabel="share that is right")
        axes.legend(frameon=False, loc="upper left", fontsize=9)
        below.bar(edges, bins.count / len(p), color=_GRAY, **bar)
        below.set(xlabel="confidence", ylabel="images")
        below.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    return figure


def _plane(p: Predictions) -> Any:
    known = np.flatnonzero(~np.isnan(p.target).any(axis=1))
    if len(known) > _POINTS:
        known = np.sort(np.random.default_rng(0).permutation(known)[:_POINTS])
    figure = _figure(10.6, 5.0)
    target = "weak signal, made from the labels: no annotation" if p.weak_affect else "annotation"
    more = "" if len(known) == len(p) else f", {len(known)} of {len(p)}"
    figure.suptitle(f"{p.data}{more}: valence and arousal, coloured by label")
    panels = zip(figure.subplots(1, 2), ((target, p.target), ("prediction", p.valence_arousal)), strict=True)
    angle = np.linspace(0, 2 * np.pi, 200)
    handles = []
    for axes, (title, points) in panels:
        axes.plot(np.cos(angle), np.sin(angle), color=_GRAY, linewidth=0.8)
        axes.axhline(0, color=_GRAY, linewidth=0.5)
        axes.axvline(0, color=_GRAY, linewidth=0.5)
        handles = [
            axes.scatter(
                *points[known][p.truth[known] == index].T,
                s=14,
                color=_rgb(label, index),
                marker=_MARKERS[index % len(_MARKERS)],
                linewidths=0.3,
                edgecolors="black",
                alpha=0.7,
                label=label,
            )
            for index, label in enumerate(p.labels)
            if (p.truth[known] == index).any()
        ]
        axes.set(title=title, xlabel="valence", ylabel="arousal", aspect="equal")
        for set_limits, set_ticks in ((axes.set_xlim, axes.set_xticks), (axes.set_ylim, axes.set_yticks)):
            set_limits(-1.05, 1.05)
            set_ticks((-1, -0.5, 0, 0.5, 1))
    figure.legend(handles=handles, loc="outside right center", frameon=False)
    return figure


def _percent(share: float) -> str:
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _mark_best(axes: Any, epoch: NDArray[np.float64], columns: dict[str, NDArray[np.float64]]) -> None:
    values = columns.get("val_accuracy")
    if values is None or np.isnan(values).all():
        return
    best = int(np.nanargmax(values))
    axes.axvline(epoch[best], color=_GRAY, linestyle=":", linewidth=1)
    axes.set_title(f"validation (best accuracy: {values[best]:.3f}, epoch {epoch[best]:.0f})", fontsize=10)


def _columns(rows: Sequence[dict[str, str]]) -> dict[str, NDArray[np.float64]]:
    """The numbers of a table by column; NaN for an empty cell. Columns without any number are left out."""
    names = rows[0].keys() if rows else ()
    columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
    return {name: values for name, values in columns.items() if not np.isnan(values).all()}


def _rgb(label: str, index: int) -> tuple[float, ...]:
    return tuple(value / 255 for value in emotion_color(label, index)[::-1])


def _figure(width: float, height: float) -> Any:
    """An empty figure, in inches; no window system is asked for, whatever the environment says."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> Path:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)
    return path

"""Look at a data set before training on it: what ``edge-train inspect`` prints and draws."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from train.data.checking import look_at_all
from train.data.findings import Fault
from train.data.opening import open_split
from train.data.samples import MissingSplitError, Samples
from train.plain import plain

_SPLITS = ("train", "validation", "test")
_BAR = 30
#: A class weighed more than this many times the commonest lets single images lead a batch; a rule of thumb.
_HEAVIEST = 10.0


@dataclasses.dataclass(frozen=True)
class Affect:
    """Valence or arousal of one split, values in [-1, 1].

    Attributes:
        annotated: share of the images that have it, 0..1.
        low: smallest value; NaN where nothing is annotated, as with the others.
        high: largest.
        mean: by class, NaN for a class without any.
    """

    annotated: float
    low: float
    high: float
    mean: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Inspection:
    """One split.

    Attributes:
        samples: its images that are sound.
        affect: by ``"valence"`` and ``"arousal"``.
        sizes: int64 ``[N, 2]``, width and height of the files in pixels.
        gray: share of the pictures without colour.
        faults: images that cannot be used.
    """

    samples: Samples
    affect: dict[str, Affect]
    sizes: NDArray[np.int64]
    gray: float
    faults: tuple[Fault, ...]

    def record(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        samples, findings = self.samples, self.samples.findings
        return {
            "name": samples.title,
            "images": len(samples),
            "unlabelled": int((samples.label < 0).sum()),
            "classes": dict(zip(samples.labels, samples.counts.tolist(), strict=True)),
            "imbalance": imbalance(samples),
            "affect": samples.affect_source,
            **{name: plain(dataclasses.asdict(affect)) for name, affect in self.affect.items()},
            "size": dict(zip(("min", "median", "max"), self._sizes(), strict=True)),
            "gray": self.gray,
            "left_out": dict(findings.dropped),
            "disagreements": findings.disagreements,
            "notes": list(findings.notes),
            "faults": [{"path": str(fault.path), "reason": fault.reason} for fault in self.faults],
        }

    def _sizes(self) -> list[list[int]]:
        sizes = self.sizes if len(self.sizes) else np.zeros((1, 2), np.int64)
        return [sizes.min(0).tolist(), np.median(sizes, axis=0).astype(int).tolist(), sizes.max(0).tolist()]


def inspect(
    data: str, classes: tuple[str, ...] | None = None, class_order: tuple[str, ...] | None = None
) -> dict[str, Inspection]:
    """Open every split that a data set has, and look at every image.

    Args:
        data: what the user typed, see :func:`train.data.opening.open_split`.
        classes: those to keep.
        class_order: what class numbers mean.

    Raises:
        EdgeError: what the reader raises; a split that is merely not there is left out.
    """
    found: dict[str, Inspection] = {}
    missing: list[EdgeError] = []
    for split in _SPLITS:
        try:
            samples = open_split(data, split, classes, class_order)
        except MissingSplitError as error:
            missing.append(error)
            continue
        if any(samples.name == other.samples.name for other in found.values()):
            continue  # who has no validation folder is measured on the test one: the same images
        found[split] = _inspect(samples)
    if not found:
        raise missing[0]
    return found


def imbalance(samples: Samples) -> float:
    """How many times more images the commonest class has than the rarest that occurs; 1 where they are even."""
    counts = samples.counts[samples.counts > 0]
    return float(counts.max() / counts.min()) if len(counts) else 1.0


def advice(samples: Samples) -> str:
    """What the imbalance of a training split suggests."""
    ratio = imbalance(samples)
    if ratio < 1.5:
        return "the classes that occur are even: nothing to balance"
    # balanced_weights gives the rarest class ratio ** balance times the weight of the commonest.
    balance = min(1.0, math.floor(10 * math.log(_HEAVIEST) / math.log(ratio)) / 10)
    return (
        f"the commonest class has {ratio:.1f} times the images of the rarest: try --balance {balance:.1f} (the rarest "
        f"then weighs {ratio**balance:.1f} times as much), and read macro F1 beside accuracy"
    )


def _inspect(samples: Samples) -> Inspection:
    looks = look_at_all(samples, color=True)
    sound = np.array([not look.reason for look in looks], dtype=bool)
    good = [look for look in looks if not look.reason]
    faults = tuple(Fault(samples.paths[row], look.reason) for row, look in enumerate(looks) if look.reason)
    kept = samples.take(sound)
    return Inspection(
        samples=kept,
        affect={name: _affect(kept, column) for column, name in enumerate(("valence", "arousal"))},
        sizes=np.array([(look.width, look.height) for look in good], dtype=np.int64).reshape(-1, 2),
        gray=sum(look.gray for look in good) / max(1, len(good)),
        faults=samples.findings.faults + faults,
    )


def _affect(samples: Samples, column: int) -> Affect:
    values = samples.valence_arousal[:, column]
    known = np.isfinite(values)
    if not known.any():
        return Affect(0.0, math.nan, math.nan, (math.nan,) * len(samples.labels))
    means = []
    for label in range(len(samples.labels)):
        of_class = values[known & (samples.label == label)]
        means.append(float(of_class.mean()) if len(of_class) else math.nan)
    return Affect(float(known.mean()), float(values[known].min()), float(values[known].max()), tuple(means))


def text(found: dict[str, Inspection]) -> str:
    """The inspection as a page for a terminal."""
    pages = [_page(inspection) for inspection in found.values()]
    first = next(iter(found.values())).samples
    return "\n\n".join([*pages, f"advice    {advice(first)}"])


def _page(inspection: Inspection) -> str:
    samples = inspection.samples
    counts = samples.counts
    total, most = max(1, int(counts.sum())), max(1, int(counts.max()))
    unlabelled = int((samples.label < 0).sum())
    small, middle, large = (f"{w} x {h}" for w, h in inspection._sizes())
    lines = [
        f"data      {samples.title}: {len(samples):,} images"
        + (f", {unlabelled:,} of them without a label" if unlabelled else ""),
        f"licence   {samples.licence}",
        f"pictures  {small} at least, {middle} in the middle, {large} at most; {_colour(inspection.gray)}"
        + ("" if samples.boxes is None else "; cropped by a face box each"),
        f"affect    {samples.affect_source}",
    ]
    for name, affect in inspection.affect.items():
        if affect.annotated:
            lines.append(f"{name:<10}{affect.annotated:.1%} of the images, {affect.low:+.2f} to {affect.high:+.2f}")
    lines += ["", f"{'class':<12}{'images':>9}{'share':>8}{'valence':>9}{'arousal':>9}"]
    means = (inspection.affect["valence"].mean, inspection.affect["arousal"].mean)
    for name, count, valence, arousal in zip(samples.labels, counts.tolist(), *means, strict=True):
        bar = "#" * math.ceil(_BAR * count / most)
        lines.append(f"{name:<12}{count:>9,}{count / total:>8.1%}{_mean(valence)}{_mean(arousal)}  {bar}".rstrip())
    lines += ["", *(_problems(inspection) or ["problems  none found"])]
    return "\n".join(lines)


def _problems(inspection: Inspection) -> list[str]:
    samples = inspection.samples
    empty = [name for name, count in zip(samples.labels, samples.counts, strict=True) if not count]
    lines = [f"no image of {', '.join(empty)}"] if empty else []
    findings = dataclasses.replace(samples.findings, faults=())
    lines += findings.lines()
    if inspection.faults:
        share = len(inspection.faults) / (len(samples) + len(inspection.faults))
        lines.append(f"images that cannot be used: {len(inspection.faults):,} ({share:.2%})")
        lines += [f"  {fault.path}: {fault.reason}" for fault in inspection.faults[:10]]
        if len(inspection.faults) > 10:
            lines.append(f"  and {len(inspection.faults) - 10:,} more (--json lists all)")
    return [f"{'problems' if not index else '':<10}{line}" for index, line in enumerate(lines)]


def _colour(gray: float) -> str:
    return {0.0: "all in colour", 1.0: "all gray (train with --gray)"}.get(gray, f"{gray:.1%} gray")


def _mean(value: float) -> str:
    return f"{'-':>9}" if math.isnan(value) else f"{value:>+9.2f}"

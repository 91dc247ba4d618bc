"""The gate: which files may enter a bundle. It sees a file's answers on held-out images, and the file itself."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

from edge.bundle import Config, Precision
from edge.verify import FLOAT_LIMIT, float16_limit
from quantize.parity import Comparison

#: Classes with fewer images are not judged one by one: a single face would decide.
CLASS_IMAGES = 20


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an int8 file may lose.

    A loss counts where it is beyond the limit *and* real: the lower end of its 95 % paired interval is above zero, and
    agreement is too small where all of its 95 % interval is. A file is not kept out by the draw of a few images.

    Attributes:
        drop: of accuracy, 0..1.
        agreement: smallest share of images with the checkpoint's emotion, 0..1.
        affect_rmse: largest root mean squared change of valence and of arousal, on their scale of -1..1.
        class_drop: of the recall of one class, 0..1.
    """

    drop: float = 0.005
    agreement: float = 0.97
    affect_rmse: float = 0.05
    class_drop: float = 0.1


def judge(path: Path, config: Config, precision: Precision, comparison: Comparison, limits: Limits) -> str | None:
    """Return why a file must not enter a bundle, in one line, or None where it may.

    Args:
        path: the file.
        config: of the bundle.
        precision: decides which rules hold.
        comparison: of the file's answers with the checkpoint's.
        limits: for int8 of any kind.
    """
    if not comparison.finite:
        return "gives values that are no numbers"
    problem = _metadata(path, config)
    if problem:
        return problem
    if precision in ("float32", "float16"):
        return _beyond(comparison, FLOAT_LIMIT if precision == "float32" else float16_limit(comparison.logits))
    return _saturates(path) or _loses(comparison, limits)


def _beyond(comparison: Comparison, limit: float) -> str | None:
    worst = max(comparison.parity.logit_difference, comparison.parity.affect_difference)
    return None if worst <= limit else f"differs from the checkpoint by {worst:.2g}, allowed are {limit:g}"


def _loses(comparison: Comparison, limits: Limits) -> str | None:
    parity = comparison.parity
    if _wilson_upper(parity.agreement, parity.samples) < limits.agreement:
        return (
            f"names the checkpoint's emotion on {parity.agreement:.1%} of the images, {limits.agreement:.1%} are needed"
        )
    if parity.accuracy_drop is not None and parity.accuracy_drop_interval is not None:
        low, high = (100 * end for end in parity.accuracy_drop_interval)
        if parity.accuracy_drop > limits.drop and low > 0:
            return (
                f"loses {100 * parity.accuracy_drop:.2f} points of accuracy (95 % interval {low:.2f} to {high:.2f}), "
                f"allowed are {100 * limits.drop:g}"
            )
    for name, rmse in (("valence", parity.valence_rmse), ("arousal", parity.arousal_rmse)):
        if rmse > limits.affect_rmse:
            return f"moves {name} by {rmse:.3f} (root mean square), allowed are {limits.affect_rmse:g}"
    for label, lost in comparison.recall_drops.items():
        if lost.images >= CLASS_IMAGES and lost.drop > limits.class_drop and lost.low > 0:
            return (
                f"recognises {label} in {100 * lost.drop:.1f} % fewer of its {lost.images} images, allowed are "
                f"{100 * limits.class_drop:g}"
            )
    return None


def _wilson_upper(share: float, count: int) -> float:
    """Upper end of the 95 % interval of a share of ``count`` images (Wilson 1927, *J. Am. Stat. Assoc.* 22:209-212)."""
    z = 1.96
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle + spread) / (1 + z * z / count)


def _saturates(path: Path) -> str | None:
    """Whether processors without VNNI would compute an int8 ONNX file wrongly; see :mod:`quantize.int8.onnx`."""
    if path.suffix != ".onnx":
        return None
    from quantize.int8.onnx import LIMIT, widest_weight

    widest = widest_weight(path)
    if widest == 0:
        return "holds no int8 weight"
    if widest > LIMIT:
        return f"has weights up to {widest}; beyond {LIMIT} processors without VNNI saturate and compute wrong values"
    return None


def _metadata(path: Path, config: Config) -> str | None:
    """Whether an ONNX file tells its users another order of labels than the config does."""
    if path.suffix != ".onnx":
        return None
    import onnx

    facts = {entry.key: entry.value for entry in onnx.load(str(path), load_external_data=False).metadata_props}
    if "labels" in facts and json.loads(facts["labels"]) != list(config.labels):
        return f"its metadata gives the labels as {facts['labels']}, the config in another order"
    return None

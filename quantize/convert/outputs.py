"""Which outputs of somebody's ONNX model hold emotions, and which valence and arousal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from quantize.convert.labels import need_labels
from quantize.convert.original import widths

Outputs = Mapping[str, NDArray[Any]]

#: What probabilities are raised to before their logarithm is taken: softmax underflows to zero.
SMALLEST = 1e-10


@dataclasses.dataclass(frozen=True)
class Named:
    """What the user says about the outputs; None where nothing.

    Attributes:
        logits: name of the output with one raw number an emotion.
        probabilities: name of the output with one probability an emotion.
        affect: name of the output with valence and arousal, two names with a comma, or ``"none"``.
    """

    logits: str | None = None
    probabilities: str | None = None
    affect: str | None = None


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which outputs are taken.

    Attributes:
        labels: of the emotions, C of them.
        emotion: name of the output whose first C numbers they are.
        logarithm: they are probabilities.
        affect: names of one output with two numbers, or of two with one each; empty: none; the name of ``emotion``: its
            last two numbers.
    """

    labels: tuple[str, ...]
    emotion: str
    logarithm: bool
    affect: tuple[str, ...]

    @property
    def found(self) -> str:
        """The choice in words."""
        kind = "probabilities" if self.logarithm else "logits"
        if not self.affect:
            return f"{self.emotion}: {kind}"
        same = self.affect == (self.emotion,)
        return f"{self.emotion}: {kind}; {'its last two' if same else ', '.join(self.affect)}: valence, arousal"

    def expected(self, outputs: Outputs, tanh: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the logits ``[N, C]`` and valence/arousal ``[N, 2]`` that a bundle must give, from the original's."""
        count = len(self.labels)
        flat = {name: value.reshape(len(value), -1).astype(np.float64) for name, value in outputs.items()}
        emotion = flat[self.emotion][:, :count]
        logits = np.log(np.maximum(emotion, SMALLEST)) if self.logarithm else emotion
        if not self.affect:
            return logits, np.zeros((len(logits), 2))
        if self.affect == (self.emotion,):
            affect = flat[self.emotion][:, count:]
        else:
            affect = np.concatenate([flat[name] for name in self.affect], axis=1)
        return logits, np.tanh(affect) if tanh else np.clip(affect, -1, 1)


def choose(outputs: Outputs, named: Named, labels: tuple[str, ...] | None) -> Chosen:
    """Decide by what the user says and by what the model gave for real faces.

    Args:
        outputs: of the original, ``[N, ...]`` each.
        named: what the user says.
        labels: what the user calls the emotions, or None.

    Raises:
        EdgeError: a name that is no output, numbers that do not fit the labels, or a choice only the user can make.
    """
    said = [name for name in (named.logits, named.probabilities, *_affect_names(named)) if name is not None]
    for name in said:
        if name not in outputs:
            raise EdgeError(f"it has no output {name} with one row a picture; it gives {widths(outputs)}")
    if named.logits and named.probabilities:
        raise EdgeError("--logits and --probabilities name the same thing; give one of them")
    emotion = named.logits or named.probabilities or _only(outputs, _affect_names(named), labels)
    labels = need_labels(labels, _width(outputs[emotion]), f"its output {emotion}")
    affect = _affect(outputs, named, emotion, len(labels))
    wanted = len(labels) + 2 * (affect == (emotion,))
    if _width(outputs[emotion]) != wanted:
        raise EdgeError(_misfit(emotion, _width(outputs[emotion]), labels))
    return Chosen(labels, emotion, _are_probabilities(outputs, named, emotion, len(labels)), affect)


def _affect_names(named: Named) -> tuple[str, ...]:
    if named.affect is None or named.affect == "none":
        return ()
    return tuple(name.strip() for name in named.affect.split(","))


def _only(outputs: Outputs, affect: tuple[str, ...], labels: tuple[str, ...] | None) -> str:
    """The one output that can hold the emotions."""
    candidates = [name for name in outputs if len(outputs) == 1 or name not in affect]
    if labels is not None and len(candidates) > 1:
        candidates = [name for name in candidates if _width(outputs[name]) in (len(labels), len(labels) + 2)]
    if len(candidates) != 1:
        raise EdgeError(
            f"it gives {widths(outputs)}: say which holds the emotions, with --logits NAME (raw numbers) or "
            "--probabilities NAME, and --labels for their order"
        )
    return candidates[0]


def _affect(outputs: Outputs, named: Named, emotion: str, count: int) -> tuple[str, ...]:
    names = _affect_names(named)
    if names:
        sizes = [_width(outputs[name]) for name in names]
        if names == (emotion,) or sizes in ([2], [1, 1]):
            return names
        raise EdgeError(
            f"--valence-arousal {named.affect}: wanted is one output of two numbers, or two of one, not {sizes}; it "
            f"gives {widths(outputs)}"
        )
    pairs = [name for name, value in outputs.items() if name != emotion and _width(value) == 2]
    if pairs and named.affect is None and count != 2:
        raise EdgeError(
            f"its output {pairs[0]} has two numbers: say --valence-arousal {pairs[0]} if they are valence and arousal "
            "in this order, else --valence-arousal none"
        )
    return ()


def _misfit(emotion: str, width: int, labels: tuple[str, ...]) -> str:
    if width == len(labels) + 2:
        return (
            f"its output {emotion} gives {width} numbers and --labels names {len(labels)}: if the last two are valence "
            f"and arousal, say --valence-arousal {emotion}; if they are emotions, name all {width}"
        )
    return f"--labels names {len(labels)} ({', '.join(labels)}), and its output {emotion} gives {width} numbers"


def _are_probabilities(outputs: Outputs, named: Named, emotion: str, count: int) -> bool:
    values = outputs[emotion].reshape(len(outputs[emotion]), -1)[:, :count].astype(np.float64)
    within = bool((values >= -1e-6).all() and (values <= 1 + 1e-6).all())
    sums = within and bool((np.abs(values.sum(axis=1) - 1) < 1e-3).all())
    if named.probabilities and not sums:
        raise EdgeError(f"--probabilities {emotion}: its numbers do not sum to one; use --logits {emotion}")
    if named.logits and sums:
        raise EdgeError(
            f"--logits {emotion}: its numbers are probabilities, they sum to one; use --probabilities {emotion}"
        )
    if within and not sums and not named.logits:
        raise EdgeError(
            f"its output {emotion} lies in 0..1 but does not sum to one, as independent yes-or-no outputs do; say "
            f"--logits {emotion} if softmax over it gives the chances"
        )
    return sums


def _width(values: NDArray[Any]) -> int:
    return int(np.prod(values.shape[1:]))
